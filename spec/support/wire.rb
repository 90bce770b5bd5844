# frozen_string_literal: true

require "io/wait"
require_relative "message"

# One end of a connection. It writes exact bytes, reads messages strictly, and never waits longer than its limit.
class Wire
  # Raised if nothing arrived in time.
  class Late < StandardError; end

  # Raised if the peer closed the connection before the message was complete.
  class CutShort < StandardError
    # The bytes received until then.
    attr_reader :received

    def initialize(what, received)
      @received = received
      super("the connection ended within #{what}, after #{received.bytesize} bytes of it")
    end
  end

  PIECE = 64 * 1024

  attr_reader :io
  attr_accessor :limit

  # `limit`: maximum seconds of one read or write.
  def initialize(io, limit: 5)
    @io = io
    @limit = limit
    @buffer = "".b
  end

  # Writes all bytes. Raises `Errno::EPIPE` or `Errno::ECONNRESET` if the peer is gone.
  def write(bytes)
    bytes = bytes.b
    until bytes.empty?
      case written = io.write_nonblock(bytes, exception: false)
      when :wait_writable then await(:writable)
      when :wait_readable then await(:readable)
      else bytes = bytes.byteslice(written..)
      end
    end
    self
  end

  # The next request with its body; `nil` when the peer closed instead.
  def read_request
    request = read_head or return
    yield request if block_given?
    read_body(request, request.chunked? ? :chunked : request["Content-Length"].to_i)
  end

  # The next response with its body. `to` is the method of the request.
  def read_response(to: "GET", &piece)
    response = read_head or raise CutShort.new("a response", "")
    read_body(response, response_length(response, to), &piece)
  end

  # The next head; its body stays unread. `nil` when the peer closed instead.
  def read_head
    head = take_until("\r\n\r\n", "a head")
    head && Message.new(head)
  end

  # The next line without its end; `nil` when the peer closed instead.
  def read_line = take_until("\r\n", "a line")&.chomp("\r\n")

  # Exactly `count` bytes.
  def read(count)
    fill("#{count} bytes") until @buffer.bytesize >= count
    @buffer.slice!(0, count)
  end

  # Everything up to the end of the connection.
  def read_to_end
    nil while receive
    @buffer.slice!(0, @buffer.bytesize)
  end

  # Whether the peer closes without another byte. Waits for the close.
  def closed? = read_to_end.empty?

  # Waits for bytes or the end of the connection. True if neither comes within `seconds`.
  def silent_for?(seconds) = @buffer.empty? && !io.to_io.wait_readable(seconds)

  def close_write = io.to_io.close_write

  def close
    io.close unless io.closed?
  end

  # Ends the connection with RST.
  def reset
    io.to_io.setsockopt(Socket::SOL_SOCKET, Socket::SO_LINGER, [1, 0].pack("ii"))
    close
  end

  private

  def response_length(response, method)
    status = response.status
    return 0 if method == "HEAD" || status < 200 || status == 204 || status == 304
    return :chunked if response.chunked?

    response["Content-Length"]&.to_i || :to_end
  end

  def read_body(message, length, &piece)
    message.body = "".b
    piece ||= ->(bytes) { message.body << bytes }
    case length
    when :chunked then read_chunks(message, piece)
    when :to_end then piece.call(read_to_end)
    else pass_on(length, message, piece)
    end
    message.complete!
    message
  end

  def pass_on(count, message, piece)
    while count.positive?
      receive or raise CutShort.new("a body", message.body) if @buffer.empty?

      bytes = @buffer.slice!(0, count)
      count -= bytes.bytesize
      piece.call(bytes)
    end
  end

  def read_chunks(message, piece)
    loop do
      size = line(message).to_i(16)
      break if size.zero?

      pass_on(size, message, piece)
      line(message)
    end
    until (field = line(message)).empty?
      message.trailers << Message.field(field)
    end
  end

  def line(message)
    take_until("\r\n", "a chunked body")&.chomp("\r\n") or raise CutShort.new("a chunked body", message.body)
  rescue CutShort
    raise CutShort.new("a chunked body", message.body)
  end

  # Bytes up to and including `mark`; `nil` if the connection ends before the first byte.
  def take_until(mark, what)
    until (at = @buffer.index(mark))
      next if receive
      return if @buffer.empty?

      raise CutShort.new(what, @buffer)
    end
    @buffer.slice!(0, at + mark.bytesize)
  end

  def fill(what)
    receive or raise CutShort.new(what, @buffer)
  end

  # Reads the available bytes. `nil` at the end of the connection.
  def receive
    case bytes = io.read_nonblock(PIECE, exception: false)
    when :wait_readable then await(:readable) && receive
    when :wait_writable then await(:writable) && receive
    when nil then nil
    else @buffer << bytes
    end
  rescue Errno::ECONNRESET, Errno::EPIPE, OpenSSL::SSL::SSLError
    nil
  end

  def await(what)
    ready = what == :readable ? io.to_io.wait_readable(limit) : io.to_io.wait_writable(limit)
    ready or raise Late, "the connection was not #{what} for #{limit} s; unread: #{@buffer.byteslice(0, 200).inspect}"
  end
end
