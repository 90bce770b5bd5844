# The documentation's example as it stands, in front of two local applications.
#
#   echo 'run ->(env) { [200, {}, ["#{env["SERVER_PORT"]} got #{env["REQUEST_URI"]}\n"]] }' > /tmp/config.ru
#   puma -b tcp://127.0.0.1:3001 /tmp/config.ru & puma -b tcp://127.0.0.1:3002 /tmp/config.ru &
#   proxy start -c examples/simple.rb
#   curl "http://127.0.0.1:8080/resource?id=5"

bind "http://127.0.0.1:8080"

proxy \
  to: "http://backend.example.com/api{path}{query}", \
  backends: ["127.0.0.1:3001", "127.0.0.1:3002"], \
  backend_priority: "round_robin", \
  headers: { "X-Forwarded-For" => { rewrite: "{addr}" } }, \
  verify_ssl: false, \
  timeout: 30, \
  tls_sni: true, \
  error_response: "bad_gateway"
