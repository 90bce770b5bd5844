# frozen_string_literal: true

module Proxy
  class DSL
    module Foreign
      # Words of nginx, Caddy, HAProxy, Puma, Traefik and Kamal by answer, ordered by subject. `camelCase` and
      # `kebab-case` are looked up with underscores.
      WORDS = {
        # Listening, hosts and blocks
        'write bind "http://0.0.0.0:80"' => %i[listen entry_points entrypoints],
        'write bind "http://0.0.0.0:8080"' => %i[port set_default_host],
        'write bind "unix:///run/proxy.sock"' => %i[socket],
        'write host "example.com" do … end' =>
          %i[server_name virtual_host server_names domain domains site subdomain server_alias vhost],
        "write what is in it at the top of the file, or in host \"example.com\" do … end" =>
          %i[server http events frontend defaults global],
        "not yet in this version: TCP; leave it out" => %i[stream tcp_request tcp_response],
        'write include "sites/*.rb"' => %i[import],
        "this file is Ruby: write `if`, or a location with conditions" => %i[map geo switch],
        'write split by: { cookie: "uid" }, "v2" => 10' => %i[split_clients weighted canary],
        "this file is Ruby: write a local variable" => %i[set vars],
        "the service manager decides this: leave it out" =>
          %i[user pid daemon pidfile state_path daemonize directory chroot group uid gid master_process env
             restart_command tag worker_rlimit_nofile worker_cpu_affinity worker_priority ulimit_n load_module],
        # TLS
        'write bind "https://0.0.0.0:443", certificate: "tls/site.pem", key: "tls/site.key"' =>
          %i[https ssl_engine ssl_certificate ssl_certificate_key tls ssl_bind ssl certificates],
        'write bind "https://0.0.0.0:443", certificate: "…", key: "…", min_tls: "1.2", or leave it out' =>
          %i[ssl_protocols ssl_ciphers ssl_default_bind_options ssl_default_bind_ciphers ssl_ciphersuites protocols],
        'write bind "https://0.0.0.0:443", certificate: "…", key: "…", client_ca: "tls/ca.pem"' =>
          %i[ssl_client_certificate ssl_verify_client client_auth],
        'write bind "https://0.0.0.0:443", certificate: "…", key: "…", ocsp: "tls/site.ocsp"' =>
          %i[ssl_stapling ssl_stapling_file],
        'write acme email: "ops@example.com"' => %i[email certificates_resolvers lets_encrypt letsencrypt acme_issuer],
        'write acme authority: "https://ca.example/directory"' => %i[acme_ca acme_server cert_issuer],
        "write acme dns: …, as `proxy help acme` says" => %i[acme_dns dns_challenge],
        "write acme on_demand: ->(name) { … }" => %i[on_demand_tls on_demand],
        "write redirect_http_to_https!" => %i[auto_https redirect_scheme force_ssl https_redirect ssl_redirect],
        # Forwarding
        'write proxy to: "http://127.0.0.1:3000"' =>
          %i[proxy_pass fastcgi_pass uwsgi_pass scgi_pass grpc_pass reverse_proxy php_fastcgi default_backend
             forward forward_to proxy_to pass pass_to proxy_pass_match],
        'write upstream "app", backends: ["127.0.0.1:3001", "127.0.0.1:3002"]' =>
          %i[backend load_balancer load_balance cluster pool upstreams],
        'write proxy backends: ["127.0.0.1:3001", "127.0.0.1:3002"]' => %i[services service servers],
        'write headers: { "X-Name" => "value" } as an option of `proxy`, or request_headers additions: { "X-Name" => ' \
        '"value" }' =>
          %i[proxy_set_header request_header header_up set_header set_request_header http_request fastcgi_param
             uwsgi_param custom_request_headers],
        'write response_headers additions: { "X-Name" => "value" }' =>
          %i[add_header more_set_headers set_response_header header header_down http_response add_trailer
             custom_response_headers],
        'write response_headers removals: ["X-Name"]' =>
          %i[proxy_hide_header more_clear_headers server_tokens hide_header remove_header delete_header],
        "redirects are passed on unchanged: leave it out" => %i[proxy_redirect proxy_pass_reverse follow_redirects],
        "cookies are passed on unchanged: leave it out" => %i[proxy_cookie_domain proxy_cookie_path proxy_cookie_flags],
        "write preserve_host: true as an option of `proxy`" => %i[proxy_preserve_host pass_host_header],
        'write allow_underscores: ["X_NAME"] as an option of `proxy`' =>
          %i[underscores_in_headers ignore_invalid_headers],
        'write forwarded_headers: false as an option of `proxy`, or leave it out' => %i[forward_headers],
        "write read_timeout: 60 as an option of `proxy`" => %i[proxy_read_timeout fastcgi_read_timeout],
        "write write_timeout: 10 as an option of `proxy`" => %i[proxy_send_timeout],
        "write connect_timeout: 5 as an option of `proxy`" => %i[proxy_connect_timeout dial_timeout],
        "write tunnel_timeout: 3600 as an option of `proxy`" => %i[stream_timeout stream_close_delay],
        "write timeout: 30 as an option of `proxy`" => %i[response_timeout target_timeout],
        "write timeout: 30 as an option of `proxy`, or client_header_timeout 30 and client_body_timeout 60 for " \
        "clients" =>
          %i[timeout timeouts],
        "write retry_on: [:timeout, 502, 503, 504] as an option of `proxy`" => %i[proxy_next_upstream retry_match],
        "write retries: 3 as an option of `proxy`" => %i[proxy_next_upstream_tries retry lb_retries attempts],
        "write verify_ssl: true as an option of `proxy`" => %i[proxy_ssl_verify],
        "write verify_ssl: false as an option of `proxy`, at your own risk" =>
          %i[insecure_skip_verify tls_insecure_skip_verify],
        'write ca_file: "tls/ca.pem" as an option of `proxy`' => %i[proxy_ssl_trusted_certificate root_cas],
        'write client_certificate: "tls/client.pem", client_key: "tls/client.key" as options of `proxy`' =>
          %i[proxy_ssl_certificate proxy_ssl_certificate_key tls_client_auth],
        "write tls_sni: true as an option of `proxy`" => %i[proxy_ssl_server_name],
        'write proxy to: "https://NAME", whose host is the name' => %i[proxy_ssl_name tls_server_name],
        'write protocol: "http2" as an option of `proxy`, or leave it out' => %i[versions transport servers_transport],
        "write keepalive: 64 as an option of `proxy`" => %i[keepalive max_idle_conns_per_host],
        "connections serve any number of requests: leave it out" =>
          %i[keepalive_requests max_keep_alive max_fast_inline],
        "responses are passed on as they come: leave it out" =>
          %i[flush_interval postpone_output lowlevel_error_handler],
        "this is always on: leave it out" =>
          %i[ssl_prefer_server_ciphers ssl_session_cache ssl_session_timeout ssl_session_tickets proxy_http_version
             sendfile tcp_nopush tcp_nodelay mode forwardfor drain_on_shutdown queue_requests http2
             merge_slashes real_ip_recursive reset_timedout_connection use multi_accept accept_mutex
             enable_keep_alives redispatch proxy_pass_request_headers proxy_pass_request_body],
        # Choosing a backend, and its health
        "write backend_priority: :least_conn as an option of `proxy` or `upstream`" =>
          %i[least_conn lb_policy balance least_time strategy],
        "write backend_priority: :ip_hash as an option of `proxy` or `upstream`" => %i[ip_hash],
        'write backend_priority: { hash: "{path}" } as an option of `proxy` or `upstream`' =>
          %i[hash_type consistent_hash],
        'write backend_priority: { sticky: "backend" } as an option of `proxy` or `upstream`' =>
          %i[cookie sticky sticky_sessions appsession],
        'write health_check: { path: "/healthz" } as an option of `proxy` or `upstream`' =>
          %i[health_uri option httpchk http_check healthcheck health_checks health_path health_check_path
             active_health health healthz],
        "write health_check: { interval: 10, timeout: 5, status: 200 } as an option of `proxy` or `upstream`" =>
          %i[health_interval health_timeout health_status health_body health_port health_headers],
        "write max_fails: 3, fail_timeout: 10 as options of `proxy` or `upstream`" =>
          %i[fail_duration unhealthy_status circuit_breaker unhealthy_latency passive_health],
        "write what holds for all backends as an option of `proxy` or `upstream`" => %i[default_server server_template],
        "write max_connections: 100 as an option of `proxy`" => %i[limit_conn limit_conn_zone in_flight_req fullconn],
        # Limits
        "write max_body 1_048_576" =>
          %i[client_max_body_size request_body max_request_body limit_request_body max_size],
        "write max_header_size 65_536" => %i[large_client_header_buffers client_header_buffer_size max_header_bytes],
        "write max_connections 10_000" => %i[worker_connections maxconn],
        "write rate_limit requests: 100, seconds: 60" =>
          %i[limit_req limit_req_zone stick_table stick rate_limits throttle limit_req_status],
        "not yet in this version: a limit of bandwidth; leave it out" => %i[limit_rate limit_rate_after bandwidth],
        "write min_rate 240" => %i[data_rate],
        "write client_body_timeout 60" => %i[send_timeout read_body],
        "write client_header_timeout 30" => %i[first_data_timeout read_header],
        "write keepalive_timeout 75" => %i[persistent_timeout idle_timeout],
        "write shutdown_timeout 30" =>
          %i[force_shutdown_after worker_shutdown_timeout grace_period drain_timeout hard_stop_after graceful_timeout],
        # Access
        'write allow_list "10.0.0.0/8" or deny_list "192.0.2.7"' =>
          %i[allow deny ip_allow_list ip_white_list remote_ip whitelist blacklist blocklist allowlist denylist
             block_ip allow_ip deny_ip ban],
        'write auth_basic realm: "Staff", file: "htpasswd"' => %i[auth_basic_user_file basicauth basic_auth userlist],
        'write forward_auth to: "http://auth.internal/verify"' => %i[auth_request auth_request_set],
        "all filters must let a request pass: leave it out" => %i[satisfy],
        'write location "/path", methods: ["GET"] do … end' => %i[get post put patch delete match resources resource],
        'write location hosts: ["api.example.com"] do … end' => %i[constraints constraint],
        'write response_headers additions: { "Strict-Transport-Security" => "max-age=63072000" }' =>
          %i[hsts strict_transport_security],
        'write cors origins: ["https://app.example.com"]' => %i[cors_origins access_control allow_origin],
        'write maintenance if_file: "tmp/maintenance.txt", page: "public/503.html"' => %i[maintenance_page],
        "WebSockets always work: leave it out" => %i[websocket websockets ws],
        "Rack middleware belongs into the application's config.ru: leave it out" => %i[use use_middleware],
        'write location "/api/*", methods: ["GET", "POST"] do … end' => %i[limit_except],
        'write trusted_proxies "10.0.0.0/8"' => %i[set_real_ip_from real_ip_header],
        "write bind \"http://0.0.0.0:80\", proxy_protocol: true" => %i[proxy_protocol accept_proxy],
        # Locations, rewrites and answers
        'write location "/api/*" do … end' =>
          %i[handle route matcher routers router rule path path_regexp scope namespace path_prefix_match mount
             location_match context],
        'write location "/api/*", methods: ["GET"], headers: { "X-Beta" => "1" } do … end' =>
          %i[use_backend acl header_regexp],
        'write location "/api/*" do proxy to: "…", path_prefix: "/api", strip_prefix: true end' =>
          %i[handle_path strip_prefix uri_strip_prefix],
        'write redirect to: "https://example.com{path}{query}", type: :permanent' =>
          %i[redir rewrite_url redirect_regex],
        'write rewrite path: "/v2{path}"' => %i[uri add_prefix replace_path replace_path_regex],
        "filters are lines of their own: write rate_limit …, or request_headers …" =>
          %i[middlewares middleware handlers],
        'write static_response code: 200, body: "…"' => %i[return respond monitor_uri],
        "write static_response code: 403" => %i[abort],
        'write headers: { "Content-Type" => "text/plain" } as an option of `static_response`' => %i[default_type],
        'write error_response: { status: 503, html: { file: "503.html" } } as an option of `proxy`' =>
          %i[error_page handle_errors errorfile proxy_intercept_errors handle_response errors],
        # Not here, or not yet
        "not in this version: templates; let the application serve them, or leave it out" => %i[templates],
        "not in this version: changes of a body; leave it out" =>
          %i[sub_filter sub_filter_once replace replace_response],
        'write mirror "shadow", and an upstream of that name' => %i[mirroring proxy_mirror],
        'write metrics "http://127.0.0.1:9394/metrics", or control for figures, commands and a page' =>
          %i[stats activate_control_app admin stub_status api dashboard ping prometheus],
        "not yet in this version: discovery; write proxy backends: [\"10.0.0.1:3000\"]" =>
          %i[providers docker consul dynamic labels peers],
        'write resolver "127.0.0.1:53"' => %i[resolvers nameserver nameservers],
        "the application is started separately, as with `bin/rails server`: leave it out" => %i[command],
        "deployments are done while the proxy runs: leave it out, and see `proxy deploy`" =>
          %i[deploy deploy_timeout image registry accessories builder],
        # Logs
        "write log_level :info; it goes to standard error" => %i[error_log debug log_level_debug logger verbose],
        'write access_log "combined", to: "log/access.log"' =>
          %i[log_format log stdout_redirect log_requests! quiet access_logs httplog logging accesslog custom_log],
        'write log_requests after: "{method} {path} {status}"' => %i[log_message log_formatter],
        # Processes, and the application
        "there is one process with threads: write threads 4, or leave it out" =>
          %i[worker_processes nbthread nbproc workers min_threads max_threads],
        "this belongs in the configuration of the application's server, not here: leave it out" =>
          %i[rackup app preload_app! plugin environment on_worker_boot before_worker_boot before_fork
             on_worker_shutdown on_restart on_booted worker_timeout worker_boot_timeout prune_bundler
             silence_single_worker_warning fork_worker rails_env rack_env nakayoshi_fork wait_for_less_busy_worker
             supported_http_methods custom_logger io_selector_backend rack_url_scheme extra_runtime_dependencies
             clean_thread_locals]
      }.merge(CONTENT).flat_map { |answer, words| words.map { |word| [word, answer] } }.to_h.freeze

      # Words whose block is read as a configuration.
      BLOCKS = %i[server http events frontend defaults global backend handle handle_path route stream virtual_host]
               .freeze

      # Words that may stand without arguments.
      ALONE = %i[ip_hash least_conn internal file_server encode log gzip autoindex precompressed preload_app!
                 log_requests! quiet daemonize
                 prune_bundler fork_worker nakayoshi_fork forwardfor drain_on_shutdown reverse_proxy proxy_pass
                 listen server_name rackup httpchk brotli auto_https stub_status redispatch httplog].freeze
    end
  end
end
