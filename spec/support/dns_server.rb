# frozen_string_literal: true

require "resolv"
require "socket"
require_relative "wire"

# A DNS server on a loopback address. The test sets its answers.
#
#   dns = DnsServer.new
#   dns.answer "app.test", ["127.0.0.1"], ttl: 1
class DnsServer
  Record = Struct.new(:addresses, :ttl)

  def initialize
    @socket = UDPSocket.new
    @socket.bind("127.0.0.1", 0)
    @changes = Monitor.new
    @changed = @changes.new_cond
    @records = {}
    @queries = Hash.new(0)
    @failing = false
    @thread = Thread.new { serve }
  end

  # Its address for `resolver`.
  def address = "127.0.0.1:#{@socket.local_address.ip_port}"

  # Sets the addresses of `name` (IPv4 and IPv6), with a TTL in seconds.
  def answer(name, addresses, ttl: 60)
    @changes.synchronize { @records[name] = Record.new(addresses, ttl) }
  end

  # Sets the `SRV` records of `name`, each `[priority, weight, port, host]`.
  def answer_service(name, services, ttl: 60)
    answer(name, services, ttl: ttl)
  end

  # Whether every question is answered with SERVFAIL from now on.
  def failing=(failing)
    @changes.synchronize { @failing = failing }
  end

  # Number of questions for `name` so far. A and AAAA count separately.
  def queries(name) = @changes.synchronize { @queries[name] }

  # Waits for `more` further questions for `name`.
  def await_queries(name, more, limit: 8)
    @changes.synchronize do
      wanted = @queries[name] + more
      deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + limit
      while @queries[name] < wanted
        left = deadline - Process.clock_gettime(Process::CLOCK_MONOTONIC)
        raise Wire::Late, "#{name} was not asked for again within #{limit} s" if left <= 0

        @changed.wait(left)
      end
    end
  end

  def stop
    @thread.kill.join
    @socket.close
  end

  private

  def serve
    loop do
      bytes, (_, port, _, host) = @socket.recvfrom(4096)
      @socket.send(reply(Resolv::DNS::Message.decode(bytes)).encode, 0, host, port)
    end
  end

  def reply(question)
    message = Resolv::DNS::Message.new(question.id)
    message.qr = 1
    message.rd = question.rd
    message.ra = 1
    question.each_question { |name, type| add_answers(message, name, type) }
    message
  end

  def add_answers(message, name, type)
    message.add_question(name, type)
    @changes.synchronize do
      @queries[name.to_s] += 1
      @changed.broadcast
      record = @records[name.to_s]
      next message.rcode = Resolv::DNS::RCode::ServFail if @failing
      next message.rcode = Resolv::DNS::RCode::NXDomain unless record

      record.addresses.each { |address| add_address(message, name, type, address, record.ttl) }
    end
  end

  def add_address(message, name, type, address, ttl)
    return add_service(message, name, type, address, ttl) if address.is_a?(Array)

    kind = address.include?(":") ? Resolv::DNS::Resource::IN::AAAA : Resolv::DNS::Resource::IN::A
    message.add_answer(name, ttl, kind.new(address)) if type == kind
  end

  def add_service(message, name, type, service, ttl)
    priority, weight, port, host = service
    kind = Resolv::DNS::Resource::IN::SRV
    if type == kind
      message.add_answer(name, ttl, kind.new(priority, weight, port, Resolv::DNS::Name.create("#{host}.")))
    end
  end
end
