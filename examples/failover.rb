# One application server, and a second one that only gets requests while the first is away.
#
#   proxy start -c examples/failover.rb

bind "http://127.0.0.1:8080"

proxy backends: ["127.0.0.1:3001", "127.0.0.1:3002"],
      # The first that works. Once it is back, it gets the requests again.
      backend_priority: :ordered,
      # A dead machine costs a second, not five.
      connect_timeout: 1,
      # The whole answer, all attempts together, begins within ten.
      timeout: 10,
      error_response: :service_unavailable
