# frozen_string_literal: true

module Proxy
  module CLI
    # Commands and options of other servers, each with its equivalent here.
    # @api private
    module Elsewhere
      ANSWERS = {
        "write `proxy check`" => %w[validate configtest test verify lint -t -T --test -tq],
        "write `proxy start`" => %w[serve server up daemon foreground],
        "write `proxy stop`" => %w[quit shutdown halt kill],
        "write `proxy reload` for another configuration, or `proxy upgrade` for a new process" => %w[restart reboot],
        "write `proxy status`" => %w[stats list show info ps],
        "write `proxy logs`" => %w[log tail],
        "write `proxy ready NAME`" => %w[enable undrain],
        "write `proxy drain NAME` or `proxy down NAME`" => %w[disable],
        "write `proxy backends add UPSTREAM ADDRESS`" => %w[add],
        "write `proxy backends remove NAME`" => %w[remove del delete],
        "write `proxy split UPSTREAM PERCENT`" => %w[rollout canary],
        "write `proxy deploy UPSTREAM --to ADDRESS`" => %w[swap release],
        "not in this version: `ruby -c Proxyfile` checks the syntax, and rubocop the form" => %w[fmt format],
        "write `proxy routes URL`" => %w[route explain trace],
        "write `proxy init`" => %w[new generate setup]
      }.flat_map { |answer, names| names.map { |name| [name, answer] } }.to_h.freeze
      private_constant :ANSWERS

      # The replacement for a command of another server; nil if it is unknown. For a word of the configuration it names
      # the help.
      def self.answer(name)
        return "write `proxy --to #{address(name)}`" if address(name)

        command(name) || ("write `proxy help #{name}`, it is a word of a Proxyfile" if DSL::Words.schema(name.to_sym))
      end

      # The replacement for a command of another server, without words of the configuration; nil if it is unknown.
      def self.command(name) = ANSWERS[name]

      # A backend's address in the form that `--to` takes, from an argument; nil if the argument is no address.
      def self.address(argument)
        case argument
        when /\A:?(\d+)\z/ then "localhost:#{$1}"
        when %r{\A(?:(?:https?|h2)://\S+|unix:\S+|(?:[\w.-]+|\[[\h:.]+\]):\d+)\z} then argument
        end
      end
    end
  end
end
