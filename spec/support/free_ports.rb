# frozen_string_literal: true

require "socket"

# Ports for what can neither take port 0 nor inherit a socket. They are below those that the system gives to
# clients and to port 0, so that only another such program can take one of them in between.
module FreePorts
  RANGE = (10_000..32_000)

  # One such port.
  def self.one = take(1).first

  # `count` different ports of 127.0.0.1 that nobody uses, neither for TCP nor for UDP.
  def self.take(count)
    held = []
    held << hold(rand(RANGE)) until held.compact.size == count
    held.compact.map { |(tcp, _)| tcp.local_address.ip_port }
  ensure
    held.compact.flatten.each(&:close)
  end

  def self.hold(port)
    tcp = TCPServer.new("127.0.0.1", port)
    udp = UDPSocket.new
    udp.bind("127.0.0.1", port)
    [tcp, udp]
  rescue Errno::EADDRINUSE
    [tcp, udp].compact.each(&:close)
    nil
  end
  private_class_method :hold
end
