# From nothing to HTTPS. The names must lead to this machine, and ports 80 and 443 must be reachable from outside.
#
#   sudo proxy start -c examples/https.rb

acme email: "ops@example.com"
bind "http://0.0.0.0:80"
bind "https://0.0.0.0:443"
redirect_http_to_https!
host("example.com", "www.example.com") { proxy backends: ["127.0.0.1:3000"] }
