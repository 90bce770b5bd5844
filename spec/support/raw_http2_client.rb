# frozen_string_literal: true

require "openssl"
require "socket"
require "uri"

# A client of HTTP/2 that reads when it is told to, and no earlier. Its system takes little by itself.
class RawHttp2Client
  DATA, HEADERS, RST_STREAM, SETTINGS, WINDOW_UPDATE = 0, 1, 3, 4, 8
  END_STREAM = ACK = 1
  LARGEST_WINDOW = 0x7fff_ffff

  # Bytes of bodies by stream.
  attr_reader :bodies
  # Bytes that the server takes, by stream, without what was sent.
  attr_reader :windows
  # How streams ended, and at how many bytes that were read: `[:whole, n]` or `[:reset, n]`.
  attr_reader :ends

  # `window` is that of each stream; the connection's is as large as it can be.
  def initialize(url, window: LARGEST_WINDOW)
    @bodies = Hash.new(0)
    @windows = Hash.new(65_535)
    @ends = {}
    @buffer = "".b
    @read = 0
    @io = connect(URI(url))
    setting = [4, window].pack("nN")
    write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".b + frame(SETTINGS, 0, 0, setting))
    # A little is left for more.
    enlarge(0, LARGEST_WINDOW - 100_000)
  end

  def get(stream, path) = head("GET", stream, path, END_STREAM)

  # Begins a request whose body follows.
  def post(stream, path) = head("POST", stream, path, 0)

  # Sends as much of a body as the server takes, and returns the rest of it.
  def send_body(stream, body)
    until body.empty? || (room = [windows[stream], windows[0], 16_384].min) <= 0
      piece = body.byteslice(0, room)
      body = body.byteslice(piece.bytesize..)
      write(frame(DATA, body.empty? ? END_STREAM : 0, stream, piece))
      [stream, 0].each { |id| windows[id] -= piece.bytesize }
    end
    body
  end

  # Adds to the window of a stream, or of the connection: 0.
  def enlarge(stream, bytes) = write(frame(WINDOW_UPDATE, 0, stream, [bytes].pack("N")))

  # Reads so many bytes at the most, once there are some. `false` at the end of the connection.
  def read(most)
    bytes = @io.readpartial(most)
    @read += bytes.bytesize
    @buffer << bytes
    take_frames
    true
  rescue EOFError, Errno::ECONNRESET, OpenSSL::SSL::SSLError
    false
  end

  # Reads a piece `times` times, with a pause before each.
  def read_slowly(times, most: 16_384, pause: 0.1)
    times.times do
      sleep pause
      read(most)
    end
  end

  # Reads all that there is until these streams have ended, or the connection.
  def read_until_end_of(*streams)
    nil until streams.all? { |stream| ends.key?(stream) } || !read(1_000_000)
  end

  def close = @io.close

  private

  def write(bytes) = @io.write(bytes)

  def head(method, stream, path, flags)
    fields = { ":method" => method, ":scheme" => "http", ":authority" => "example.test", ":path" => path }
    # Literals without a table, and without a code.
    block = fields.map { |name, value| ["\0", [name.bytesize].pack("C"), name, [value.bytesize].pack("C"), value].join }
    write(frame(HEADERS, flags | 4, stream, block.join.b))
  end

  def connect(uri)
    socket = Socket.new(:INET, :STREAM)
    socket.setsockopt(:SOCKET, :RCVBUF, 65_536)
    # On a loopback device segments are as large as the buffer otherwise.
    socket.setsockopt(:TCP, Socket::TCP_MAXSEG, 1460)
    socket.connect(Socket.sockaddr_in(uri.port, uri.hostname))
    return socket unless uri.scheme == "https"

    context = OpenSSL::SSL::SSLContext.new
    context.alpn_protocols = ["h2"]
    OpenSSL::SSL::SSLSocket.new(socket, context).tap do |tls|
      tls.sync_close = true
      tls.connect
    end
  end

  def frame(kind, flags, stream, payload)
    [payload.bytesize].pack("N")[1..] + [kind, flags, stream].pack("CCN") + payload
  end

  def take_frames
    while @buffer.bytesize >= 9
      length = "\0#{@buffer.byteslice(0, 3)}".b.unpack1("N")
      break if @buffer.bytesize < 9 + length

      kind, flags, stream = @buffer.byteslice(3, 6).unpack("CCN")
      windows[stream] += @buffer.byteslice(9, 4).unpack1("N") if kind == WINDOW_UPDATE
      take_settings(@buffer.byteslice(9, length)) if kind == SETTINGS && flags.zero?
      @buffer = @buffer.byteslice(9 + length..)
      take(kind, flags, stream, length)
    end
  end

  # The window that streams have at first. It holds from the acknowledgement on.
  def take_settings(payload)
    window = payload.unpack("nN" * (payload.bytesize / 6)).each_slice(2).to_h[4]
    @windows.default = window if window
    write(frame(SETTINGS, ACK, 0, ""))
  end

  def take(kind, flags, stream, length)
    bodies[stream] += length if kind == DATA
    ends[stream] = [:reset, @read] if kind == RST_STREAM
    ends[stream] ||= [:whole, @read] if [DATA, HEADERS].include?(kind) && flags & END_STREAM != 0
  end
end
