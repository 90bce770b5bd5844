# frozen_string_literal: true

# For `yard --load`: adds the words as methods of Proxy::DSL, with the documentation from their files. YARD reads
# sources, where no word is a `def`.
$LOAD_PATH.unshift(File.expand_path("../lib", __dir__))
require "proxy"

YARD::Parser::SourceParser.after_parse_list do
  words = Proxy::DSL::Words
  groups = { Proxy::DSL::Word::Setting => "Server", Proxy::DSL::Word::Handler => "Handlers",
             Proxy::DSL::Word::Filter => "Filters", Proxy::DSL::Word => "Routing" }

  text = lambda do |word|
    options = word.options.map do |option|
      label = option.type.label.delete_suffix(", …")
      "@option options [#{label}] :#{option.name} (#{option.default.delete("`")}) #{option.prose}"
    end
    examples = word.examples.map { |lines, title| ["@example #{title}", *lines.map { |line| "  #{line}" }].join("\n") }
    # Shown as code, since YARD takes braces for links.
    takes = "Takes #{word.takes.hint.gsub(/"[^"]*"/) { "`#{$&}`" }}." if word.takes
    [word.prose, word.details, takes, "@return [nil]", *options, *examples].compact.join("\n\n")
  end

  page = YARD::Registry.at("Proxy::DSL")
  words::BY_NAME.each_value do |word|
    method = YARD::CodeObjects::MethodObject.new(page, word.name)
    method.docstring = text.call(word)
    method.parameters = [(["*values", nil] if word.takes), ["**options", nil]].compact
    method.group = groups.find { |kind, _| word.is_a?(kind) }.last
    method.add_file("lib/proxy/dsl/words/#{word.name.to_s.delete_suffix("!")}.rb", 1)
  end
  page.groups = ["Routing", *groups.values].uniq
end
