# frozen_string_literal: true

require "proxy"

# Makes the tables of docs/reference.md from the words.
module ReferenceTables
  PAGE = "docs/reference.md"
  WORDS = Proxy::DSL::Words
  TYPES = Proxy::DSL::Types
  MARKS = /^<!-- (?:table|words): (\w+) -->\n(.*?)^<!-- end -->$/m
  OPTIONS = %w[option value default meaning].freeze
  OWN_SECTION = %i[acme].freeze

  # The text with fresh content between all marks.
  def self.fill(text)
    text.gsub(MARKS) { "#{$&.lines.first}#{made($1)}<!-- end -->" }
  end

  # Present content between the marks, by name.
  def self.found(text)
    text.scan(MARKS).to_h
  end

  # Fresh content for the marks of this name.
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

  # All words of a kind (setting, filter, handler, …).
  def self.kind(kind)
    WORDS::BY_NAME.values.grep(kind)
  end

  # Sections of words, after links to them, a few in each line of a list.
  def self.sections(words)
    links = words.map { |word| "[`#{word.name}`](##{word.name.to_s.delete("!")})" }
    list = links.each_slice(4).map { |some| "- #{some.join(", ")}\n" }.join
    "\n#{list}\n#{words.map { |word| section(word) }.join("\n")}\n"
  end

  # The section of one word, with its heading.
  def self.section(word)
    takes = "Takes #{word.takes.hint}.\n\n" if word.takes
    "### #{word.name}\n\n#{wrapped(word.prose)}\n\n#{takes}#{options(word)}"
  end

  # The table of options of a word or a Hash. Options that `proxy` takes from `upstream`, and `puma` from both, are
  # listed only there.
  def self.options(schema)
    listed = { proxy: %i[upstream], puma: %i[upstream proxy] }.fetch(schema.name, [])
    own = schema.options - listed.flat_map { |word| WORDS.schema(word).options }
    rows(OPTIONS, own.map { |option| [names(option), option.type.label, option.default, option.prose] })
  end

  # Rows of a setting. One with many options has a section of its own.
  def self.setting_rows(word)
    own = ["`#{word.name}`", word.default, word.prose]
    return [["[`#{word.name}`](##{word.name})", *own.drop(1)]] if OWN_SECTION.include?(word.name)

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
