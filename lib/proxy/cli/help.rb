# frozen_string_literal: true

module Proxy
  module CLI
    # `proxy help`
    # @api private
    class Help < Command
      describe "explain a command, or a word of a Proxyfile", <<~HELP
        proxy help [COMMAND | WORD]

        Explains a command, or a word of the configuration: a directive, an option, or
        the word of another system that is written differently here. Without one it
        lists the commands and the directives.

        Examples:
          proxy help check
          proxy help proxy
          proxy help health_check
          proxy help proxy_pass
      HELP

      private

      def call(*names)
        return unexpected(names[1]) if names.length > 1
        return overview if names.empty?

        text = command(names.first) || Word.text(names.first) || elsewhere(names.first)
        return unknown(names.first) unless text

        @out.puts text
        OK
      end

      # The help of a command; nil if there is none. A word of the same name, such as `run`, follows.
      def command(name)
        return unless COMMANDS.include?(name)

        text = CLI.command(name).help
        word = Word.text(name) if DSL::Words.names.include?(name.to_sym)
        [text, word].compact.join("\nIn a Proxyfile:\n\n")
      end

      def overview
        @out.puts <<~TEXT
          proxy #{VERSION}: a reverse proxy whose configuration is Ruby

          Usage: proxy [COMMAND] [OPTIONS]

          #{commands.join("\n\n")}

          Options:
            -c, --config PATH   the configuration; else Proxyfile, then config/proxy.rb
                --to ADDRESS    no file: forward to this backend; repeatable
            -b, --bind URL      listen here, not on the binds of the file; repeatable
            -h, --help          this text, or that of a command
            -v, --version       the version

          Words of a Proxyfile, which `proxy help WORD` explains:
          #{words}

          New here? `proxy --to localhost:3000` needs no file. `proxy init` writes a
          Proxyfile that fits the folder, `proxy` runs it.
        TEXT
        OK
      end

      # The commands, a text for each group.
      def commands
        width = COMMANDS.map(&:length).max
        GROUPS.map do |title, names|
          ["#{title}:", *names.map { |name| "  #{name.ljust(width)}   #{CLI.command(name).summary}" }].join("\n")
        end
      end

      # The directives, wrapped to the width of the help.
      def words
        DSL::Words::LIST.join(", ").scan(/\S.{0,70}(?:,|\z)/).map { |line| "  #{line}" }.join("\n")
      end

      # The equivalent of a command of another server; nil if it is unknown.
      def elsewhere(name)
        answer = Elsewhere.command(name)
        "There is no command #{name}. #{Word.sentence(answer)}." if answer
      end

      def unknown(name)
        nearest = DSL::Spelling.nearest(name, COMMANDS)
        near = nearest ? [nearest] : Word.nearest(name)
        hint = near.empty? ? ": `proxy help` lists the commands and the words" :
          " (did you mean #{DSL::Format.list(near).sub(" and ", " or ")}?)"
        @err.puts "proxy help: there is no command and no word #{name.inspect}#{hint}"
        USAGE
      end
    end
  end
end

require_relative "help/word"
