# frozen_string_literal: true

require "digest"

# A WebSocket server (RFC 6455) on a connection hijacked from Puma: it sends every message back, and closes with code
# 4000 on "bye".
class EchoSocket
  GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
  CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10

  def call(env)
    return [426, { "Upgrade" => "websocket" }, []] unless env["HTTP_UPGRADE"] == "websocket"

    io = env["rack.hijack"].call
    io.write "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" \
             "Sec-WebSocket-Accept: #{Digest::SHA1.base64digest(env["HTTP_SEC_WEBSOCKET_KEY"] + GUID)}\r\n\r\n"
    Thread.new { serve(io) }
    [-1, {}, []]
  end

  private

  def serve(io)
    message = +"".b
    kind = nil
    while (final, opcode, data = read_frame(io))
      case opcode
      when CLOSE then return write_frame(io, CLOSE, data)
      when PING then write_frame(io, PONG, data)
      when TEXT, BINARY, CONTINUATION
        kind = opcode unless opcode == CONTINUATION
        message << data
        next unless final

        message == "bye" ? write_frame(io, CLOSE, [4000].pack("n") + "done") : write_frame(io, kind, message)
        message = +"".b
      end
    end
  rescue SystemCallError, IOError
    nil # The client is gone.
  ensure
    io.close
  end

  def read_frame(io)
    first, second = io.read(2)&.bytes
    return unless second

    size = second & 0x7f
    size = io.read(2).unpack1("n") if size == 126
    size = io.read(8).unpack1("Q>") if size == 127
    mask = io.read(4)
    [first & 0x80 != 0, first & 0x0f, unmask(io.read(size) || "", mask)]
  end

  # Unmasks four bytes at a time: byte by byte, a megabyte would take seconds.
  def unmask(data, mask)
    words = (data + "\0" * (-data.bytesize % 4)).unpack("L*")
    key = mask.unpack1("L")
    words.map { |word| word ^ key }.pack("L*").byteslice(0, data.bytesize)
  end

  def write_frame(io, opcode, data)
    size = case data.bytesize
           when 0..125 then [data.bytesize].pack("C")
           when 126..0xffff then [126, data.bytesize].pack("Cn")
           else [127, data.bytesize].pack("CQ>")
           end
    io.write([0x80 | opcode].pack("C") + size + data)
  end
end

run EchoSocket.new
