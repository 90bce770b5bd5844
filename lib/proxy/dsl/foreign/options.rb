# frozen_string_literal: true

module Proxy
  class DSL
    module Foreign
      # Options of other systems, each with our option and an example value.
      OPTIONS = {
        [:headers, '{ "X-Name" => "value" }'] =>
          %i[proxy_set_header header_up set_header request_headers custom_request_headers],
        [:response_headers, '{ "X-Name" => "value" }'] => %i[add_header header_down custom_response_headers],
        [:to, '"http://127.0.0.1:3000"'] => %i[proxy_pass reverse_proxy url target uri app_port destination service],
        [:to, '"http://NAME_OF_THE_UPSTREAM"'] => %i[upstream],
        [:address, '"127.0.0.1:3001"'] => %i[url host server dial],
        [:backends, '["127.0.0.1:3001"]'] => %i[server servers upstreams targets nodes hosts load_balancer],
        [:timeout, "30"] => %i[response_header_timeout response_timeout target_timeout],
        [:read_timeout, "60"] => %i[proxy_read_timeout],
        [:write_timeout, "10"] => %i[proxy_send_timeout send_timeout],
        [:connect_timeout, "5"] => %i[proxy_connect_timeout dial_timeout open_timeout],
        [:tunnel_timeout, "3600"] => %i[stream_timeout websocket_timeout timeout_tunnel],
        [:keepalive_timeout, "15"] => %i[keepalive_idle_conns idle_timeout idle_conn_timeout],
        [:keepalive, "64"] => %i[max_idle_conns max_idle_conns_per_host keepalive_idle],
        [:keepalive, "64; a connection serves any number of requests"] => %i[keepalive_requests],
        [:max_body, "1_048_576"] => %i[client_max_body_size request_body_max_size max_request_body max_body_size],
        [:retry_on, "[:timeout, 502, 503, 504]"] => %i[proxy_next_upstream retry_match],
        [:retries, "3"] => %i[lb_retries attempts max_retries retry],
        [:backend_priority, ":least_conn"] => %i[lb_policy balance least_conn policy load_balancing algorithm],
        [:backend_priority, ":ip_hash"] => %i[ip_hash],
        [:backend_priority, '{ sticky: "backend" }'] => %i[cookie sticky sticky_cookie session_affinity],
        [:health_check, '{ path: "/healthz" }'] =>
          %i[health_uri httpchk check health_path health_check_path healthcheck health health_checks],
        [:health_check, "{ interval: 10 }"] => %i[health_interval health_check_interval inter],
        [:max_fails, "3"] => %i[unhealthy_request_count],
        [:fail_timeout, "10"] => %i[fail_duration],
        [:max_connections, "100"] => %i[maxconn max_conns max_conns_per_host pool_size],
        [:verify_ssl, "true"] => %i[proxy_ssl_verify verify verify_mode],
        [:verify_ssl, "false"] => %i[tls_insecure_skip_verify insecure_skip_verify insecure ssl_verify_none],
        [:tls_sni, "true"] => %i[proxy_ssl_server_name sni],
        [:ca_file, '"tls/ca.pem"'] => %i[proxy_ssl_trusted_certificate root_cas ca],
        [:client_certificate, '"tls/client.pem"'] => %i[proxy_ssl_certificate],
        [:client_key, '"tls/client.key"'] => %i[proxy_ssl_certificate_key],
        [:preserve_host, "true"] => %i[proxy_set_host preserve_host_header pass_host_header proxy_preserve_host],
        [:preserve_host, "false"] => %i[change_origin changeOrigin],
        [:protocol, '"http2"'] => %i[http2 versions],
        [:protocol, '"http1"'] => %i[proxy_http_version],
        [:slow_start, "30"] => %i[slowstart],
        [:strip_prefix, "true"] => %i[strip_path_prefix path_rewrite pathRewrite],
        [:path_prefix, '"/api"'] => %i[context],
        [:forwarded_headers, "true"] => %i[forward_headers xfwd],
        [:error_response, '{ status: 503, html: { file: "503.html" } }'] => %i[error_page errorfile error_pages],
        [:proxy_protocol, '"v1"'] => %i[send_proxy],
        [:proxy_protocol, "true"] => %i[accept_proxy],
        [:certificate, '"tls/site.pem"'] => %i[ssl_certificate crt tls ssl ssl_cert cert_file tls_certificate_path],
        [:key, '"tls/site.key"'] => %i[ssl_certificate_key private_key key_file tls_private_key_path],
        [:client_ca, '"tls/ca.pem"'] => %i[ssl_client_certificate client_auth],
        [:min_tls, '"1.2"'] => %i[ssl_protocols min_version tls_min_version],
        [:mode, "0o660"] => %i[umask perms permissions],
        [:hosts, '["example.com"]'] => %i[server_name domain domains subdomain],
        [:methods, '["GET"]'] => %i[via verb verbs],
        [:headers, '{ "X-Beta" => "1" }'] => %i[header_regexp],
        [:remote, '["10.0.0.0/8"]'] => %i[remote_ip ip client_ip source_ip src],
        [:code, "503"] => %i[status status_code],
        [:status, "503"] => %i[status_code],
        [:to, '"/new", in location "/old" do … end', :redirect] => %i[from source old],
        [:body, '"text"'] => %i[content text plain json],
        [:body, 'File.read("public/503.html")', :static_response] => %i[file path filename html],
        [:type, ":moved_permanently, which is 301, :found (302), :temporary (307) or :permanent (308)"] =>
          %i[status_code code status],
        [:type, ":permanent"] => %i[permanent],
        [:to, '"https://example.com{path}{query}"', :redirect] => %i[location path url],
        [:to, '"log/access.log"', :access_log] => %i[path file output target],
        [:seconds, "60"] => %i[per period window within interval burst_window],
        [:requests, "100"] => %i[limit rate average max burst events],
        [:key, '{ header: "X-Api-Key" }'] => %i[by zone discriminator],
        [:credentials, '{ "ann" => "$2y$…" }'] => %i[users user],
        [:file, '"htpasswd"'] => %i[user_file users_file],
        [:origins, '["https://app.example.com"]'] => %i[allow_origin allow_origins allowed_origins],
        [:interval, "10"] => %i[inter every],
        [:path, '"/healthz"'] => %i[uri url],
        [:path, '"/v2{path}", in a location for what is rewritten'] => %i[from to pattern regex replacement],
        [:fall, "3"] => %i[unhealthy_threshold retries],
        [:rise, "2"] => %i[healthy_threshold],
        [:html, '{ file: "public/503.html" }'] => %i[file page],
        [:plaintext, '"Down for maintenance"'] => %i[body text message plain],
        [:additions, '{ "X-Name" => "value" }'] => %i[set add headers],
        [:removals, '["X-Name"]'] => %i[remove delete unset hide]
      }.merge(CONTENT_OPTIONS).each_with_object({}) do |(ours, names), all|
        names.each { |name| (all[name] ||= []) << ours }
      end.freeze

      # Options of other systems that have no equivalent here.
      NOTES = {
        "WebSockets always work: leave it out" => %i[websocket websockets ws upgrade web_socket],
        "compression is a filter: write a line compress" => %i[gzip compress compression encode brotli],
        "write cache on a line of its own, before the proxy" => %i[cache proxy_cache caching],
        "certificates from an authority have a line of their own: write acme email: \"ops@example.com\"" =>
          %i[acme lets_encrypt letsencrypt auto_tls],
        "lists of a folder's files are not in this version: leave it out" => %i[autoindex browse listing indexes],
        "names that begin with a dot are never served without dotfiles: true: leave it out" => %i[hide],
        'write a line etag, or a line response_headers removals: ["ETag"] against it' => %i[etag etags],
        "responses are passed on as they come: leave it out" => %i[flush_interval stream streaming],
        "redirects are passed on unchanged: leave it out" => %i[follow_redirects proxy_redirect],
        'TLS to a backend is asked for by its URL: write "https://…"' => %i[ssl tls https secure],
        'the port is part of the address: write "127.0.0.1:3000"' => %i[port],
        "this is always on: leave it out" => %i[proxy_http_version keep_alive],
        'this is set for each backend: write backends: [{ address: "127.0.0.1:3001", weight: 3 }]' =>
          %i[weight weights],
        'this is set for each backend: write backends: [{ address: "127.0.0.1:3001", backup: true }]' => %i[backup],
        "the deployment decides this: leave it out" => %i[deploy_timeout drain_timeout image registry logging run]
      }.flat_map { |note, names| names.map { |name| [name, note] } }.to_h.freeze
    end
  end
end
