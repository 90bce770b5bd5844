# frozen_string_literal: true

require "json"
require "openssl"
require "socket"
require "uri"
require_relative "../wire"

# A server in front of an authority that spoils answers as the test says: what Pebble itself does not do, such as rate
# limits, a CDN's page of HTML, resets and silence.
#
#   front = AcmeFront.new(pebble.url, certs)
#   front.spoil("/order-plz", times: 1) { |client| client.write AcmeFront.answer(429, "Retry-After" => "90") }
#   front.spoil("/dir", &:reset)
class AcmeFront
  # A request that came in: its method and path, the moment, and the status that was answered (`nil`: none).
  Seen = Struct.new(:verb, :path, :at, :status)
  # What happens to requests whose path begins with `path`; `times` is how often still.
  Spoiled = Struct.new(:path, :times, :work)

  # The head and body of a response.
  def self.answer(status, headers = {}, body = "")
    lines = { "Content-Length" => body.bytesize, "Connection" => "close" }.merge(headers)
    "HTTP/1.1 #{status} X\r\n#{lines.map { |name, value| "#{name}: #{value}\r\n" }.join}\r\n#{body}"
  end

  # A problem document as ACME has it, such as `rateLimited` (RFC 8555, section 6.7).
  def self.problem(status, type, headers = {}, detail = "so says the test")
    body = JSON.generate(type: "urn:ietf:params:acme:error:#{type}", detail: detail, status: status)
    answer(status, { "Content-Type" => "application/problem+json" }.merge(headers), body)
  end

  # URL of the directory behind this server.
  attr_reader :url

  # `pair` is the certificate that it shows.
  def initialize(authority, pair, certs)
    @authority = URI(authority)
    @listener = TCPServer.new("127.0.0.1", 0)
    @tls = OpenSSL::SSL::SSLServer.new(@listener, certs.server_context(pair))
    @tls.start_immediately = false
    @url = "https://127.0.0.1:#{@listener.local_address.ip_port}#{@authority.path}"
    @seen = []
    @spoiled = []
    @altered = []
    @changes = Monitor.new
    @changed = @changes.new_cond
    @thread = Thread.new { serve }
  end

  # Gives requests whose path begins with `path` to the block instead of the authority: it gets the connection, a Wire.
  # If the block returns `:pass`, the authority answers after all.
  def spoil(path, times: Float::INFINITY, &work)
    @changes.synchronize { @spoiled << Spoiled.new(path, times, work) }
  end

  # Lets the block change the authority's responses to such requests: it gets the text and returns another.
  def alter(path, &work)
    @changes.synchronize { @altered << Spoiled.new(path, Float::INFINITY, work) }
  end

  # The authority answers all by itself again.
  def heal = @changes.synchronize { [@spoiled, @altered].each(&:clear) }

  # The requests so far whose path begins with `path`.
  def seen(path = "/") = @changes.synchronize { @seen.select { |seen| seen.path.start_with?(path) } }

  # Number of orders that the authority took.
  def orders = seen("/order-plz").count { |seen| seen.status == 201 }

  # Waits until there were `count` requests for such a path, and returns them.
  def await(path, count: 1, limit: 15)
    deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + limit
    @changes.synchronize do
      while seen(path).size < count
        left = deadline - Process.clock_gettime(Process::CLOCK_MONOTONIC)
        raise Wire::Late, "#{seen(path).size} requests for #{path} within #{limit} s, not #{count}" if left <= 0

        @changed.wait(left)
      end
      seen(path)
    end
  end

  def stop
    @listener.close
    @thread.kill.join
  end

  private

  def serve
    loop do
      socket = @tls.accept
      Thread.new { converse(socket) }
    end
  rescue IOError, SystemCallError
    nil
  end

  def converse(socket)
    socket.sync_close = true
    socket.accept
    client = Wire.new(socket, limit: 60)
    request = client.read_request and answer(client, request)
  rescue OpenSSL::SSL::SSLError, SystemCallError, IOError, Wire::Late, Wire::CutShort
    nil
  ensure
    socket.close
  end

  def answer(client, request)
    path = request.start_line.split[1]
    seen = Seen.new(request.method_name, path, Time.now)
    spoiled = @changes.synchronize { note(seen) }
    return unless spoiled.nil? || spoiled.work.call(client) == :pass

    response = ask(request)
    @changes.synchronize { seen.status = response[%r{\AHTTP/1.1 (\d+)}, 1].to_i }
    alter = @changes.synchronize { @altered.find { |altered| path.start_with?(altered.path) } }
    client.write(alter ? alter.work.call(response) : response)
  end

  # Remembers a request and finds who answers it.
  def note(seen)
    @seen << seen
    @changed.broadcast
    spoiled = @spoiled.find { |one| one.times.positive? && seen.path.start_with?(one.path) }
    spoiled.times -= 1 if spoiled
    spoiled
  end

  # Asks the authority, with the Host of the client, from which Pebble makes its URLs.
  def ask(request)
    fields = request.fields.reject { |(name, _)| name.downcase == "connection" }
    head = fields.map { |field| "#{field.join(": ")}\r\n" }.join
    socket = OpenSSL::SSL::SSLSocket.new(TCPSocket.new(@authority.host, @authority.port))
    socket.sync_close = true
    socket.connect
    socket.write("#{request.start_line}\r\n#{head}Connection: close\r\n\r\n#{request.body}")
    socket.read
  ensure
    socket&.close
  end
end
