# frozen_string_literal: true

# A page of the documentation, with its code blocks in order.
class Page
  # A code block: its language, its text and its first line.
  Block = Struct.new(:language, :text, :line)

  # All pages for users.
  def self.all = ["README.md", *Dir["docs/*.md"].sort].map { |path| new(path) }

  attr_reader :path, :text

  def initialize(path)
    @path = path
    @text = File.read(path)
  end

  def blocks
    text.to_enum(:scan, /^```(\S*)[^\n]*\n(.*?)^```$/m).map { Block.new($~[1], $~[2], $~.pre_match.count("\n") + 1) }
  end

  # The targets of the page's links.
  def links = prose.scan(/\]\(([^)\s]+)\)/).flatten

  def anchors
    prose.scan(/^#+ (.+)$/).flatten.map { |heading| heading.downcase.gsub(/[^\w\- ]/, "").tr(" ", "-") }
  end

  # The text without code blocks.
  def prose = text.gsub(/^```.*?^```$/m, "")
end
