# frozen_string_literal: true

require "proxy"

# The tables of docs/reference.md, made from the words.
module ReferenceTables
  PAGE = "docs/reference.md"
  WORDS = Proxy::DSL::Words
  TYPES = Proxy::DSL::Types
  MARKS = /^<!-- (?:table|words): (\w+) -->\n(.*?)^<!-- end -->$/m
  OPTIONS = %w[option value default meaning].freeze

  # The text with everything between marks replaced by what should stand there.
  def self.fill(text)
    text.gsub(MARKS) { "#{$&.lines.first}#{made($1)}<!-- end -->" }
  end

  # What stands between the marks, by name.
  def self.found(text)
    text.scan(MARKS).to_h
  end

  # What stands between the marks of this name.
  def self.made(name)
    case name
    when "server"
      rows(%w[directive default meaning], kind(Proxy::DSL::Word::Setting).flat_map { |word| setting_rows(word) })
    when "filters" then sections(kind(Proxy::DSL::Word::Filter))
    when "policies" then rows(%w[policy choice], TYPES::Priority::PROSE.map { |policy, prose| ["`#{policy}`", prose] })
    when "errors" then rows(%w[name status], TYPES::ErrorResponse::NAMES.map { |error, code| ["`#{error}`", code] })
    else options(WORDS.schema(name.to_sym))
    end
  end

  # The words of a kind.
  def self.kind(kind)
    WORDS::BY_NAME.values.grep(kind)
  end

  # Words one after the other, under links to them.
  def self.sections(words)
    links = words.map { |word| "[`#{word.name}`](##{word.name.to_s.delete("!")})" }
    "\n#{wrapped("#{links.join(", ")}.")}\n\n#{words.map { |word| section(word) }.join("\n")}\n"
  end

  # A word with a heading of its own.
  def self.section(word)
    takes = "Takes #{word.takes.hint}.\n\n" if word.takes
    "### #{word.name}\n\n#{wrapped(word.prose)}\n\n#{takes}#{options(word)}"
  end

  # The options of a word or of a Hash. Those that `proxy` has from `upstream` stand there.
  def self.options(schema)
    own = schema.name == :proxy ? schema.options - WORDS.schema(:upstream).options : schema.options
    rows(OPTIONS, own.map { |option| [names(option), option.type.label, option.default, option.prose] })
  end

  def self.setting_rows(word)
    own = ["`#{word.name}`", word.default, word.prose]
    [own] + word.options.map { |option| ["`#{word.name} …, #{option.name}:`", option.default, option.prose] }
  end

  def self.names(option)
    own, *others = [option.name, *option.aliases].map { |name| "`#{name}`" }
    others.empty? ? own : "#{own} (also #{others.join(", ")})"
  end

  def self.rows(head, body)
    [head, head.map { "---" }, *body].map { |cells| "| #{cells.join(" | ")} |\n" }.join
  end

  def self.wrapped(text)
    text.gsub(/(.{1,120})(?:\s+|\z)/, "\\1\n").chomp
  end
end
