# frozen_string_literal: true

require_relative "blocks"
require_relative "typography"

module Proxy
  class DSL
    # Explains syntax errors to users who do not know Ruby. Ruby's own messages are about its grammar.
    # @api private
    module Syntax
      URL = %r{(?:https?|h2|unix|tcp)://?[^\s,;"']+|\d+\.\d+\.\d+\.\d+(?::\d+)?|localhost(?::\d+)?|\*?:\d+}.freeze
      UNITS = { "ms" => 0.001, "s" => 1, "m" => 60, "h" => 3600, "d" => 86_400 }.freeze
      SIZES = { "k" => 1024, "kb" => 1024, "m" => 1024**2, "mb" => 1024**2, "g" => 1024**3, "gb" => 1024**3 }.freeze
      private_constant :URL, :UNITS, :SIZES

      # Pairs of a line and its mistake; empty if there is no explanation. `line` is where Ruby gave up.
      def self.explain(source, line)
        whole = elsewhere(source.lines)
        return whole unless whole.empty?

        [Typography.in(source) || near(source.lines, line) || Blocks.explain(source) || commas(source.lines, line)]
          .compact
      end

      # Messages for every line of a file that was written for another system; empty for any other file.
      def self.elsewhere(lines)
        found = lines.each_with_index.filter_map do |text, index|
          plain = Typography.plain(text)
          said = foreign_block(plain) || yaml(plain) || section(plain) || toml(plain) ||
                 (foreign(plain) unless plain.include?(" do"))
          [index + 1, said] if said
        end
        first = lines.index { |text| !Typography.plain(text).strip.empty? }
        begins = first && Typography.plain(lines[first])
        begins && (foreign_block(begins) || yaml(begins) || section(begins) || toml(begins) ||
                   (begins.match?(/;\s*\z/) && foreign(begins))) ? found : []
      end
      private_class_method :elsewhere

      # `frontend web`, `backend app`
      def self.section(text)
        word = text[/\A(global|defaults|frontend|backend|listen)\b[^"'({=]*\z/, 1] or return
        "#{word}: #{Foreign.word(word)}" if Foreign.word(word)
      end
      private_class_method :section

      # `[entryPoints.web]`
      def self.toml(text)
        word = text[/\A\s*\[+([A-Za-z]\w*)[\w.-]*\]+\s*\z/, 1] or return
        "#{word}: this is TOML, and the file is " \
        "Ruby: #{Foreign.word(word) || "write one of the directives that `proxy help` lists"}"
      end

      # The mistake on the line, or on a line above it.
      def self.near(lines, line)
        number = [line.to_i, lines.length].min
        return if number < 1

        # Ruby may report the error on a line after the mistake.
        [number, *(1...number).to_a.reverse.first(2)].each do |at|
          text = Typography.plain(lines[at - 1])
          found = line_says(text) || (foreign(text) if at == number || text.match?(/[;{]\s*\z/))
          return [at, found] if found
        end
        missing_comma(lines, number)
      end
      private_class_method :near

      def self.line_says(text)
        comment(text) || foreign_block(text) || braces(text) || inside(text) || bare_path(text) || unquoted(text) ||
          unit(text) || yaml(text)
      end
      private_class_method :line_says

      # `location / {`, `example.com {`
      def self.foreign_block(text)
        case text
        when /\A\s*location\s+(?:[=~^*]+\s*)*([^\s"'({]+)\s*\{/ then "location: this is nginx syntax, and the file " \
          "is Ruby: write location #{path($1).inspect} do … end"
        when /\A\s*<\/?(\w+)/ then "this is Apache syntax, and the file is " \
                                   "Ruby: #{Foreign.word($1) || "write one of the directives that `proxy help` lists"}"
        when /\A\s*(?:https?:\/\/)?([\w-]+(?:\.[\w-]+)+)(?::\d+)?(?:\/\S*)?(?:,\s*[\w.:\/*-]+)*\s*\{/
          "this is Caddyfile syntax, and the file is Ruby: write host #{$1.inspect} do … end"
        when /\A\s*:(\d+)\s*\{/ then "this is Caddyfile syntax, and the file is Ruby: write bind " \
                                     "\"http://0.0.0.0:#{$1}\""
        when /\A\s*(server|http|events|handle|route|handle_path|upstream)\b[^"']*\{\s*\z/
          word = $1
          "#{word}: #{Foreign.word(word) || "write upstream \"app\", backends: [\"127.0.0.1:3001\"]"}"
        end
      end
      private_class_method :foreign_block

      def self.path(text)
        return "/*" if text == "/"

        text.end_with?("/") ? "#{text}*" : text
      end
      private_class_method :path

      # Comments, variables and conditions in the syntax of other languages.
      def self.comment(text)
        case text
        when %r{\A\s*(//|/\*|--|;)(?:\s|\z)} then "a comment begins with #, not with #{$1}: write # in its place"
        when /\A\s*(?:var|let|const|local|set)\s+\$?(\w+)\s*:?=/, /\A\s*(\w+)\s*:=/ then "a variable is written with " \
          "= alone: write #{$1} = …"
        when /\A\s*(if|unless|while)\b[^{]*\{\s*\z/ then "#{$1}: it ends with `end` and has no braces: write #{$1} … " \
                                                         "on a line, and `end` after what it is for"
        when /\A\s*(?:\}\s*)?(else if|elseif|elif)\b/ then "Ruby has no `#{$1}`: write elsif"
        end
      end
      private_class_method :comment

      # A mistake between the options of a line.
      def self.inside(text)
        bare = text.gsub(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/) { |string| "S#{"_" * (string.length - 2)}S" }
        case bare
        when /(?:\bS_*S|\d|\]|\}|true|false|nil)\s+((?:[a-z]\w*|S_*S):)(?=\s)/, /S_*S\s+(S_*S)\s*(?:=>|:)/
          found = text[Regexp.last_match.begin(1), $1.length].strip
          "a comma is missing: write it before #{found}"
        when /[{,]\s*([A-Za-z]\w*(?:-\w+)+)\s*(?::|=>)/ then "the name of a header needs quotes: write #{$1.inspect} =>"
        when /(S_*S)\s*(=|->|:=)\s*S/
          "#{text[Regexp.last_match.begin(1), $1.length]} is followed by #{$2}: write => in its place"
        when /&&\s*\w+:/ then "options have commas between them: write , in place of &&"
        end
      end
      private_class_method :inside

      # `location "/api/*" {`: these braces would be the block of the String.
      def self.braces(text)
        if text.match(/\A\s*(location|host)\s+(["'][^{]*["'])\s*\{/)
          "#{$1}: a block is written with `do` and `end`: write #{$1} #{$2} do … end"
        end
      end
      private_class_method :braces

      # `location /api/* do`, `location ^/api do`
      def self.bare_path(text)
        path = text[%r{\A\s*location\s+[~^=*]*\s*(/[^\s"']*)\s*(?:do\b|,|\z)}, 1]
        return if path.nil? || text.match?(%r{\A\s*location\s+/[^/]*/[imx]*\s*(?:do|,)})

        "location: a path needs quotes: write location #{path.inspect} do … end"
      end
      private_class_method :bare_path

      # A line in the syntax of another system.
      def self.foreign(text)
        word = text[/\A\s*([a-zA-Z][\w-]*)/, 1] or return
        return if text.match?(/\A\s*#{Regexp.escape(word)}\s*:(?:\s|\z)/) || Words::LIST.include?(word.to_sym)
        return if text.match?(/\A\s*[\w-]+\s*(?:[-+*|&]?=(?!=)|\.|\[)/)

        known = Foreign.word(word) and "#{word}: #{known}"
      end
      private_class_method :foreign

      # `to: http://127.0.0.1:3000`, `bind 0.0.0.0:80`
      def self.unquoted(text)
        bare = text.gsub(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|%[rwiqQ]?\{[^}]*\}/) { |string| "_" * string.length }
        found = bare[/(?:\A\s*(?:bind|location|host|trusted_proxies|resolver|allow_list|deny_list)\s+|[\[,:]\s+|\[)(#{URL})/, 1] or return
        word = text[/\A\s*(\w+)/, 1]
        if found.match?(/\A\*?:\d+\z/)
          return "bind: an address is a String with its scheme: write bind \"http://0.0.0.0:#{found[/\d+\z/]}\""
        end

        shown = word == "bind" && !found.include?("://") ? "http://#{found}" : found
        "#{word}: text needs quotes: write #{shown.inspect}"
      end
      private_class_method :unquoted

      # `timeout: 30s`, `max_body 10m`
      def self.unit(text)
        bare = text.gsub(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/, "_")
        return unless bare =~ /(?:\A\s*|[\s,{])(\w+):?\s+(\d+)(ms|s|m|h|d|k|kb|mb|g|gb)\b/i

        name, number, unit = $1, $2.to_i, $3.downcase
        size = name.match?(/body|size|buffer|bytes/)
        factor = (size ? SIZES : UNITS)[unit] || SIZES[unit] || UNITS[unit]
        "#{name}: #{$2}#{$3} is not a number in Ruby: write #{number_of(number * factor)}"
      end
      private_class_method :unit

      def self.number_of(value)
        value.is_a?(Float) ? value.to_s : value.to_s.gsub(/(\d)(?=(\d{3})+\z)/, '\1_')
      end

      # YAML: `proxy:` with its options on the next lines.
      def self.yaml(text)
        return unless text =~ /\A([a-z]\w*):(?:\s|\z)/i

        word = $1
        known = Foreign.word(word)
        return "#{word}: #{known}" if known && !Words::LIST.include?(word.to_sym)

        "#{word}: this is YAML, and the file is Ruby: write #{Words::LIST.include?(word.to_sym) ? word : "proxy"} …, " \
        "with options after it"
      end
      private_class_method :yaml

      # A line of options after a line that does not end with a comma.
      def self.missing_comma(lines, number)
        return unless lines[number - 1].to_s =~ /\A\s+(\w+):\s/

        option = $1
        before = (number - 1).downto(1).find { |at| !Typography.plain(lines[at - 1]).strip.empty? } or return
        text = Typography.plain(lines[before - 1]).strip
        unless text.match?(/[,(\[{|\\]\z|\bdo\z/)
          [before, "the comma at the end of this line is missing: write it before the line with `#{option}:`"]
        end
      end
      private_class_method :missing_comma

      # A comma at the end of the file or before the next directive.
      def self.commas(lines, line)
        number = [line.to_i, lines.length].min
        text = Typography.plain(lines[number - 1].to_s).strip
        return [number, "there are two commas in a row: leave one of them out"] if text.match?(/,\s*,/)
        return [number, "this line ends with a comma, and nothing follows: leave it out"] if text.end_with?(",")

        before = (number - 1).downto(1).find { |at| !Typography.plain(lines[at - 1]).strip.empty? } or return
        word = text[/\A(\w+)/, 1]
        return unless word && Typography.plain(lines[before - 1]).strip.end_with?(",")

        [before, "the comma at the end of this line makes `#{word}` a part of it: leave the comma out"]
      end
      private_class_method :commas
    end
  end
end
