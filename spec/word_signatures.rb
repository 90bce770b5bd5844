# frozen_string_literal: true

require "proxy"

# Makes the RBS signatures of the words and of the classes in their files.
module WordSignatures
  PAGE = "sig/proxy/dsl/words.rbs"
  WORDS = Proxy::DSL::Words
  HEAD = <<~RBS
    # Written by `rake sig`, from the files in lib/proxy/dsl/words.

  RBS
  # Types of parameters by name: in lib/proxy/dsl these names always mean this.
  PARAMETERS = { call: "Word::Call", place: "Place", options: "Hash[Symbol, untyped]", values: "Array[untyped]" }.freeze
  RETURNED = { signature: "String", schema: "Schema", default: "String", initialize: "void" }.freeze
  WIDTH = 120

  # The text of the whole file.
  def self.text
    methods = WORDS::BY_NAME.values.map { |word| word(word) }.join("\n")
    classes = WORDS::BY_NAME.values.map { |word| type(word.class.name.split("::").last, word.class) }
    module_ = body("module Words", [<<~RBS, *classes])
      LIST: Array[Symbol]
      BY_NAME: Hash[Symbol, Word]
      SCHEMAS: Array[Schema]

      def self.schema: (Symbol name) -> Schema?

      def self.names: () -> Array[Symbol]

      def self.named_values: () -> Array[String]
    RBS
    HEAD + body("module Proxy", [body("class DSL", [methods, module_])])
  end

  # The method of a word, with its description as a comment.
  def self.word(word)
    comment = word.prose.gsub(/(.{1,110})(?:\s+|\z)/, "# \\1\n")
    line = "def #{word.name}: #{word.signature}\n"
    comment + (line.length > WIDTH - 4 ? broken(line) : line)
  end

  # The signature of a method with one parameter per line.
  def self.broken(line)
    line.sub("(", "(\n  ").sub(/\) ((?:\{ .* \} )?-> nil)$/, "\n) \\1").gsub(/, (?=\??\w+: )/, ",\n  ")
  end

  # The signature of a constant: a class or a module with its content, or a value.
  def self.constant(owner, name)
    value = owner.const_get(name)
    case value
    when Module then type(name, value)
    when Proxy::DSL::Types::Type, Proxy::DSL::Schema, String then "#{name}: #{relative(value.class)}"
    end
  end

  def self.type(name, type)
    constants = type.constants(false).sort_by { |inner| type.const_source_location(inner) }
    values, classes = constants.partition { |inner| !type.const_get(inner).is_a?(Module) }
    singleton = type.singleton_methods(false).map { |method| defined(type.method(method), "self.") }
    hidden = methods(type, type.private_instance_methods(false))
    parts = [values.filter_map { |inner| constant(type, inner) }.join("\n"),
             *classes.map { |inner| constant(type, inner) },
             *singleton, *methods(type, type.public_instance_methods(false)), ("private" if hidden.any?), *hidden]
    head = type.is_a?(Class) ? "class #{name} < #{relative(type.superclass)}" : "module #{name}"
    body(head, parts.reject { |part| part.to_s.empty? })
  end

  def self.methods(type, names)
    found = names.map { |name| type.instance_method(name) }
    found.sort_by { |method| method.source_location.last }.map { |method| defined(method) }
  end

  def self.defined(method, prefix = "")
    taken = method.parameters.map { |kind, name| parameter(kind, name) }
    returned = RETURNED.fetch(method.name, method.name.end_with?("?") ? "bool" : "untyped")
    "def #{prefix}#{method.name}: (#{taken.join(", ")}) -> #{returned}"
  end

  def self.parameter(kind, name)
    name = name.to_s.delete_prefix("_").to_sym
    "#{"?" if kind == :opt}#{PARAMETERS.fetch(name, "untyped")} #{name}"
  end

  def self.relative(type)
    type.name.delete_prefix("Proxy::DSL::").delete_prefix("Words::")
  end

  def self.body(head, parts)
    inside = parts.compact.map(&:chomp).join("\n\n").gsub(/^(?=.)/, "  ")
    inside.empty? ? "#{head}\nend\n" : "#{head}\n#{inside}\nend\n"
  end
end
