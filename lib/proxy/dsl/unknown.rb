# frozen_string_literal: true

module Proxy
  class DSL
    # Messages for words that are no directives.
    # @api private
    module Unknown
      # Values of a request that may be written as `"#{path}"` by mistake, each with its placeholder in a string
      # rewrite.
      VALUES = {
        **%i[path query path_and_query addr scheme request_id request_id_full status response_time start_time auth_user
             attempts]
               .to_h { |name| [name, "{#{name}}"] },
        uri: "{path_and_query}", request_uri: "{path_and_query}", request_path: "{path}", query_string: "{query}",
        remote_addr: "{addr}",
        remote_ip: "{addr}", client_ip: "{addr}", http_host: "{Host}", user_agent: "{User-Agent}", host: "{host}"
      }.freeze

      # Words of other configuration formats, each with its value in Ruby.
      SWITCHES = { on: "true", yes: "true", off: "false", no: "false", null: "nil", undefined: "nil", none: "nil" }
                 .freeze
      # Keywords of other languages that declare a variable.
      DECLARATIONS = %i[var let const local my].freeze

      # Minimum Jaro-Winkler similarity of two words that count as alike.
      ALIKE = 0.7
      # Endings of host names, to recognise a host without quotes.
      DOMAIN = /\.(?:com|net|org|io|dev|app|example|test|local|internal|lan|home|cloud|[a-z]{2})\z/.freeze
      private_constant :ALIKE, :DOMAIN

      # The message for `word`. `bare` is whether it has no arguments and may be an undefined variable; `text` is its
      # line.
      def self.explain(word, bare, text = nil, given = [])
        # A word that is the whole line is not taken for a variable, and neither is `camelCase`.
        bare &&= text.to_s.strip != word.to_s && !word.match?(/[a-z][A-Z]/)
        Typography.word(word) || Syntax.toml(text.to_s)&.delete_prefix("#{word}: ") ||
          (bare && (rocket(word, text.to_s) || unquoted(word, text.to_s))) || plain(word, bare, given)
      end

      # `host example.com do`, `to: localhost`
      def self.unquoted(word, text)
        code = text.gsub(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/, "")
        chain = code[/(?<![\w.:])#{Regexp.escape(word)}((?:\.[\w-]+)+)\b(?!\()/]
        inner = chain.to_s.split(".").drop(1).first
        return "is not needed: write #{inner} … alone" if inner && Words::LIST.include?(inner.to_sym)

        whole = chain if chain&.match?(DOMAIN)
        whole = "localhost" if word == :localhost
        "text needs quotes: write #{whole.inspect}" if whole
      end
      private_class_method :unquoted

      # `to => "http://…"`
      def self.rocket(word, text)
        if text.match?(/(?<![\w:"])#{Regexp.escape(word)}\s*=>/)
          "option names are Symbols: write #{word}: in place of #{word} =>"
        end
      end
      private_class_method :rocket

      def self.plain(word, bare, given)
        return "a variable needs no word before it: write NAME = VALUE alone" if DECLARATIONS.include?(word)

        foreign = Foreign.word(word) unless bare && !Foreign.alone?(word)
        foreign || (bare ? value(word) : option(word, given)) || guess(word, bare)
      end
      private_class_method :plain

      # `"http://a#{path}"`, and `gzip on`.
      def self.value(word)
        return "Ruby has no such word: write #{SWITCHES.fetch(word)}" if SWITCHES.key?(word)

        ours = VALUES[word]
        "is a value of each request, not a variable: in a String write #{ours}, without \#" if ours
      end
      private_class_method :value

      # An option that was written as a directive.
      def self.option(word, given)
        owners = Words::BY_NAME.values.select { |owner| owner.names.include?(word) }
        return if owners.empty?

        owner = owners.find { |one| one.name == :proxy } || owners.first
        shown = shown(given.one? ? given.first : given)
        "is an option, not a directive: write #{owner.name} …, #{word}: #{shown}"
      end
      private_class_method :option

      # The value as Ruby source, if it is short.
      def self.shown(value)
        return "{ … }" if value.is_a?(Hash)

        text = Format.show(value)
        text.length > 40 ? "…" : text
      end
      private_class_method :shown

      # A name that some option accepts as its value, or a similar one.
      def self.name_of_value(word)
        names = Words.named_values
        names.find { |name| name.delete("_") == word.to_s.delete("_") } || Spelling.nearest_exactly(word, names)
      end
      private_class_method :name_of_value

      def self.guess(word, bare)
        meant = name_of_value(word) if bare
        if meant
          return "unknown variable or directive: write #{meant.match?(/\A[a-z]\w*\z/) ? ":#{meant}" : meant.inspect}"
        end

        nearest = Spelling.nearest(word, Words::LIST)
        return "unknown directive (did you mean #{nearest}?)" if nearest

        near = Spelling.near(word, Words::LIST)
        near = near.select { |name| DidYouMean::JaroWinkler.distance(word.to_s, name.to_s) >= ALIKE }
        if bare
          return "unknown variable or directive: write #{word.to_s.inspect} if it is text; `proxy help` lists the " \
                 "directives"
        end

        told = near.length > 1 ? "the nearest are #{Format.list(near)}; " : ""
        "unknown directive: #{told}`proxy help` lists them all"
      end
      private_class_method :guess
    end
  end
end
