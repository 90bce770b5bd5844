# frozen_string_literal: true

require "digest"
require "json"

# GET /          a page that opens a WebSocket, sends hello, and posts the reply
# GET /socket    a WebSocket that sends one message back, with the Via field of its request
# POST /told     the report of the page
# GET /told      the stored report
class Chat
  PAGE = <<~HTML
    <!doctype html><title>Chat</title><script>
      const socket = new WebSocket(`wss://${location.host}/socket`, "chat")
      const tell = (text) => fetch("/told", { method: "POST", body: JSON.stringify({
        text, protocol: socket.protocol, page: performance.getEntriesByType("navigation")[0].nextHopProtocol }) })
      socket.onopen = () => socket.send("hello")
      socket.onmessage = (event) => tell(event.data)
      socket.onerror = () => tell("failed")
    </script>
  HTML

  def initialize = @told = "null"

  def call(env)
    case env.values_at("REQUEST_METHOD", "PATH_INFO")
    when %w[GET /] then [200, { "Content-Type" => "text/html" }, [PAGE]]
    when %w[GET /socket] then open_socket(env)
    when %w[POST /told] then [204, {}, []].tap { @told = env["rack.input"].read }
    when %w[GET /told] then [200, { "Content-Type" => "application/json" }, [@told]]
    else [404, {}, []]
    end
  end

  private

  def open_socket(env)
    accept = [Digest::SHA1.digest("#{env["HTTP_SEC_WEBSOCKET_KEY"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11")].pack("m0")
    socket = env["rack.hijack"].call
    socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" \
                 "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Accept: #{accept}\r\n\r\n")
    Thread.new { repeat(socket, env["HTTP_VIA"]) }
    [200, {}, []]
  end

  # Sends one short message back. It is masked, as all messages of a client are (RFC 6455, section 5.2).
  def repeat(socket, via)
    length = socket.read(2).bytes[1] & 0x7f
    mask = socket.read(4).bytes
    message = socket.read(length).bytes.each_with_index.map { |byte, i| byte ^ mask[i % 4] }.pack("C*")
    answer = "#{message} via #{via}"
    socket.write([0x81, answer.bytesize].pack("CC") + answer)
    socket.read
  ensure
    socket.close
  end
end

run Chat.new
