# Configuration of HAProxy and its translation, piece by piece.
#
#   proxy start -c examples/from_haproxy.rb
#   curl http://127.0.0.1:8080/

# global
#   maxconn 50000
#   log /dev/log local0
# defaults
#   option httplog
max_connections 50_000
access_log "combined" # to standard output, which systemd or a container collects

#   timeout client 30s
client_header_timeout 30
client_body_timeout 30
keepalive_timeout 30

#   timeout connect 5s
#   timeout server 30s
# Options of several proxies are a Hash in Ruby.
timeouts = { connect_timeout: 5, timeout: 30, read_timeout: 30 }
# HAProxy passes the client's Host on. `option forwardfor` is the default here; forwarded_headers: false turns it off.
same_host = { preserve_host: true }

# frontend http_in
#   bind *:80
bind "http://127.0.0.1:8080"
#   bind *:443 ssl crt /etc/ssl/example.pem
# As in HAProxy, the file holds certificate and key. The example starts without it, too.
crt = "/etc/ssl/example.pem"
bind "https://127.0.0.1:8443", certificate: crt if File.readable?(crt)

# backend app_servers
#   balance roundrobin
#   option httpchk GET /healthz HTTP/1.1\r\nHost:\ example.com
#   http-check expect status 200
#   server app1 127.0.0.1:8000 check inter 10s rise 2 fall 3
#   server app2 127.0.0.1:8001 check inter 10s rise 2 fall 3
#   server app3 127.0.0.1:8002 check inter 10s rise 2 fall 3 backup
upstream "app_servers",
         backends: ["127.0.0.1:8000", "127.0.0.1:8001", { address: "127.0.0.1:8002", backup: true }],
         backend_priority: :round_robin,
         health_check: { path: "/healthz", headers: { "Host" => "example.com" }, status: 200, interval: 10, rise: 2,
                         fall: 3 },
         # option http-server-close
         keepalive: 0

# backend api_servers
#   balance leastconn
#   option httpchk GET /api/healthz
#   server api1 127.0.0.1:9000 check
#   server api2 127.0.0.1:9001 check
upstream "api_servers",
         backends: ["127.0.0.1:9000", "127.0.0.1:9001"],
         backend_priority: :least_conn,
         health_check: { path: "/api/healthz", interval: 2, rise: 2, fall: 3 } # HAProxy's defaults of `check`

# The original uses this backend without defining it.
upstream "ws_servers", backends: ["127.0.0.1:9100"]

# acl is_api path_beg /api/
# use_backend api_servers if is_api
location "/api/*" do
  proxy to: "http://api_servers{path}{query}", **timeouts, **same_host
end

# acl is_ws hdr(Upgrade) -i websocket
# use_backend ws_servers if is_ws
location headers: { "Upgrade" => /\Awebsocket\z/i } do
  proxy to: "http://ws_servers{path}{query}", **timeouts, **same_host
end

# default_backend app_servers
#
# backend app_servers
#   timeout tunnel 30s
proxy to: "http://app_servers{path}{query}", tunnel_timeout: 30, **timeouts, **same_host

# echo 'set server app_servers/app1 state drain' | socat stdio /run/haproxy.sock
# In the program that started the server:
#   server = Proxy.start("examples/from_haproxy.rb")
#   server.drain("app_servers/127.0.0.1:8000") # finishes its requests, gets no new ones
#   server.ready("app_servers/127.0.0.1:8000")
# haproxy -sf $(cat /run/haproxy.pid)
# SIGTERM to this process: requests in flight get this many seconds.
shutdown_timeout 30
