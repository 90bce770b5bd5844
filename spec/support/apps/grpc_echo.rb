# frozen_string_literal: true

require "grpc"

# A message type that is its own encoding, so that no code has to be generated.
class Bytes < String
  def self.marshal(bytes) = bytes

  def self.unmarshal(bytes) = new(bytes)
end

# The service of the specs, with a call of every kind.
class EchoService
  include GRPC::GenericService

  self.service_name = "test.Echo"

  rpc :Unary, Bytes, Bytes
  rpc :Collect, stream(Bytes), Bytes
  rpc :Expand, Bytes, stream(Bytes)
  rpc :Chat, stream(Bytes), stream(Bytes)
end
