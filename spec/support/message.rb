# frozen_string_literal: true

# A request or a response as received: start line, header fields in order, body.
class Message
  attr_reader :start_line, :fields, :trailers
  attr_accessor :body

  def initialize(head)
    @head = head
    lines = head.delete_suffix("\r\n\r\n").split("\r\n")
    @start_line = lines.shift.to_s
    @fields = lines.map { |line| Message.field(line) }
    @trailers = []
    @body = "".b
    @complete = false
  end

  # `"Name: value"` as `["Name", "value"]`.
  def self.field(line)
    name, value = line.split(":", 2)
    [name, value.to_s.strip]
  end

  # The head, unchanged.
  def to_s = @head

  def method_name = start_line.split(" ")[0]

  def target = start_line.split(" ")[1]

  def status = Integer(start_line.split(" ")[1], 10)

  # The value of a field; values of several fields with that name are joined with a comma.
  def [](name)
    values = all(name)
    values.join(", ") unless values.empty?
  end

  # All values of a field, one for each line.
  def all(name) = fields.select { |field, _| field.casecmp?(name) }.map(&:last)

  def names = fields.map { |name, _| name.downcase }

  # Whether the whole message was read, including the body.
  def complete? = @complete

  def complete! = @complete = true

  def chunked? = self["Transfer-Encoding"].to_s.downcase.end_with?("chunked")
end
