# frozen_string_literal: true

module Proxy
  class DSL
    # Words of nginx, Caddy, HAProxy and Puma, each with what says the same here.
    # @api private
    module Foreign
      # What is answered, with the words that it answers.
      ANSWERS = {
        'write bind "http://0.0.0.0:80"' => %i[listen],
        'write host "example.com" do … end' => %i[server_name],
        'write proxy to: "http://127.0.0.1:3000"' =>
          %i[proxy_pass fastcgi_pass uwsgi_pass grpc_pass reverse_proxy php_fastcgi default_backend],
        "write what stands in it at the top of the file, or in host \"example.com\" do … end" => %i[server http events frontend defaults global],
        "TCP is not proxied by this version: leave it out" => %i[stream],
        "files are not served by this version: leave it out, or let the application serve them" =>
          %i[root alias try_files index autoindex file_server templates],
        'write bind "https://0.0.0.0:443", certificate: "tls/site.pem", key: "tls/site.key"' =>
          %i[ssl_certificate ssl_certificate_key tls ssl_bind],
        'write bind "https://0.0.0.0:443", certificate: "…", key: "…", min_tls: "1.2", or leave it out' =>
          %i[ssl_protocols ssl_ciphers],
        "this is always so: leave it out" =>
          %i[ssl_prefer_server_ciphers ssl_session_cache ssl_session_timeout proxy_http_version proxy_buffering sendfile
             tcp_nopush tcp_nodelay mode forwardfor drain_on_shutdown queue_requests],
        'write headers: { "X-Name" => "value" } behind `proxy`, or request_headers additions: { "X-Name" => "value" }' =>
          %i[proxy_set_header request_header header_up http_request],
        'write response_headers additions: { "X-Name" => "value" }' =>
          %i[add_header more_set_headers expires header header_down http_response],
        'write response_headers removals: ["X-Name"]' => %i[proxy_hide_header],
        "a redirect is passed on as it comes: leave it out" => %i[proxy_redirect],
        "write it as an option behind `proxy`: read_timeout: 60" => %i[proxy_read_timeout],
        "write it as an option behind `proxy`: write_timeout: 10" => %i[proxy_send_timeout],
        "write it as an option behind `proxy`: connect_timeout: 5" => %i[proxy_connect_timeout],
        "write it as an option behind `proxy`: retry_on: [:timeout, 502, 503, 504]" => %i[proxy_next_upstream],
        "write it as an option behind `proxy`: verify_ssl: true" => %i[proxy_ssl_verify],
        'write it as an option behind `proxy`: ca_file: "tls/ca.pem"' => %i[proxy_ssl_trusted_certificate],
        "write it as an option behind `proxy`: tls_sni: true" => %i[proxy_ssl_server_name],
        'its name is the host of `to`: write proxy to: "https://NAME"' => %i[proxy_ssl_name],
        "this version does not cache: leave it out" => %i[proxy_cache proxy_cache_path proxy_cache_valid],
        "write max_body 1_048_576" => %i[client_max_body_size],
        "write max_header_size 65_536" => %i[large_client_header_buffers],
        "engine threads take the place of processes: write threads 4, or leave it out" =>
          %i[worker_processes nbthread workers],
        "write max_connections 10_000" => %i[worker_connections maxconn],
        "it is the user and the service manager that say this: leave it out" =>
          %i[user pid daemon pidfile state_path daemonize directory],
        "write log_level :info; it goes to standard error" => %i[error_log],
        'write access_log "combined", to: "log/access.log"' => %i[log_format log stdout_redirect log_requests! quiet],
        'write error_response: { status: 503, html: { file: "503.html" } } behind `proxy`' =>
          %i[error_page handle_errors errorfile],
        'write static_response code: 200, body: "…"' => %i[return respond],
        "this file is Ruby: write `if`, or a location with conditions" => %i[internal map],
        "this file is Ruby: write a local variable" => %i[set],
        "this version does not compress: leave it out, or let the application do it" =>
          %i[gzip gzip_types brotli encode compression],
        'write allow_list "10.0.0.0/8" or deny_list "192.0.2.7"' => %i[allow deny],
        'write auth_basic realm: "Staff", file: "htpasswd"' => %i[auth_basic_user_file basicauth basic_auth],
        'write forward_auth to: "http://auth.internal/verify"' => %i[auth_request],
        "write rate_limit requests: 100, seconds: 60" => %i[limit_req limit_req_zone],
        "write it as an option behind `proxy`: max_connections: 100" => %i[limit_conn],
        'write trusted_proxies "10.0.0.0/8"' => %i[set_real_ip_from real_ip_header],
        "write backend_priority: :least_conn behind `proxy` or `upstream`" => %i[ip_hash least_conn lb_policy balance],
        "write it as an option behind `proxy`: keepalive: 64" => %i[keepalive],
        "a connection serves any number of requests: leave it out" => %i[keepalive_requests],
        "write client_body_timeout 60" => %i[send_timeout],
        'write headers: { "Content-Type" => "text/plain" } behind `static_response`' => %i[default_type],
        'write location "/api/*" do … end' => %i[handle route matcher],
        'write location "/api/*" do proxy to: "…", path_prefix: "/api", strip_prefix: true end' => %i[handle_path],
        'write redirect to: "https://example.com{path}{query}", type: :permanent' => %i[redir],
        'write rewrite path: "/v2{path}"' => %i[uri],
        "certificates are not ordered by this version: leave it out" => %i[email],
        "write redirect_http_to_https!" => %i[auto_https],
        'write include "sites/*.rb"' => %i[import],
        'write health_check: { path: "/healthz" } behind `proxy` or `upstream`' => %i[health_uri option httpchk],
        'write upstream "app", backends: ["127.0.0.1:3001", "127.0.0.1:3002"]' => %i[backend],
        'write location "/api/*", methods: ["GET"], headers: { "X-Beta" => "1" } do … end' => %i[use_backend acl],
        "write client_header_timeout 30, client_body_timeout 60 or keepalive_timeout 75; write timeout: 30, connect_timeout: 5 or read_timeout: 30 behind `proxy`" =>
          %i[timeout],
        "server.stats in Ruby has the figures: leave it out" => %i[stats activate_control_app],
        'write backend_priority: { sticky: "backend" } behind `proxy` or `upstream`' => %i[cookie],
        "write it as an option behind `proxy`: retries: 3" => %i[retries],
        "write what holds for all backends behind `proxy` or `upstream`" => %i[default_server],
        'write bind "http://0.0.0.0:8080"' => %i[port],
        "it is the application's own server that needs it: leave it out here" =>
          %i[rackup app preload_app! plugin environment on_worker_boot before_fork on_worker_shutdown on_restart
             worker_timeout worker_boot_timeout prune_bundler silence_single_worker_warning max_fast_inline fork_worker
             nakayoshi_fork wait_for_less_busy_worker],
        "write keepalive_timeout 75" => %i[persistent_timeout],
        "write client_header_timeout 30" => %i[first_data_timeout],
        "write shutdown_timeout 30" => %i[force_shutdown_after worker_shutdown_timeout]
      }.freeze
      # Every word with what is answered.
      WORDS = ANSWERS.flat_map { |answer, words| words.map { |word| [word, answer] } }.to_h.freeze
      private_constant :ANSWERS

      # Words whose block is looked into.
      BLOCKS = %i[server http events frontend defaults global backend handle handle_path route stream].freeze

      # Words that need nothing behind them.
      ALONE = %i[ip_hash least_conn internal file_server encode log gzip preload_app! log_requests! quiet daemonize prune_bundler fork_worker
                 nakayoshi_fork forwardfor drain_on_shutdown reverse_proxy proxy_pass listen server_name rackup].freeze

      # Options of ours and a value for each, with those of other systems that mean it.
      MEANT = {
        [:headers, '{ "X-Name" => "value" }'] => %i[proxy_set_header header_up set_header request_headers],
        [:response_headers, '{ "X-Name" => "value" }'] => %i[add_header header_down],
        [:to, '"http://127.0.0.1:3000"'] => %i[proxy_pass reverse_proxy url target],
        [:to, '"http://NAME_OF_THE_UPSTREAM"'] => %i[upstream],
        [:backends, '["127.0.0.1:3001"]'] => %i[server servers upstreams],
        [:read_timeout, "60"] => %i[proxy_read_timeout],
        [:write_timeout, "10"] => %i[proxy_send_timeout],
        [:connect_timeout, "5"] => %i[proxy_connect_timeout dial_timeout open_timeout],
        [:timeout, "30"] => %i[response_header_timeout],
        [:max_body, "1_048_576"] => %i[client_max_body_size request_body_max_size],
        [:retry_on, "[:timeout, 502, 503, 504]"] => %i[proxy_next_upstream retry_match],
        [:retries, "3"] => %i[lb_retries],
        [:backend_priority, ":least_conn"] => %i[lb_policy balance least_conn],
        [:backend_priority, ":ip_hash"] => %i[ip_hash],
        [:backend_priority, '{ sticky: "backend" }'] => %i[cookie],
        [:health_check, '{ path: "/healthz" }'] => %i[health_uri httpchk check],
        [:fail_timeout, "10"] => %i[fail_duration],
        [:max_connections, "100"] => %i[maxconn max_conns],
        [:verify_ssl, "true"] => %i[proxy_ssl_verify],
        [:verify_ssl, "false"] => %i[tls_insecure_skip_verify],
        [:tls_sni, "true"] => %i[proxy_ssl_server_name],
        [:ca_file, '"tls/ca.pem"'] => %i[proxy_ssl_trusted_certificate],
        [:client_certificate, '"tls/client.pem"'] => %i[proxy_ssl_certificate],
        [:client_key, '"tls/client.key"'] => %i[proxy_ssl_certificate_key],
        [:preserve_host, "true"] => %i[proxy_set_host preserve_host_header],
        [:preserve_host, "false"] => %i[changeOrigin],
        [:protocol, '"http1"'] => %i[proxy_http_version],
        [:slow_start, "30"] => %i[slowstart],
        [:keepalive, "64; a connection serves any number of requests"] => %i[keepalive_requests],
        [:error_response, '{ status: 503, html: { file: "503.html" } }'] => %i[error_page errorfile],
        [:proxy_protocol, '"v1"'] => %i[send_proxy],
        [:certificate, '"tls/site.pem"'] => %i[ssl_certificate crt],
        [:key, '"tls/site.key"'] => %i[ssl_certificate_key],
        [:hosts, '["example.com"]'] => %i[server_name]
      }.freeze
      # Every option with ours and a value for it.
      OPTIONS = MEANT.flat_map { |ours, names| names.map { |name| [name, ours] } }.to_h.freeze
      private_constant :MEANT

      # What to write in place of a word; nil if nobody knows it.
      def self.word(name)
        WORDS[name.to_sym]
      end

      # Whether a word may stand there without anything behind it.
      def self.alone?(name)
        ALONE.include?(name.to_sym)
      end

      # Whether what stands in the block of a word belongs to the configuration.
      def self.block?(name)
        BLOCKS.include?(name.to_sym)
      end

      # What to write in place of an option, where `names` are those that there are; nil if nobody knows it.
      def self.option(name, names)
        ours, value = OPTIONS[name.to_sym] if name.respond_to?(:to_sym)
        "write #{ours}: #{value}" if names.include?(ours)
      end
    end
  end
end
