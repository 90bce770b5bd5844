# frozen_string_literal: true

require "socket"
require "uri"

# Where an authority looks for answers to challenges: a port for HTTP and one for TLS, which are known before a proxy
# starts. Connections are passed on to the proxies in turn, as a balancer in front of several instances does. Until
# there is one, they wait.
class ChallengeDoor
  attr_reader :http, :tls

  def initialize
    @targets = { "http" => [], "https" => [] }
    @connections = Hash.new(0)
    @changes = Monitor.new
    @changed = @changes.new_cond
    @listeners = @targets.keys.to_h { |scheme| [scheme, TCPServer.new("127.0.0.1", 0)] }
    @http, @tls = @listeners.values.map { |listener| listener.local_address.ip_port }
    @thread = Thread.new { @listeners.map { |scheme, listener| Thread.new { serve(scheme, listener) } }.each(&:join) }
  end

  # Passes connections on to these URLs, each to those with its scheme, in place of the URLs before.
  def lead_to(urls)
    @changes.synchronize do
      @targets.each { |scheme, targets| targets.replace(urls.select { |url| url.start_with?("#{scheme}:") }) }
      @changed.broadcast
    end
  end

  # Number of connections so far for each URL that they were passed on to.
  def connections = @changes.synchronize { @connections.dup }

  def stop
    @listeners.each_value(&:close)
    @thread.kill.join
  end

  private

  def serve(scheme, listener)
    loop do
      client = listener.accept
      Thread.new { pass_on(client, scheme) }
    end
  rescue IOError
    nil
  end

  def pass_on(client, scheme)
    target = URI(next_target(scheme))
    server = TCPSocket.new(target.hostname, target.port)
    back = Thread.new { copy(server, client) }
    copy(client, server)
    back.join
  rescue SystemCallError, IOError
    nil
  ensure
    [client, server].compact.each(&:close)
  end

  def next_target(scheme)
    @changes.synchronize do
      @changed.wait while @targets[scheme].empty?
      @targets[scheme].rotate!.last.tap { |url| @connections[url] += 1 }
    end
  end

  def copy(from, to)
    IO.copy_stream(from, to)
    to.close_write
  rescue SystemCallError, IOError
    nil
  end
end
