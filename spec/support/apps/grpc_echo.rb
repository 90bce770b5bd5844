# frozen_string_literal: true

require "grpc"

# Bytes as they are: no code has to be generated for messages that are their own encoding.
class Bytes < String
  def self.marshal(bytes) = bytes

  def self.unmarshal(bytes) = new(bytes)
end

# The calls of every kind that the specs make.
class EchoService
  include GRPC::GenericService

  self.service_name = "test.Echo"

  rpc :Unary, Bytes, Bytes
  rpc :Collect, stream(Bytes), Bytes
  rpc :Expand, Bytes, stream(Bytes)
  rpc :Chat, stream(Bytes), stream(Bytes)
end
