# frozen_string_literal: true

# The tables of docs/reference.md, made from the tables of options.
module ReferenceTables
  PAGE = "docs/reference.md"
  OPTIONS = Proxy::DSL::Options
  MARKS = /^<!-- table: (\w+) -->\n(.*?)^<!-- end -->$/m

  # The text with every table replaced by the one that it should have.
  def self.fill(text)
    text.gsub(MARKS) { "<!-- table: #{$1} -->\n#{table($1)}<!-- end -->" }
  end

  # What stands between the marks, by name.
  def self.found(text)
    text.scan(MARKS).to_h
  end

  def self.table(name)
    case name
    when "server" then rows(%w[directive default meaning], OPTIONS::SERVER.flat_map { |directive| server_rows(directive) })
    when "filters" then rows(%w[filter value default meaning], OPTIONS::FILTERS.flat_map { |directive| filter_rows(directive) })
    when "policies" then rows(%w[policy choice], Proxy::DSL::Types::Priority::PROSE.map { |policy, prose| ["`#{policy}`", prose] })
    when "errors" then rows(%w[name status], Proxy::DSL::Types::ErrorResponse::NAMES.map { |error, code| ["`#{error}`", code] })
    else
      options = OPTIONS::BY_NAME.fetch(name.to_sym).options
      # They have a table of their own.
      options -= OPTIONS::POOL.options if name == "proxy"
      rows(%w[option value default meaning], options.map { |option| [names(option), option.type.label, option.default, option.prose] })
    end
  end

  def self.server_rows(directive)
    own = ["`#{directive.name}`", directive.default, directive.prose]
    [own] + directive.options.map { |option| ["`#{directive.name} …, #{option.name}:`", option.default, option.prose] }
  end

  def self.filter_rows(directive)
    own = ["`#{directive.name}`", directive.takes&.label || "options", "", directive.prose]
    [own] + directive.options.map { |option| ["`#{directive.name} …, #{option.name}:`", option.type.label, option.default, option.prose] }
  end

  def self.names(option)
    own, *others = [option.name, *option.aliases].map { |name| "`#{name}`" }
    others.empty? ? own : "#{own} (also #{others.join(", ")})"
  end

  def self.rows(head, body)
    [head, head.map { "---" }, *body].map { |cells| "| #{cells.join(" | ")} |\n" }.join
  end
end
