# frozen_string_literal: true

require "openssl"
require "socket"
require "uri"
require_relative "wire"

# A client that sends exact bytes and reads the response.
class RawClient < Wire
  # Connects to `http://127.0.0.1:8080`, `http://[::1]:8080` or `unix:///run/proxy.sock`.
  def self.connect(url, **options)
    return new(UNIXSocket.new(url.delete_prefix("unix://")), **options) if url.start_with?("unix:")

    uri = URI(url)
    socket = TCPSocket.new(uri.hostname, uri.port)
    socket.setsockopt(Socket::IPPROTO_TCP, Socket::TCP_NODELAY, 1)
    new(socket, **options)
  end

  # Sends one request on a new connection and returns the response. A header value may be an Array: several lines.
  def self.request(url, method, target, headers = {}, body = nil)
    client = connect(url)
    client.send_request(method, target, { "Connection" => "close" }.merge(headers), body)
    client.read_response(to: method)
  ensure
    client&.close
  end

  # Writes a whole request. `Host: example.test` and the length of `body` are added unless given.
  def send_request(method, target, headers = {}, body = nil)
    headers = { "Host" => "example.test" }.merge(headers)
    headers = { "Content-Length" => body.bytesize }.merge(headers) if body
    lines = headers.flat_map { |name, values| Array(values).map { |value| "#{name}: #{value}\r\n" } }
    write "#{method} #{target} HTTP/1.1\r\n#{lines.join}\r\n#{body}"
  end

  # Writes a request and reads the response; the connection stays open.
  def request(method, target, headers = {}, body = nil)
    send_request(method, target, headers, body)
    read_response(to: method)
  end

  # Closes the connection with a reset, as a killed client does. An orderly close would only be a half-close: no more
  # will be sent.
  def reset
    io.setsockopt(Socket::SOL_SOCKET, Socket::SO_LINGER, [1, 0].pack("ii"))
    close
  end

  def get(target = "/", headers = {}) = request("GET", target, headers)
end
