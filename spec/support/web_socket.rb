# frozen_string_literal: true

require "json"
require "securerandom"
require_relative "raw_client"

# A WebSocket client (RFC 6455) that writes handshake and frames itself, for text messages below 64 KiB.
class WebSocket
  TEXT, CLOSE, PING, PONG = 1, 8, 9, 10

  # The answer to the handshake.
  attr_reader :response

  # `client` is a connection; `fields` are sent with the handshake.
  def initialize(client, path, fields = {})
    @client = client
    client.send_request("GET", path,
                        { "Connection" => "Upgrade", "Upgrade" => "websocket", "Sec-WebSocket-Version" => 13,
                          "Sec-WebSocket-Key" => SecureRandom.base64(16), **fields })
    @response = client.read_head
  end

  def open? = response.status == 101

  # Sends a message: text, or an object as JSON.
  def send(message)
    text = (message.is_a?(String) ? message : JSON.generate(message)).b
    mask = SecureRandom.bytes(4)
    masked = text.bytes.zip(mask.bytes.cycle).map { |byte, key| byte ^ key }.pack("C*")
    length = text.bytesize < 126 ? [0x80 | text.bytesize].pack("C") : [0x80 | 126, text.bytesize].pack("Cn")
    @client.write([0x80 | TEXT].pack("C") + length + mask + masked)
  end

  # The text of the next message.
  def receive
    loop do
      first, length = @client.read(2).bytes
      length = @client.read(2).unpack1("n") if length == 126
      text = @client.read(length).force_encoding(Encoding::UTF_8)
      return text if first & 0x0f == TEXT
      raise "the WebSocket was closed: #{text.byteslice(2..)}" if first & 0x0f == CLOSE
    end
  end

  def close = @client.close
end

# A subscription to a channel of Action Cable.
class CableClient
  attr_reader :socket

  def initialize(socket, channel)
    @socket = socket
    @identifier = JSON.generate(channel: channel)
  end

  # Reads Action Cable's own messages up to the first one of this type.
  def await(type)
    loop { break if JSON.parse(socket.receive)["type"] == type }
  end

  def subscribe
    await("welcome")
    socket.send(command: "subscribe", identifier: @identifier)
    await("confirm_subscription")
  end

  def perform(action, **data)
    socket.send(command: "message", identifier: @identifier, data: JSON.generate(action: action, **data))
  end

  # The next message of the channel.
  def receive
    loop do
      told = JSON.parse(socket.receive)
      return told["message"] if told.key?("message") && told["type"].nil?
    end
  end
end
