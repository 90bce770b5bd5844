# frozen_string_literal: true

require "json"
require_relative "grpc_echo"

# - Unary answers with the message, or obeys a JSON Hash in it: "status" and "message" to fail, "sleep" to answer late,
#   "size" to answer with that number of bytes. The head has the metadata of the request, and the trailers have
#   "x-trailer".
# - Collect answers with all messages together, once the client has ended.
# - Expand answers with the number of messages that the message says; with "wait", it sends messages until the client is
#   gone.
# - Chat answers each message with itself at once.
class Echo < EchoService
  def unary(message, call)
    call.output_metadata["x-trailer"] = "behind"
    call.merge_metadata_to_send(echoed(call))
    wish = message.start_with?("{") ? JSON.parse(message) : {}
    raise GRPC::BadStatus.new(wish["status"], wish["message"], "x-why-bin" => "\x00\xff".b) if wish["status"]

    sleep(wish["sleep"]) if wish["sleep"]
    return Bytes.new("x" * wish["size"]) if wish["size"]

    message
  end

  def collect(call)
    parts = []
    call.each_remote_read { |message| parts << message }
    Bytes.new(parts.join(","))
  end

  def expand(message, _call)
    return Array.new(Integer(message)) { |i| Bytes.new("message #{i}") }.each unless message == "wait"

    Enumerator.new do |messages|
      loop { messages << Bytes.new("waiting").tap { sleep 0.02 } }
    ensure
      puts "nobody waits any more"
    end
  end

  def chat(messages, _call) = messages

  private

  def echoed(call) = call.metadata.slice("x-text", "x-raw-bin").transform_keys { |name| name.sub("x-", "x-sent-") }
end

# The health service `grpc.health.v1`. Its messages have one field each.
class Health
  include GRPC::GenericService

  self.service_name = "grpc.health.v1.Health"
  rpc :Check, Bytes, Bytes

  STATUSES = { "\n\x05ready".b => "\x08\x01", "\n\x04busy".b => "\x08\x02", "".b => "\x08\x01" }.freeze

  def check(message, _call) = Bytes.new(STATUSES.fetch(message) { raise GRPC::NotFound, "unknown service" })
end

$stdout.sync = true
server = GRPC::RpcServer.new(pool_size: 32)
port = server.add_http2_port("127.0.0.1:0", :this_port_is_insecure)
[Echo, Health].each { |service| server.handle(service) }
puts "listening on 127.0.0.1:#{port}"
server.run_till_terminated_or_interrupted(%w[INT TERM])
