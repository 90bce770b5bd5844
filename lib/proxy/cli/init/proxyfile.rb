# frozen_string_literal: true

module Proxy
  module CLI
    class Init
      # The text of a Proxyfile for the application in a folder.
      # @api private
      class Proxyfile
        # Ports to listen on: the first that the application does not use.
        PORTS = [8080, 8000].freeze
        # Puma before this version lets a thread wait for the next request on a kept-alive connection.
        GOOD_AT_KEEPING = Gem::Version.new("7")

        # `path` is the place of the new Proxyfile; with `run` it is for `proxy run`, which starts the application.
        def initialize(folder, path, run: false)
          @folder = folder
          @run = run
          @directory = DSL::FilePath.expand(File.dirname(path))
        end

        # The port to listen on.
        def port
          (PORTS - [@folder.listening.port]).first
        end

        def to_s
          [head, front, down, handler].join("\n")
        end

        private

        def rails? = @folder.kind == :rails

        def head
          <<~RUBY
            # What stands in front of this #{rails? ? "Rails" : "Rack"} application, in Ruby. `proxy check` reads it, `#{command}` runs it.

            # Where it listens. Several are fine, and so are "http://[::]:#{port}", "unix:///run/proxy.sock" and, with a
            # certificate that is made for this machine, "https://localhost:8443".
            bind "http://0.0.0.0:#{port}"

            # One line for every request on standard output: "combined", "json", or your own, such as "{method} {path} {status}".
            access_log "combined"

            # How long requests in flight may take when it stops.
            shutdown_timeout 30
          RUBY
        end

        def front
          <<~RUBY
            # If HTTPS is to end here, with certificates that come by themselves for the names in `host`; ports 80 and 443 must
            # be reachable:
            # acme email: "ops@example.com"
            # bind "https://0.0.0.0:443"

            # The same, with a certificate of your own:
            # bind "https://0.0.0.0:8443", certificate: "tls/example.com.pem", key: "tls/example.com.key"

            # If HTTPS ends at a load balancer in front of this proxy: its addresses. Its X-Forwarded-For and X-Forwarded-Proto are
            # believed then, and nobody else's#{rails? ? ", so that `request.remote_ip` and `force_ssl` are right" : ""}.
            # trusted_proxies "10.0.0.0/8"

            # If that load balancer passes TCP on and sends a PROXY header, this too, in place of the `bind` above:
            # bind "http://0.0.0.0:#{port}", proxy_protocol: true
          RUBY
        end

        def down
          <<~RUBY
            # What visitors see while the application is down or starts again.
            down = {
              status: 503,
              html: { #{page} },
              json: { inline: { error: "The application is down. Please try again in a moment." } },
              plaintext: "The application is down. Please try again in a moment.\\n",
              default: "html",
              headers: { "Retry-After" => "10" }
            }
          RUBY
        end

        def page
          return "file: #{from_here(@folder.page).inspect}" if @folder.page

          'inline: "<!doctype html><title>Down</title><h1>Down for a moment</h1><p>Please try again in a moment.</p>"'
        end

        def command = @run ? "proxy run -- bin/rails server" : "proxy start"

        def handler
          return handler_of_run if @run

          <<~RUBY
            # Everything goes to the application. With several backends, one that fails is passed over.
            proxy backends: [#{backend.inspect}],
                  # The application sees the host that the client asked for#{rails? ? ": Action Cable, redirects and CSRF checks need it" : ""}.
                  preserve_host: true,
            #{keepalive}      # Seconds that an answer may take to begin.
                  timeout: 30,
            #{health}      error_response: down
          RUBY
        end

        def handler_of_run
          <<~RUBY
            # Everything goes to the application that `proxy run` starts; requests wait while it boots.
            proxy backends: [:app],
                  # The application sees the host that the client asked for: Action Cable, redirects and CSRF checks need it.
                  preserve_host: true,
                  # Seconds that an answer may take to begin.
                  timeout: 30,
                  error_response: down
          RUBY
        end

        # The backend's address as it is written in the Proxyfile.
        def backend
          listening = @folder.listening
          listening.socket? ? "unix:#{from_here(listening.address.delete_prefix("unix:"))}" : listening.address
        end

        # A path of the folder, relative to the Proxyfile if that is in the folder too.
        def from_here(path)
          path = File.expand_path(path, @folder.root)
          return path unless [path, @directory].all? { |one| "#{one}/".start_with?("#{@folder.root}/") }

          "#{"../" * @directory.delete_prefix(@folder.root).count("/")}#{path.delete_prefix("#{@folder.root}/")}"
        end

        def keepalive
          version = @folder.puma
          return "" unless version && version < GOOD_AT_KEEPING

          "      # Puma #{version} answers sooner on new connections; without this line from Puma #{GOOD_AT_KEEPING} " \
          "on.\n      keepalive: 0,\n"
        end

        # The health check: every few seconds, and back after one good answer, so that a single backend is not out for
        # long.
        def health
          path = @folder.health&.text
          return <<~RUBY.gsub(/^/, "      ") unless path && !@folder.hosts
            # Whether somebody listens there is looked at now and then. If a page says whether all is well: { path: "/up", rise: 1 }
            health_check: { tcp: true, interval: 2, rise: 1 },
          RUBY

          https = @folder.force_ssl && !@folder.assume_ssl? ? ', headers: { "X-Forwarded-Proto" => "https" }' : ""
          <<~RUBY.gsub(/^/, "      ")
            # Whether it is well is asked now and then.
            health_check: { path: #{path.inspect}#{https}, interval: 5, rise: 1 },
          RUBY
        end
      end
    end
  end
end
