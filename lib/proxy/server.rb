# frozen_string_literal: true

require "monitor"
require_relative "native"

module Proxy
  # A running reverse proxy. It works on native threads of its own; Ruby is free meanwhile. A process may run several.
  #
  # A server belongs to the process that started it. In a forked child its copy reports that it is stopped, and nothing
  # that is called on the copy has any effect on the parent's. The child has none of the server's sockets: a port that
  # the parent stops is free, and a connection that it ends is seen to end, whatever children live (on systems without
  # `/proc`, when they end too).
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

    # The servers that run, so that the garbage collector leaves them alone. No lock: each change is one call that Ruby
    # does not interrupt, and a signal handler, which may take no lock, may stop a server.
    @running = {}.compare_by_identity

    class << self
      # Starts the engine for a sound configuration.
      # @api private
      def start(config)
        native = Native::Server.start(config.to_h)
        server = new(native, config)
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
    def initialize(native, config)
      @native = native
      @source = config.source
      @warnings = config.warnings.freeze
      @reloading = Monitor.new
      read_urls
    end
    private_class_method :new

    # @return [Array<Problem>] what is legal and looks like a slip in the configuration that is served by
    # @example
    #   server.warnings.map(&:to_s)  # => []
    attr_reader :warnings

    # @return [String, nil] the URL of the first bind; nil once there is none
    # @example
    #   server.url  # => "http://127.0.0.1:40123"
    def url
      urls.first
    end

    # @return [Integer, nil] the port of the first bind that has one; nil if there are but unix sockets
    # @example
    #   server.port  # => 40123
    def port
      urls.filter_map { |url| url[%r{\Ahttps?://.*:(\d+)\z}, 1]&.to_i }.first
    end

    # What happened since the start; after the end, what had happened until then.
    #
    # @return [Hash{Symbol => Object}] `connections:` (`accepted`, `active`, `handshakes_failed`), `requests:` (`total`,
    #   `in_flight`, `queued`, `status_1xx` to `status_5xx`, `client_closed`, `upgraded`, and `tunnels` and
    #   `event_streams` that are open), `cut:` (the `requests`, `tunnels` and `event_streams` that a stop has ended) and
    #   `backends:`, an Array with a Hash for each: `upstream`, `address`, `state` (`"ready"`, `"draining"`, `"down"`,
    #   `"unhealthy"`, `"unchecked"` before its first good check, `"ejected"`, or `"unresolved"` for a name without an
    #   address), `weight`, `backup`, `in_flight`, `tunnels`, `requests`, `failures`, and `check` with what the health
    #   checks found, nil before the first one: `healthy`, `since` (seconds since 1970) and `error`, why the latest
    #   check that failed did
    # @example
    #   server.stats[:requests][:total]  # => 1024
    def stats
      @native.stats
    end

    # Gives backends requests again, step by step if they have a `slow_start`.
    #
    # @param name [String] a backend as `UPSTREAM/BACKEND`, or an upstream for all of its backends, as {#stats} calls
    #   them. A DNS name stands for every address that it has and will have
    # @return [self]
    # @raise [ArgumentError] if nothing is called that; the message lists what there is
    # @example
    #   server.ready("app_servers/127.0.0.1:8001")
    def ready(name) = set_state(name, "ready")

    # Lets backends finish what they have and gives them no new requests, but for those of sticky clients.
    #
    # @param name [String] as for {#ready}
    # @return [self]
    # @raise [ArgumentError] as for {#ready}
    # @example wait until a backend has nothing left to do
    #   server.drain("app_servers/127.0.0.1:8001")
    #   sleep 0.1 until server.stats[:backends].find { _1[:address] == "127.0.0.1:8001" }[:in_flight].zero?
    def drain(name) = set_state(name, "draining")

    # Gives backends no requests any more, those of sticky clients included. What is in flight finishes.
    #
    # @param name [String] as for {#ready}
    # @return [self]
    # @raise [ArgumentError] as for {#ready}
    # @example
    #   server.down("app_servers")
    def down(name) = set_state(name, "down")

    # Reads the configuration again and serves by it from now on: the same file, or the same block, which is called
    # again. What is in flight finishes under the configuration that it began with, and addresses that are in both are
    # not closed for a moment.
    #
    # Backends that stay keep their connections, health, states and figures; limits keep their counts where they stand
    # in the same place and say the same. Files that the configuration names are read again, and the access log is
    # opened anew. `binds:` of {Proxy.start} holds on. The number of `threads` alone waits for the next start.
    #
    # @param path [String, Pathname, nil] another configuration file, which is the one to be read again from now on; a
    #   block likewise
    # @return [self]
    # @raise [ConfigurationError] with everything that is wrong; the server goes on as before
    # @raise [BindError] when an address cannot be bound; the server goes on as before
    # @raise [Error] when the server has stopped, or is about to
    # @example
    #   server.reload
    # @example another configuration
    #   server.reload { proxy to: "http://127.0.0.1:3001{path}{query}" }
    # @example on a signal
    #   trap("HUP") { server.reload }
    def reload(path = nil, &block)
      outside_of_traps do
        # One after the other, so that of two the one that has read the latest file comes last.
        @reloading.synchronize do
          source = path || block ? @source.other(path, block) : @source
          config = source.read
          config.print_warnings
          take(config)
        end
      end
    end

    # Serves by a configuration that was read.
    # @api private
    def take(config)
      @reloading.synchronize do
        @native.reload(config.validate!.to_h)
        @source = config.source
        @warnings = config.warnings.freeze
      ensure
        read_urls unless stopped?
      end
      self
    end

    # @api private
    attr_reader :source

    # Opens the file of the access log anew, after it was renamed. A log that cannot be opened goes on where it was, and
    # a line of the server's own log says so.
    #
    # @return [self]
    # @example for log rotation
    #   trap("USR1") { server.reopen_logs }
    def reopen_logs
      @native.reopen_logs
      self
    end

    # Stops: no new connections, idle ones close, requests in flight may finish. Tunnels and event streams, which need
    # not end by themselves, are ended after `tunnel_grace`, or just before `timeout` is over if that comes first.
    # Returns when everything has ended. Other Ruby threads run meanwhile.
    #
    # @param timeout [Numeric, nil] seconds that requests in flight may take; what is left then is cut. Default: the
    #   `shutdown_timeout` of the configuration
    # @return [Boolean] whether every request finished in time; `stats[:cut]` says what did not
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

    # Calls the block, which takes a lock, on another thread if this is the handler of a signal, where none may be
    # taken. A handler that has interrupted the holder of the lock cannot wait for it: the block is then called as soon
    # as it is free.
    def outside_of_traps(&block)
      return yield unless in_trap?

      held = @reloading.mon_owned?
      thread = Thread.new do
        Thread.current.report_on_exception = held
        block.call
      end
      thread.value unless held
      self
    end

    def in_trap?
      Thread::Mutex.new.synchronize { false }
    rescue ThreadError
      true
    end

    def read_urls
      @urls = @native.urls.map(&:freeze).freeze
    end

    def set_state(name, state)
      @native.set_state(String(name), state)
      self
    end

    def seconds(value)
      number = Float(value)
      return [number, LONGEST].min if number.finite? && !number.negative?

      raise ArgumentError, "timeout: #{value} is not a valid number of seconds: write 0 or more, such as 30"
    end
  end
end
