# frozen_string_literal: true

module Proxy
  class DSL
    # Words of nginx, Caddy, HAProxy and Puma, each with what says the same here.
    # @api private
    module Foreign
      listen = 'write bind "http://0.0.0.0:80"'
      certificate = 'write bind "https://0.0.0.0:443", certificate: "tls/site.pem", key: "tls/site.key"'
      tls = 'write bind "https://0.0.0.0:443", certificate: "…", key: "…", min_tls: "1.2", or leave it out'
      to_app = 'write proxy to: "http://127.0.0.1:3000"'
      backends = 'write upstream "app", backends: ["127.0.0.1:3001", "127.0.0.1:3002"]'
      policy = "write backend_priority: :least_conn behind `proxy` or `upstream`"
      path = 'write location "/api/*" do … end'
      host = 'write host "example.com" do … end'
      fields = 'write headers: { "X-Name" => "value" } behind `proxy`, or request_headers additions: { "X-Name" => "value" }'
      answers = 'write response_headers additions: { "X-Name" => "value" }'
      files = "files are not served by this version: leave it out, or let the application serve them"
      later = "this version does not compress: leave it out, or let the application do it"
      stored = "this version does not cache: leave it out"
      answer = 'write static_response code: 200, body: "…"'
      elsewhere = 'write redirect to: "https://example.com{path}{query}", type: :permanent'
      inline = "write what stands in it without it"
      process = "it is the user and the service manager that say this: leave it out"
      engine = "engine threads take the place of processes: write threads 4, or leave it out"
      always = "this is always so: leave it out"
      errors = 'write error_response: { status: 503, html: { file: "503.html" } } behind `proxy`'
      check = 'write health_check: { path: "/healthz" } behind `proxy` or `upstream`'
      clients = "write client_header_timeout 30, client_body_timeout 60 or keepalive_timeout 75"
      servers = "write timeout: 30, connect_timeout: 5 or read_timeout: 30 behind `proxy`"
      basic = 'write auth_basic realm: "Staff", file: "htpasswd"'
      limit = "write rate_limit requests: 100, seconds: 60"
      condition = 'write location "/api/*", methods: ["GET"], headers: { "X-Beta" => "1" } do … end'
      log = 'write access_log "combined", to: "log/access.log"'
      behind = "write it as an option behind `proxy`: "
      logic = "this file is Ruby: write `if`, or a location with conditions"
      network = 'write allow_list "10.0.0.0/8" or deny_list "192.0.2.7"'
      ours = "it is the application's own server that needs it: leave it out here"

      # Every word with what is answered.
      WORDS = {
        # nginx
        listen: listen, server_name: host, proxy_pass: to_app, fastcgi_pass: to_app, uwsgi_pass: to_app, grpc_pass: to_app, server: inline, http: inline,
        events: inline, stream: "TCP is not proxied by this version: leave it out", root: files, alias: files, try_files: files,
        index: files, autoindex: files, ssl_certificate: certificate, ssl_certificate_key: certificate, ssl_protocols: tls,
        ssl_ciphers: tls, ssl_prefer_server_ciphers: always, ssl_session_cache: always, ssl_session_timeout: always,
        proxy_set_header: fields, add_header: answers, more_set_headers: answers, proxy_hide_header: 'write response_headers removals: ["X-Name"]',
        proxy_http_version: always, proxy_redirect: "a redirect is passed on as it comes: leave it out", proxy_buffering: always,
        proxy_read_timeout: "#{behind}read_timeout: 60", proxy_send_timeout: "#{behind}write_timeout: 10",
        proxy_connect_timeout: "#{behind}connect_timeout: 5", proxy_next_upstream: "#{behind}retry_on: [:timeout, 502, 503, 504]",
        proxy_ssl_verify: "#{behind}verify_ssl: true", proxy_ssl_trusted_certificate: "#{behind}ca_file: \"tls/ca.pem\"",
        proxy_ssl_server_name: "#{behind}tls_sni: true", proxy_ssl_name: 'its name is the host of `to`: write proxy to: "https://NAME"',
        proxy_cache: stored, proxy_cache_path: stored, proxy_cache_valid: stored, expires: answers,
        client_max_body_size: "write max_body 1_048_576", large_client_header_buffers: "write max_header_size 65_536",
        worker_processes: engine, worker_connections: "write max_connections 10_000", user: process, pid: process, daemon: process,
        error_log: "write log_level :info; it goes to standard error", log_format: log, error_page: errors, return: answer, internal: logic,
        set: "this file is Ruby: write a local variable", map: logic, gzip: later, gzip_types: later, brotli: later,
        allow: network, deny: network, auth_basic_user_file: basic, auth_request: 'write forward_auth to: "http://auth.internal/verify"',
        limit_req: limit, limit_req_zone: limit, limit_conn: "#{behind}max_connections: 100", set_real_ip_from: 'write trusted_proxies "10.0.0.0/8"',
        real_ip_header: 'write trusted_proxies "10.0.0.0/8"', ip_hash: policy, least_conn: policy, keepalive: "#{behind}keepalive: 64",
        keepalive_requests: "a connection serves any number of requests: leave it out", sendfile: always, tcp_nopush: always,
        tcp_nodelay: always, send_timeout: "write client_body_timeout 60", default_type: 'write headers: { "Content-Type" => "text/plain" } behind `static_response`',
        # Caddy
        reverse_proxy: to_app, handle: path, handle_path: 'write location "/api/*" do proxy to: "…", path_prefix: "/api", strip_prefix: true end',
        route: path, matcher: path, encode: later, file_server: files, respond: answer, redir: elsewhere, header: answers, request_header: fields,
        uri: 'write rewrite path: "/v2{path}"', basicauth: basic, basic_auth: basic, tls: certificate, log: log, handle_errors: errors,
        php_fastcgi: to_app, email: "certificates are not ordered by this version: leave it out", auto_https: "write redirect_http_to_https!",
        import: 'write include "sites/*.rb"', templates: files, lb_policy: policy, health_uri: check, header_up: fields, header_down: answers,
        # HAProxy
        frontend: inline, backend: backends, defaults: inline, global: inline, mode: always, balance: policy, use_backend: condition,
        default_backend: to_app, acl: condition, option: check, httpchk: check, maxconn: "write max_connections 10_000", timeout: "#{clients}; #{servers}",
        errorfile: errors, stats: "server.stats in Ruby has the figures: leave it out", http_request: fields, http_response: answers,
        cookie: 'write backend_priority: { sticky: "backend" } behind `proxy` or `upstream`', nbthread: engine, retries: "#{behind}retries: 3",
        default_server: "write what holds for all backends behind `proxy` or `upstream`", compression: later, forwardfor: always,
        # Puma
        port: 'write bind "http://0.0.0.0:8080"', workers: engine, rackup: ours, app: ours, preload_app!: ours, plugin: ours, environment: ours,
        on_worker_boot: ours, before_fork: ours, on_worker_shutdown: ours, on_restart: ours, worker_timeout: ours, worker_boot_timeout: ours,
        pidfile: process, state_path: process, daemonize: process, directory: process, stdout_redirect: log, log_requests!: log, quiet: log,
        ssl_bind: certificate, activate_control_app: "server.stats in Ruby has the figures: leave it out", prune_bundler: ours, silence_single_worker_warning: ours,
        persistent_timeout: "write keepalive_timeout 75", first_data_timeout: "write client_header_timeout 30", force_shutdown_after: "write shutdown_timeout 30",
        max_fast_inline: ours, fork_worker: ours, nakayoshi_fork: ours, wait_for_less_busy_worker: ours, worker_shutdown_timeout: "write shutdown_timeout 30",
        drain_on_shutdown: always, queue_requests: always
      }.freeze

      # Words whose block is looked into.
      BLOCKS = %i[server http events frontend defaults global backend handle handle_path route stream].freeze

      # Words that need nothing behind them.
      ALONE = %i[ip_hash least_conn internal file_server encode log gzip preload_app! log_requests! quiet daemonize prune_bundler fork_worker
                 nakayoshi_fork forwardfor drain_on_shutdown reverse_proxy proxy_pass listen server_name rackup].freeze

      # Every option with ours and a value for it.
      OPTIONS = {
        proxy_set_header: [:headers, '{ "X-Name" => "value" }'], header_up: [:headers, '{ "X-Name" => "value" }'],
        set_header: [:headers, '{ "X-Name" => "value" }'], request_headers: [:headers, '{ "X-Name" => "value" }'],
        add_header: [:response_headers, '{ "X-Name" => "value" }'], header_down: [:response_headers, '{ "X-Name" => "value" }'],
        proxy_pass: [:to, '"http://127.0.0.1:3000"'], reverse_proxy: [:to, '"http://127.0.0.1:3000"'], url: [:to, '"http://127.0.0.1:3000"'],
        target: [:to, '"http://127.0.0.1:3000"'], upstream: [:to, '"http://NAME_OF_THE_UPSTREAM"'],
        server: [:backends, '["127.0.0.1:3001"]'], servers: [:backends, '["127.0.0.1:3001"]'], upstreams: [:backends, '["127.0.0.1:3001"]'],
        proxy_read_timeout: [:read_timeout, "60"], proxy_send_timeout: [:write_timeout, "10"], proxy_connect_timeout: [:connect_timeout, "5"],
        dial_timeout: [:connect_timeout, "5"], response_header_timeout: [:timeout, "30"], open_timeout: [:connect_timeout, "5"],
        client_max_body_size: [:max_body, "1_048_576"], request_body_max_size: [:max_body, "1_048_576"],
        proxy_next_upstream: [:retry_on, "[:timeout, 502, 503, 504]"], retry_match: [:retry_on, "[:timeout, 502, 503, 504]"], lb_retries: [:retries, "3"],
        lb_policy: [:backend_priority, ":least_conn"], balance: [:backend_priority, ":least_conn"], ip_hash: [:backend_priority, ":ip_hash"],
        least_conn: [:backend_priority, ":least_conn"], cookie: [:backend_priority, '{ sticky: "backend" }'],
        health_uri: [:health_check, '{ path: "/healthz" }'], httpchk: [:health_check, '{ path: "/healthz" }'], check: [:health_check, '{ path: "/healthz" }'],
        fail_duration: [:fail_timeout, "10"], maxconn: [:max_connections, "100"], max_conns: [:max_connections, "100"],
        proxy_ssl_verify: [:verify_ssl, "true"], tls_insecure_skip_verify: [:verify_ssl, "false"], proxy_ssl_server_name: [:tls_sni, "true"],
        proxy_ssl_trusted_certificate: [:ca_file, '"tls/ca.pem"'], proxy_ssl_certificate: [:client_certificate, '"tls/client.pem"'],
        proxy_ssl_certificate_key: [:client_key, '"tls/client.key"'], proxy_set_host: [:preserve_host, "true"], preserve_host_header: [:preserve_host, "true"],
        changeOrigin: [:preserve_host, "false"], proxy_http_version: [:protocol, '"http1"'], slowstart: [:slow_start, "30"],
        keepalive_requests: [:keepalive, "64; a connection serves any number of requests"], error_page: [:error_response, '{ status: 503, html: { file: "503.html" } }'],
        errorfile: [:error_response, '{ status: 503, html: { file: "503.html" } }'], send_proxy: [:proxy_protocol, '"v1"'],
        ssl_certificate: [:certificate, '"tls/site.pem"'], crt: [:certificate, '"tls/site.pem"'], ssl_certificate_key: [:key, '"tls/site.key"'],
        server_name: [:hosts, '["example.com"]']
      }.freeze

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
