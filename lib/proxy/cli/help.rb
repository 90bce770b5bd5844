# frozen_string_literal: true

module Proxy
  module CLI
    # `proxy help`
    # @api private
    class Help < Command
      describe "explain a command", <<~HELP
        proxy help [COMMAND]

        Explains a command, or lists them all.
      HELP

      private

      def call(*names)
        return unexpected(names[1]) if names.length > 1
        return overview if names.empty?

        command = COMMANDS[names.first] or return unknown(names.first)
        @out.puts command.help
        OK
      end

      def overview
        width = COMMANDS.keys.map(&:length).max
        @out.puts <<~TEXT
          proxy #{VERSION}: a reverse proxy whose configuration is Ruby

          Usage: proxy [COMMAND] [OPTIONS]

          #{COMMANDS.map { |name, command| "  #{name.ljust(width)}   #{command.summary}" }.join("\n")}

          Options:
            -c, --config PATH   the configuration; else Proxyfile, then config/proxy.rb
                --to ADDRESS    no file: forward to this backend; repeatable
            -b, --bind URL      listen here, not on the binds of the file; repeatable
            -h, --help          this text, or that of a command
            -v, --version       the version

          New here? `proxy --to localhost:3000` needs no file. `proxy init` writes a
          Proxyfile that fits the folder, `proxy` runs it.
        TEXT
        OK
      end

      def unknown(command)
        nearest = DSL::Spelling.nearest(command, COMMANDS.keys)
        @err.puts "proxy help: there is no command #{command.inspect}#{" (did you mean #{nearest}?)" if nearest}"
        USAGE
      end
    end
  end
end
