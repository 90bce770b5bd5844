# Configuration of nginx and its translation, piece by piece.
#
#   proxy start -c examples/from_nginx.rb
#   curl -H "Host: example.com" http://127.0.0.1:8080/

# listen 80;
bind "http://127.0.0.1:8080" # a port below 1024 needs privileges

# upstream app_servers {
#   server 127.0.0.1:8000 weight=3;
#   server 127.0.0.1:8001 weight=1;
#   server 127.0.0.1:8002 backup;
#   keepalive 32;
# }
upstream "app_servers",
         backends: [{ address: "127.0.0.1:8000", weight: 3 }, { address: "127.0.0.1:8001", weight: 1 },
                    { address: "127.0.0.1:8002", backup: true }],
         keepalive: 32,
         # nginx's defaults: a server that failed once gets no requests for ten seconds.
         max_fails: 1, fail_timeout: 10

# The other methods of an upstream.
servers = ["127.0.0.1:8000", "127.0.0.1:8001", "127.0.0.1:8002"]
# least_conn;
upstream "least_busy", backends: servers, backend_priority: :least_conn
# ip_hash;
upstream "by_client", backends: servers, backend_priority: :ip_hash
# random two least_conn;
upstream "less_busy_of_two", backends: servers, backend_priority: :random_two

# Behind a CDN or another proxy, the application should see:
#   x_forwarded_for.split(',')[0]
#   SECURE_PROXY_SSL_HEADER = ('HTTP_X_FORWARDED_PROTO', 'https')
#   USE_X_FORWARDED_HOST = True
# A client can make the first address up. With this line, X-Real-IP is the last address that is not one of these
# proxies, and their X-Forwarded-Proto and X-Forwarded-Host are passed on. Those of any other client are replaced.
trusted_proxies "127.0.0.1", "10.0.0.0/8"

# server {
#   listen 50051 http2;
#   location / {
#     grpc_pass grpc://127.0.0.1:9090;
#     error_page 502 = /error502grpc;
#   }
#   location = /error502grpc {
#     default_type application/grpc;
#     add_header grpc-status 14;
#     return 204;
#   }
# }
# A call whose backend fails is answered with grpc-status 14 (UNAVAILABLE); no line is needed for that.
bind "http://127.0.0.1:50051", protocols: ["h2"]
location ports: [50051] do
  proxy backends: ["h2://127.0.0.1:9090"]
end

# server_name example.com;
# In nginx the first server also serves all unknown hosts: leave `host` out for that.
host "example.com" do
  # location /ws/ {
  #   proxy_pass http://app_servers;
  #   proxy_http_version 1.1;
  #   proxy_set_header Upgrade $http_upgrade;
  #   proxy_set_header Connection 'upgrade';
  #   proxy_set_header Host $host;
  #   proxy_read_timeout 3600s;
  # }
  location "/ws/*" do
    # Upgrades need no option.
    proxy to: "http://app_servers{path}{query}", headers: { "Host" => { rewrite: "{host}" } }, tunnel_timeout: 3600
  end

  location("/least_conn/*") { proxy to: "http://least_busy{path}{query}" }
  location("/ip_hash/*") { proxy to: "http://by_client{path}{query}" }
  location("/random/*") { proxy to: "http://less_busy_of_two{path}{query}" }

  # location / {
  #   proxy_pass http://app_servers;
  #   proxy_set_header Host $host;
  #   proxy_set_header X-Real-IP $remote_addr;
  #   proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
  #   proxy_set_header X-Forwarded-Proto $scheme;
  #   proxy_connect_timeout 5s;
  #   proxy_send_timeout 60s;
  #   proxy_read_timeout 60s;
  #   proxy_buffering on;
  #   proxy_buffer_size 4k;
  #   proxy_buffers 8 4k;
  # }
  proxy to: "http://app_servers{path}{query}",
        # X-Real-IP, X-Forwarded-For and X-Forwarded-Proto are always sent.
        headers: { "Host" => { rewrite: "{host}" } },
        connect_timeout: 5,
        write_timeout: 60,
        timeout: 60,      # until the response begins
        read_timeout: 60, # between two pieces of it
        buffer_size: 32_768 # of a response that its client is slow to take
end
