# frozen_string_literal: true

require "json"
require "open3"
require "rbconfig"
require_relative "child_process"

# A gRPC server in a separate process: Debian's ruby-grpc. apps/grpc_server.rb explains its answers.
class GrpcServer
  attr_reader :address, :process

  def initialize(*command)
    @process = ChildProcess.new(*(command.empty? ? [RbConfig.ruby, "#{__dir__}/apps/grpc_server.rb"] : command))
    @address = @process.await_output(/listening on (\S+)/)[1]
  end

  def stop = @process.stop
end

# A gRPC client in a separate process, shared by many examples because loading the library takes time. It is controlled
# with JSON; see apps/grpc_client.rb.
class GrpcClient
  # Result of a call. `seconds` is set if it failed.
  Outcome = Struct.new(:replies, :head, :trailers, :code, :message, :metadata, :seconds, keyword_init: true)

  def initialize(*command)
    @input, @output,
      @waiter = Open3.popen2(*(command.empty? ? [RbConfig.ruby, "#{__dir__}/apps/grpc_client.rb"] : command))
    @output.gets
  end

  # Makes a call of a kind (`unary`, `collect`, `expand`, `chat`, `cancel`) and waits for its end.
  def call(kind, address, *messages, metadata: {}, deadline: nil)
    call = { kind: kind, address: address, messages: messages.map { |text| encode(text) }, deadline: deadline,
             metadata: metadata.transform_values { |text| encode(text) } }
    @input.puts(JSON.generate(call.compact))
    read(@output.gets || raise("the client ended"))
  end

  def stop
    @input.close
    @waiter.value
    @output.close
  end

  private

  def read(line)
    outcome = JSON.parse(line, symbolize_names: true)
    outcome[:replies] &&= outcome[:replies].map { |text| decode(text) }
    %i[head trailers metadata].each do |part|
      outcome[part] &&= outcome[part].to_h { |name, text| [name.to_s, decode(text)] }
    end
    Outcome.new(**outcome)
  end

  def encode(text) = [text].pack("m0")

  def decode(text) = text.unpack1("m0").force_encoding("UTF-8")
end
