# frozen_string_literal: true

require "stringio"

module Proxy
  module Rack
    # The body of a request: a text or a file that the server has taken in, or a stream that is still to be read.
    # @api private
    class Body
      # The body of a request. How long it is says `CONTENT_LENGTH`, and for a body that was chunked what is there: the
      # server has taken the chunks apart.
      def self.of(env)
        input = env["rack.input"]
        length = env["CONTENT_LENGTH"]
        length = nil if length == ""
        return new(nil, nil, length) if input.nil?
        return of_text(input.string, length) if input.instance_of?(::StringIO)
        return of_file(input, length) if input.respond_to?(:path) && input.respond_to?(:fileno)

        framed = length || env.key?("HTTP_TRANSFER_ENCODING") || env["SERVER_PROTOCOL"].to_s.start_with?("HTTP/2")
        new(framed && length != "0" ? input : nil, nil, length)
      end

      def self.of_text(text, length)
        size = text.bytesize
        most = number(length) || size
        new(nil, most < size ? text.byteslice(0, most) : text, length || (size.to_s if size.positive?), size)
      end
      private_class_method :of_text

      def self.of_file(file, length)
        size = file.size
        new(nil, [file.fileno, [size, number(length) || size].min], length || size.to_s, size)
      end
      private_class_method :of_file

      # A length that is made of digits alone; nil for others, which the engine refuses.
      def self.number(length) = length&.match?(/\A\d{1,19}\z/) ? length.to_i : nil

      # @return [String, Array, nil] what the engine reads itself: a text, or descriptor and length of a file
      attr_reader :taken
      # @return [#read, nil] what must be read through Ruby
      attr_reader :input

      def initialize(input, taken, length, size = 0)
        @input = input
        @taken = taken
        @length = length
        @size = size
      end

      # Whether the body must be read through Ruby.
      def stream? = !@input.nil?

      # The number of bytes that the stream is to have; nil for a chunked one.
      def length = Body.number(@length)

      # Whether less is there than was announced.
      def short?
        announced = length
        !stream? && !announced.nil? && @size < announced
      end

      # The fields of the head that frame it.
      def fields
        return "Content-Length: #{length || "malformed"}\r\n" if @length

        stream? ? "Transfer-Encoding: chunked\r\n" : ""
      end
    end
  end
end
