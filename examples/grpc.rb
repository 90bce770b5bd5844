# gRPC: two servers that speak HTTP/2 without TLS, and are asked themselves whether they are well.
#
#   proxy start -c examples/grpc.rb

bind "http://127.0.0.1:8080" # HTTP/2 without TLS, for clients that know it is spoken here; browsers want https://

location content_types: ["application/grpc", "application/grpc+proto"] do
  proxy backends: ["h2://127.0.0.1:50051", "h2://127.0.0.1:50052"],
        # Calls share connections, so that the one with the fewest calls is the less busy one.
        backend_priority: :least_conn,
        # grpc.health.v1.Health/Check; a name in place of "" asks about one service.
        health_check: { grpc: true, service: "", interval: 5 },
        # Until a server begins to answer. A grpc-timeout of the client that is shorter counts.
        timeout: 60,
        # Longest silence of a stream.
        tunnel_timeout: 3600
end

static_response code: 415, body: "This port speaks gRPC.\n"
