# frozen_string_literal: true

# A page of the documentation: the blocks of code in it, in their order.
class Page
  # The language of a block, what is in it, and the line where it begins.
  Block = Struct.new(:language, :text, :line)

  # Every page that a reader is sent to.
  def self.all = ["README.md", *Dir["docs/*.md"].sort].map { |path| new(path) }

  attr_reader :path, :text

  def initialize(path)
    @path = path
    @text = File.read(path)
  end

  def blocks
    text.to_enum(:scan, /^```(\S*)[^\n]*\n(.*?)^```$/m).map { Block.new($~[1], $~[2], $~.pre_match.count("\n") + 1) }
  end

  # The targets of its links, and the anchors that links to it may name.
  def links = prose.scan(/\]\(([^)\s]+)\)/).flatten

  def anchors
    prose.scan(/^#+ (.+)$/).flatten.map { |heading| heading.downcase.gsub(/[^\w\- ]/, "").tr(" ", "-") }
  end

  # The text without its blocks of code.
  def prose = text.gsub(/^```.*?^```$/m, "")
end
