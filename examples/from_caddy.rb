# Configuration of Caddy and its translation, piece by piece.
#
#   proxy start -c examples/from_caddy.rb
#   curl -H "Host: example.com" http://127.0.0.1:8080/

bind "http://127.0.0.1:8080"
# Caddy listens on 443 and gets certificates by itself. So does this, with `acme email: "…"` and
# bind "https://0.0.0.0:443". Files of certbot work too; SIGHUP reads them again. For development,
# "https://localhost:8443" needs no certificate. Both speak HTTP/2.
folder = "/etc/letsencrypt/live/example.com"
if File.readable?(folder)
  bind "https://127.0.0.1:8443", certificate: "#{folder}/fullchain.pem", key: "#{folder}/privkey.pem"
  # Caddy also redirects http to https: write redirect_http_to_https! for that.
end

# example.com {
#   reverse_proxy localhost:8000
# }
host "example.com" do
  # Caddy passes the client's Host on.
  proxy backends: ["localhost:8000"], headers: { "Host" => { rewrite: "{Host}" } }
end

# example.com {
#   reverse_proxy {
#     to localhost:8000 localhost:8001 localhost:8002
#     lb_policy least_conn
#     health_uri /healthz
#     health_interval 10s
#     health_timeout 5s
#     health_status 200
#     header_up Host {upstream_hostport}
#     header_up X-Real-IP {remote_host}
#     header_up X-Forwarded-Proto {scheme}
#   }
# }
host "www.example.com" do # the original has example.com a second time
  proxy backends: ["localhost:8000", "localhost:8001", "localhost:8002"],
        backend_priority: :least_conn,
        # rise and fall: Caddy's defaults of passes and fails
        health_check: { path: "/healthz", interval: 10, timeout: 5, status: 200, rise: 1, fall: 1 }
  # Without `to`, Host is the address of the backend. X-Real-IP and X-Forwarded-Proto are always sent.
end

# api.example.com {
#   handle /v2/* {
#     reverse_proxy localhost:9000
#   }
#   handle {
#     reverse_proxy localhost:8000
#   }
# }
host "api.example.com" do
  location "/v2/*" do
    proxy backends: ["localhost:9000"], headers: { "Host" => { rewrite: "{Host}" } }
  end
  proxy backends: ["localhost:8000"], headers: { "Host" => { rewrite: "{Host}" } }
end
