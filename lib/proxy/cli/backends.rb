# frozen_string_literal: true

module Proxy
  module CLI
    # `proxy backends`
    # @api private
    class Backends < Asking
      describe "add, change and remove backends", <<~HELP
        proxy backends add UPSTREAM ADDRESS [OPTIONS]
        proxy backends change NAME... [OPTIONS]
        proxy backends remove NAME

        Adds a backend to an upstream of a running proxy, changes or removes one. It
        lasts until the next reload, or longer with `state` in the Proxyfile. The
        requests in flight at a removed backend finish. `proxy status` lists them.

              --weight N          its share of the requests, from 1
              --max-connections N most requests at a time; 0: no limit
              --backup            it gets requests only when the others are gone
          NAMING
              --json              print one JSON object instead
          -h, --help              this text

        Examples:
          proxy backends add app 127.0.0.1:3003 --weight 2
          proxy backends change app/127.0.0.1:3003 --max-connections 20
          proxy backends remove app/127.0.0.1:3003
      HELP

      private

      def declare(options)
        super
        whole_option(options, "--weight N", 1) { |number| @weight = number }
        whole_option(options, "--max-connections N", 0) { |number| @max_connections = number }
        options.on("--backup") { @backup = true }
      end

      def changes = { weight: @weight, max_connections: @max_connections, backup: @backup }.compact

      def obey(*rest)
        case rest
        in ["add", upstream, address]
          answer(control.add_backend(upstream, address, **changes)) { "#{upstream} has #{address} now." }
        in ["add", *] then usage("add needs two words: write `proxy backends add UPSTREAM ADDRESS`")
        in ["change", _, *] then change(rest.drop(1))
        in ["remove", name] then remove(name)
        in ["change" | "remove" => what, *]
          usage("#{what} needs the name of a backend, such as app/127.0.0.1:3001")
        in [] then usage("write add, change or remove; `proxy status` lists the backends")
        in [other, *]
          nearest = DSL::Spelling.nearest(other, %w[add change remove])
          usage("there is nothing like #{other.inspect}: write #{nearest || "add, change or remove"}")
        end
      end

      def change(names)
        return usage("--backup cannot change: remove the backend, and add it again") if @backup
        return usage("write what changes: --weight or --max-connections") if changes.empty?

        control.change_backend(*names, **changes)
        answer({ names: names, **changes }) do
          "#{DSL::Format.list(names)}: #{changes.map { |option, value| "#{option} #{value}" }.join(", ")}."
        end
      end

      def remove(name)
        return usage("--#{changes.keys.first.to_s.tr("_", "-")} has no meaning here: leave it out") if changes.any?

        answer(control.remove_backend(name)) { "#{name} is removed." }
      end
    end
  end
end
