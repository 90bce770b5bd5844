# frozen_string_literal: true

require "base64"
require "json"
require_relative "grpc_echo"

# Reads calls, one line of JSON each, makes them one after the other, and writes the result of each as a line. All bytes
# are Base64.
class Caller
  STUB = EchoService.rpc_stub_class

  def initialize = @stubs = Hash.new { |stubs, address| stubs[address] = STUB.new(address, :this_channel_is_insecure) }

  def answer(line)
    call = JSON.parse(line, symbolize_names: true)
    stub = @stubs[call[:address]]
    options = { metadata: call.fetch(:metadata, {}).to_h { |name, value| [name.to_s, Base64.decode64(value)] },
                return_op: true }
    options[:deadline] = Time.now + call[:deadline] if call[:deadline]
    JSON.generate(send(call[:kind], stub, call.fetch(:messages, []).map { |text| Bytes.new(Base64.decode64(text)) },
                       options))
  end

  private

  def unary(stub, messages, options) = outcome(stub.unary(messages.first, **options))

  def collect(stub, messages, options) = outcome(stub.collect(messages.each, **options))

  # Client streaming with a pause before each further message and before the end.
  def slow_collect(stub, messages, options)
    requests = Enumerator.new { |out| messages.each { |message| (out << message).then { sleep 0.4 } } }
    outcome(stub.collect(requests, **options))
  end

  # Calls a method that no server has.
  def missing(stub, messages, options)
    outcome(stub.request_response("/test.Echo/Missing", messages.first, :itself.to_proc, Bytes.method(:new), **options))
  end

  def expand(stub, messages, options) = outcome(stub.expand(messages.first, **options)) { |replies| replies.to_a }

  # Bidirectional streaming: sends each message only after the reply to the one before.
  def chat(stub, messages, options)
    turns = Queue.new
    requests = Enumerator.new do |out|
      messages.each do |message|
        out << message
        turns.pop
      end
    end
    outcome(stub.chat(requests, **options)) { |replies| replies.map { |reply| reply.tap { turns << true } } }
  end

  # Cancels the call after the first message.
  def cancel(stub, messages, options)
    operation = stub.expand(messages.first, **options)
    outcome(operation) do |replies|
      replies.first(1).tap { operation.cancel }
    end
  end

  def outcome(operation)
    began = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    replies = operation.execute
    replies = block_given? ? yield(replies) : [replies]
    result(operation, replies: replies.map { |reply| Base64.strict_encode64(reply) }, code: 0)
  rescue GRPC::BadStatus => e
    result(operation, code: e.code, message: e.details.to_s, metadata: encoded(e.metadata))
      .merge(seconds: Process.clock_gettime(Process::CLOCK_MONOTONIC) - began)
  end

  def result(operation, **values)
    { head: encoded(operation.metadata), trailers: encoded(operation.trailing_metadata) }.merge(values)
  end

  def encoded(metadata) = (metadata || {}).transform_values { |value| Base64.strict_encode64(Array(value).join(", ")) }
end

$stdout.sync = true
caller = Caller.new
puts "ready"
while (line = $stdin.gets)
  puts caller.answer(line)
end
