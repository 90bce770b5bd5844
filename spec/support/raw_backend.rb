# frozen_string_literal: true

require "openssl"
require "socket"
require_relative "wire"

# A backend that runs its block for each connection, and records all requests.
#
#   backend = RawBackend.new { |connection| connection.read_request; connection.write "HTTP/1.1 200 OK\r\n…" }
class RawBackend
  # A backend's end of one connection. Its backend records every request that it reads.
  class Connection < Wire
    # Number of the connection at its backend, counted from 1.
    attr_reader :number

    def initialize(io, backend, number)
      super(io)
      @backend = backend
      @number = number
    end

    def read_request = super { |request| @backend.remember(request) }

    # Reads requests and answers each with 200 until the peer closes.
    def answer_all(body, headers = {})
      while (request = read_request)
        answer(request.method_name == "HEAD" ? nil : body, { "Content-Length" => body.bytesize }.merge(headers))
      end
    end

    # Writes a whole response; `Content-Length` is added unless given.
    def answer(body = "ok", headers = {}, status: "200 OK")
      headers = { "Content-Length" => body.to_s.bytesize }.merge(headers)
      write "HTTP/1.1 #{status}\r\n#{headers.map { |name, value| "#{name}: #{value}\r\n" }.join}\r\n#{body}"
    end
  end

  attr_reader :requests, :errors, :handshakes

  # Listens on `host` and `port`, or at `unix`. With `tls`, an `OpenSSL::SSL::SSLContext`, every connection begins with
  # a handshake. Without a block every request is answered `200 ok`.
  def initialize(host: "127.0.0.1", port: 0, unix: nil, tls: nil, &script)
    @script = script || ->(connection) { connection.answer_all("ok") }
    @unix = unix
    @tls = tls
    @server_names = {}.compare_by_identity
    # Must be set here: the first handshake freezes the context.
    @tls&.servername_cb = ->((ssl, name)) { @server_names[ssl] = name; nil }
    @server = unix ? UNIXServer.new(unix) : TCPServer.new(host, port)
    @host = host
    @changes = Monitor.new
    @changed = @changes.new_cond
    @requests = []
    @errors = []
    @handshakes = []
    @count = 0
    @open = {}
    @acceptor = start_thread { accept_all }
  end

  # A backend that answers every request with 200 and `body`.
  def self.answering(body, headers = {}, **options)
    new(**options) { |connection| connection.answer_all(body, headers) }
  end

  def port = @server.local_address.ip_port

  # Its address for `backends:`.
  def address
    return "unix:#{@unix}" if @unix

    @host.include?(":") ? "[#{@host}]:#{port}" : "#{@host}:#{port}"
  end

  # Connections accepted so far.
  def connections = @changes.synchronize { @count }

  # Connections that are open now.
  def open_connections = @changes.synchronize { @open.size }

  def request = requests.fetch(0)

  # Waits until `count` requests, or at least their heads, have arrived.
  def await_requests(count, limit: 5) = await(limit, "#{count} requests") { requests.size >= count }

  # Waits until `count` connections are open.
  def await_open_connections(count, limit: 5) = await(limit, "#{count} open connections") { @open.size == count }

  def remember(request)
    @changes.synchronize do
      requests << request
      @changed.broadcast
    end
  end

  # Closes the listener and every connection; from now on connections are refused.
  def stop
    @server.close unless @server.closed?
    [@acceptor, *@changes.synchronize { @open.keys }].each(&:kill).each(&:join)
    File.delete(@unix) if @unix && File.exist?(@unix)
  end

  private

  def await(limit, what, &condition)
    @changes.synchronize do
      deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + limit
      until condition.call
        left = deadline - Process.clock_gettime(Process::CLOCK_MONOTONIC)
        if left <= 0
          raise Wire::Late, "the backend saw no #{what} within #{limit} s (#{requests.size} requests, #{@open.size} " \
                            "open)"
        end

        @changed.wait(left)
      end
    end
  end

  def accept_all
    loop do
      socket = @server.accept
      number = @changes.synchronize { @count += 1 }
      @changes.synchronize { @open[start_thread { serve(socket, number) }] = true }
    end
  rescue IOError, Errno::EBADF
    nil # The listener was closed.
  end

  def serve(socket, number)
    io = @tls ? handshake(socket) : socket
    connection = io && Connection.new(io, self, number)
    @script.call(connection) if connection
  rescue Wire::CutShort, Errno::EPIPE, Errno::ECONNRESET
    nil # The proxy went away: what the tests then expect, they check.
  rescue StandardError => e
    @errors << e
  ensure
    (connection || socket).close
    socket.close unless socket.closed?
    @changes.synchronize do
      @open.delete(Thread.current)
      @changed.broadcast
    end
  end

  # Facts about a client's handshake: server name, common name of its certificate, or the error.
  Handshake = Struct.new(:server_name, :client_name, :error)

  def handshake(socket)
    seen = Handshake.new
    ssl = OpenSSL::SSL::SSLSocket.new(socket, @tls)
    ssl.accept
    seen.client_name = ssl.peer_cert&.subject&.to_s
    ssl
  rescue OpenSSL::SSL::SSLError, SystemCallError => e
    seen.error = e
    nil
  ensure
    seen.server_name = @server_names.delete(ssl)
    @changes.synchronize { handshakes << seen }
  end

  def start_thread(&work)
    Thread.new(&work).tap { |thread| thread.report_on_exception = false }
  end
end

# A bound port that refuses every connection.
class RefusingBackend
  def initialize
    @socket = Socket.new(:INET, :STREAM)
    @socket.bind(Addrinfo.tcp("127.0.0.1", 0))
  end

  def address = "127.0.0.1:#{@socket.local_address.ip_port}"

  def stop = @socket.close
end

# A port with a full accept queue: the kernel drops every further SYN, so that a connect hangs.
class SilentBackend
  def initialize(host: "127.0.0.1", port: 0)
    address = Addrinfo.tcp(host, port)
    @socket = Socket.new(address.afamily, :STREAM)
    @socket.bind(address)
    @socket.listen(0)
    @fillers = Array.new(4) do
      Socket.new(address.afamily, :STREAM).tap do |filler|
        filler.connect_nonblock(@socket.local_address, exception: false)
      end
    end
  end

  def port = @socket.local_address.ip_port

  def address = "127.0.0.1:#{port}"

  def stop = [@socket, *@fillers].each(&:close)
end
