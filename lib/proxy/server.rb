# frozen_string_literal: true

require_relative "native"

module Proxy
  # A running reverse proxy. It works on native threads of its own; Ruby is free meanwhile. A process may run several.
  #
  # A server belongs to the process that started it. In a forked child its copy reports that it is stopped, and nothing that is
  # called on the copy has any effect on the parent's.
  #
  # A server runs until it is stopped or the process ends, even when nothing refers to it any more.
  #
  # @example
  #   server = Proxy.start { bind "http://127.0.0.1:0"; proxy to: "http://127.0.0.1:3000{path}{query}" }
  #   puts "listening on #{server.urls.join(", ")}"
  #   server.stop(timeout: 5)
  class Server
    # Ten years: anything longer means the same.
    LONGEST = 315_360_000.0
    private_constant :LONGEST

    # The servers that run, so that the garbage collector leaves them alone. No lock: each change is one call that Ruby does not
    # interrupt, and a signal handler, which may take no lock, may stop a server.
    @running = {}.compare_by_identity

    class << self
      # Starts the engine for a sound configuration.
      # @api private
      def start(config)
        native = Native::Server.start(config.to_h)
        server = new(native)
        @running[server] = true
        server
      end

      # @api private
      def forget(server)
        @running.delete(server)
      end
    end

    # @return [Array<String>] the URL of every bind, in the order of the file, with the port that was taken for port 0
    # @example
    #   server.urls  # => ["http://127.0.0.1:40123"]
    attr_reader :urls

    # @api private
    def initialize(native)
      @native = native
      @urls = native.urls.map(&:freeze).freeze
    end
    private_class_method :new

    # What happened since the start; after the end, what had happened until then.
    #
    # @return [Hash{Symbol => Object}] `connections:` (`accepted`, `active`), `requests:` (`total`, `in_flight`, `status_1xx` to
    #   `status_5xx`, `client_closed`) and `backends:`, an Array with `address`, `in_flight`, `requests`, `failures` for each
    # @example
    #   server.stats[:requests][:total]  # => 1024
    def stats
      @native.stats
    end

    # Stops: no new connections, idle ones close, requests in flight may finish. Returns when everything has ended. Other Ruby
    # threads run meanwhile.
    #
    # @param timeout [Numeric, nil] seconds that requests in flight may take; what is left then is cut. Default: the
    #   `shutdown_timeout` of the configuration
    # @return [Boolean] whether everything finished in time
    # @example
    #   server.stop(timeout: 10) or warn "some requests were cut"
    def stop(timeout: nil)
      limit = timeout && seconds(timeout)
      @native.begin_stop(limit)
      wait
      @native.drained?
    end

    # Waits until the server has stopped. Ctrl-C, `Thread#kill` and `Timeout` end the wait, not the server.
    #
    # @return [self]
    # @example
    #   Proxy.start("Proxyfile").wait
    def wait
      @native.wait(nil)
      Server.forget(self)
      self
    end

    # @return [Boolean] whether it has ended; true in a forked child
    # @example
    #   server.stopped?  # => false
    def stopped?
      @native.stopped?
    end

    # @return [String]
    def inspect
      "#<#{self.class} #{stopped? ? "stopped" : urls.join(", ")}>"
    end

    private

    def seconds(value)
      number = Float(value)
      return [number, LONGEST].min if number.finite? && !number.negative?

      raise ArgumentError, "timeout: #{value} is no number of seconds: write 0 or more, such as 30"
    end
  end
end
