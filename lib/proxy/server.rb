# frozen_string_literal: true

require "monitor"
require_relative "application"
require_relative "blocks"
require_relative "certificate"
require_relative "control/orders"
require_relative "native"
require_relative "server/replacement"
require_relative "server/steering"

module Proxy
  # A running reverse proxy. It works on its own native threads and never takes Ruby's global lock to serve a request. A
  # process may run several.
  #
  # A server belongs to the process that started it. In a forked child the copy reports that it is stopped, and no call
  # on the copy affects the parent's server. The child has none of the server's sockets: when the parent stops, its port
  # is free and its connections are closed, even if children still run (on systems without `/proc`, once they have ended
  # too).
  #
  # A server runs until it is stopped or the process ends, even if no variable refers to it any more.
  #
  # @example
  #   server = Proxy.start { bind "http://127.0.0.1:0"; proxy to: "http://127.0.0.1:3000{path}{query}" }
  #   puts "listening on #{server.urls.join(", ")}"
  #   server.stop(timeout: 5)
  class Server
    include Replacement
    include Steering

    # Longest timeout in seconds: ten years. A longer one is cut to this.
    LONGEST = 315_360_000.0
    private_constant :LONGEST

    # The running servers, to keep them from the garbage collector. There is no lock: a signal handler may stop a server
    # but must take no lock, and each change is one call that Ruby does not interrupt.
    @running = {}.compare_by_identity

    class << self
      # Starts the engine with a valid configuration. `orders` carries out those of the control API; see
      # {Control::Orders}. `passed` is what the process before has told, or nil, and the sockets where it has served the
      # control API; see {Replacement}.
      # @api private
      def start(config, orders = nil, passed: nil)
        config.source.listeners&.check(config.to_h.fetch("binds"))
        blocks = Blocks.new
        native = Application.open(config.applications) do
          Native::Server.start(config.to_h, blocks.take(config.blocks), config.sockets, passed)
        end
        server = new(native, config, blocks, orders)
        @running[server] = true
        server
      end

      # @api private
      def forget(server)
        @running.delete(server)
      end
    end

    # @return [Array<String>] the URL of every bind, in the order of the file; port 0 is replaced by the chosen port
    # @example
    #   server.urls  # => ["http://127.0.0.1:40123"]
    attr_reader :urls

    # @api private
    def initialize(native, config, blocks, orders = nil)
      @native = native
      @blocks = blocks
      @source = config.source
      @warnings = config.warnings.freeze
      @shutdown_timeout = config.shutdown_timeout
      @applications = config.applications
      @reloading = Monitor.new
      @orders = Control::Orders.new(native, orders || Control::OwnOrders.new(self))
      note(config)
      read_urls
    end
    private_class_method :new

    # @return [Array<Problem>] warnings about the current configuration
    # @example
    #   server.warnings.map(&:to_s)  # => []
    attr_reader :warnings

    # @return [String, nil] the URL of the first bind; nil if there is none
    # @example
    #   server.url  # => "http://127.0.0.1:40123"
    def url
      urls.first
    end

    # @return [Integer, nil] the port of the first bind that has one; nil if there are only unix sockets
    # @example
    #   server.port  # => 40123
    def port
      urls.filter_map { |url| url[%r{\Ahttps?://.*:(\d+)\z}, 1]&.to_i }.first
    end

    # What happened since the start; after the server has ended, the last figures.
    #
    # @return [Hash{Symbol => Object}] `connections:` (`accepted`, `active`, `handshakes_failed`), `requests:` (`total`,
    #   `in_flight`, `queued`, `status_1xx` to `status_5xx`, `client_closed`, `upgraded`, and `tunnels` and
    #   `event_streams` that are open), `blocks:`, an Array with a Hash for each Ruby block: `word`, `at` (its line),
    #   `running` and `waiting` calls, and how many were `answered`, have `failed`, came `late` or found the queue
    #   `full`; `cut:` (the `requests`, `tunnels` and `event_streams` that a stop has cut) and
    #   `backends:`, an Array with a Hash for each: `upstream`, `address`, `state` (`"ready"`, `"draining"`, `"down"`,
    #   `"unhealthy"`, `"unchecked"` before its first good check, `"ejected"`, or `"unresolved"` for a name without an
    #   address), `weight`, `backup`, `max_connections` (nil for any number), `added` (at run time), `in_flight`,
    #   `tunnels`, `requests`, `failures`, and `check`, the result of the health checks, nil before the first one:
    #   `healthy`, `since` (seconds since 1970) and `error` (why the latest failed check failed)
    # @example
    #   server.stats[:requests][:total]  # => 1024
    def stats
      @native.stats
    end

    # The certificates that clients are shown, and those that the proxy tries to get.
    #
    # @return [Array<Certificate>] those of binds in the order of the file, then the managed ones. After the server has
    #   ended there are none
    # @example
    #   server.certificates.select { |certificate| certificate.last_error }
    def certificates
      @native.certificates.map { |facts| Certificate.new(facts) }
    end

    # Asks for a new certificate before the old one ends. Returns at once: the log and {#certificates} say what becomes
    # of it.
    #
    # @param name [String] a name in a managed certificate
    # @return [self]
    # @raise [ArgumentError] if there is no such certificate, or if storage cannot be written
    # @example
    #   server.renew_certificate("example.com")
    def renew_certificate(name)
      @native.renew_certificate(utf8(name))
      self
    end

    # Makes backends ready: they get requests again, gradually if they have a `slow_start`.
    #
    # @param name [String] a backend as `UPSTREAM/BACKEND`, or an upstream for all of its backends, with the names of
    #   {#stats}. A DNS name means all of its addresses, now and later
    # @return [self]
    # @raise [ArgumentError] if there is no such backend or upstream; the message lists the existing ones
    # @example
    #   server.ready("app_servers/127.0.0.1:8001")
    def ready(name) = set_state(name, "ready")

    # Drains backends: requests in flight finish, and new requests come only from sticky clients.
    #
    # @param name [String] as for {#ready}
    # @return [self]
    # @raise [ArgumentError] as for {#ready}
    # @example wait until a backend has nothing left to do
    #   server.drain("app_servers/127.0.0.1:8001")
    #   sleep 0.1 until server.stats[:backends].find { _1[:address] == "127.0.0.1:8001" }[:in_flight].zero?
    def drain(name) = set_state(name, "draining")

    # Takes backends out of service: they get no new requests, not even from sticky clients. Requests in flight finish.
    #
    # @param name [String] as for {#ready}
    # @return [self]
    # @raise [ArgumentError] as for {#ready}
    # @example
    #   server.down("app_servers")
    def down(name) = set_state(name, "down")

    # Replaces the backends of an upstream at once, until the next reload, together with those that were added, removed
    # or changed at run time. A backend that is in both lists keeps its connections, its health and its figures;
    # requests in flight at the others finish there.
    #
    # @param upstream [String] its name, as in {#stats}
    # @param backends [Array<String, Hash>] the new ones, as in `backends:`; an empty Array is allowed
    # @return [self]
    # @raise [ArgumentError] if there is no such upstream, or if the list has mistakes; everything stays as it was
    # @example
    #   server.set_backends("app_servers", ["127.0.0.1:8001", { address: "127.0.0.1:8002", weight: 2 }])
    def set_backends(upstream, backends)
      @native.set_backends(utf8(upstream), DSL::BackendList.read(backends, Config.working_directory))
      self
    end

    # Reads the configuration again (the same file, or the same block, which is called again) and uses it from now on.
    # Requests in flight finish under the configuration that they began with. Addresses that are in both configurations
    # stay open.
    #
    # Backends that are in both keep their connections, health, states and figures; a rate limit keeps its counts if its
    # location and options are unchanged. Files that the configuration names are read again, and the access log is
    # reopened. `binds:` and `listeners:` of {Proxy.start} still apply. Only the number of `threads` stays until the
    # next start.
    #
    # @param path [String, Pathname, nil] another configuration file, which later reloads read too; a block works
    #   likewise
    # @yieldreceiver [DSL]
    # @return [self]
    # @raise [ConfigurationError] with every mistake; the server goes on as before
    # @raise [BindError] when an address cannot be bound; the server goes on as before
    # @raise [Error] when the server has stopped or is stopping
    # @example
    #   server.reload
    # @example another configuration
    #   server.reload { proxy to: "http://127.0.0.1:3001{path}{query}" }
    # @example on a signal
    #   trap("HUP") { server.reload }
    def reload(path = nil, &block)
      outside_of_traps do
        # Reloads run one after the other, so that the one that read the file last takes effect last.
        @reloading.synchronize do
          source = path || block ? @source.other(path, block) : @source
          reload_from(source)
        end
      end
    end

    # Replaces the configuration by one that was read.
    # @api private
    def take(config)
      @reloading.synchronize do
        config.validate!
        Application.open(config.applications) do
          @native.reload(config.to_h, @blocks.take(config.blocks), config.sockets)
        end
        # Applications of the configuration before end by themselves, once their last request is over.
        @applications = @applications.select(&:alive?) + config.applications
        @source = config.source
        @warnings = config.warnings.freeze
        @shutdown_timeout = config.shutdown_timeout
        note(config)
      ensure
        read_urls unless stopped?
      end
      self
    end

    # Notes what became of a reload, for `GET /status` of the control API.
    # @api private
    def note_reload(result, problems, message = nil)
      @native.note("reload", JSON.generate(Control::Outcome.note(result, problems, message)))
    end

    # @api private
    attr_reader :source

    # Whether a handler answers a request that another server has read; see {Rack}.
    # @api private
    def takes?(head, client)
      @native.takes?(head, client)
    end

    # Answers a request that another server has read; see {Rack}.
    # @api private
    def adopt(descriptor, head, body, client)
      @native.adopt(descriptor, head, body, client)
    end

    # Reopens the file of the access log, after it was renamed. If it cannot be opened, the old file stays in use, and
    # the server's own log has a line about it.
    #
    # @return [self]
    # @example for log rotation
    #   trap("USR1") { server.reopen_logs }
    def reopen_logs
      @native.reopen_logs
      self
    end

    # Stops the server: no new connections, idle ones close, requests in flight may finish. Tunnels and event streams
    # may never end by themselves: they are ended after `tunnel_grace`, or just before `timeout` is over if that comes
    # first. Returns when everything has ended. Other Ruby threads run meanwhile.
    #
    # @param timeout [Numeric, nil] seconds that requests in flight may take; later ones are cut. Default: the
    #   `shutdown_timeout` of the configuration
    # @return [Boolean] whether every request finished in time; `stats[:cut]` has the number of the others
    # @example
    #   server.stop(timeout: 10) or warn "some requests were cut"
    def stop(timeout: nil)
      limit = timeout && seconds(timeout)
      deadline = clock + (limit || @shutdown_timeout)
      @native.begin_stop(limit)
      @stop_by = [@stop_by, deadline].compact.min
      wait
      # The responses are complete, but threads may still do what comes after them.
      @applications.each { |application| application.join(deadline) }
      @native.drained?
    end

    # Waits until the server has stopped. Ctrl-C, `Thread#kill` and `Timeout` end the wait, not the server.
    #
    # @return [self]
    # @example
    #   Proxy.start("Proxyfile").wait
    def wait
      @native.wait(nil)
      @applications.each(&:close)
      # Blocks get what is left of the time.
      @blocks.finish([(@stop_by || (clock + @shutdown_timeout)) - clock, 0].max)
      Server.forget(self)
      self
    end

    # Ends the threads of applications that are still in the middle of a request after the server has ended. Returns
    # whether they have ended within so many seconds.
    # @api private
    def give_up(seconds)
      alive = @applications.select(&:alive?)
      alive.each(&:kill)
      deadline = clock + seconds
      alive.all? { |application| application.join(deadline) }
    end

    # @return [Boolean] whether the server has ended; true in a forked child
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

    # Calls the block, which takes a lock. A signal handler must take no lock: there the block is called on another
    # thread. If the handler has interrupted the holder of the lock, it does not wait: the block runs when the lock is
    # free.
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

    def reload_from(source)
      config = source.read
      config.print_warnings
      take(config)
      note_reload("ok", config.warnings)
      self
    rescue ConfigurationError, BindError => error
      note_reload("failed", error.problems)
      raise
    end

    # Tells the control API of the configuration, and takes its orders if there is any.
    def note(config)
      return if config.to_h.fetch("control", []).empty?

      file = config.source.path
      @native.note("file", JSON.generate(file && File.expand_path(file, config.source.directory)))
      @native.note("warnings", JSON.generate(Control::Outcome.problems(config.warnings)))
      @orders.start
    end

    def read_urls
      @urls = @native.urls.map(&:freeze).freeze
    end

    def clock
      Process.clock_gettime(Process::CLOCK_MONOTONIC)
    end

    def set_state(name, state)
      @native.set_state(utf8(name), state)
      self
    end

    # A name in UTF-8. One that cannot be converted is the name of nothing.
    def utf8(name)
      String(name).encode(Encoding::UTF_8, invalid: :replace, undef: :replace)
    end

    def seconds(value)
      number = Float(value)
      return [number, LONGEST].min if number.finite? && !number.negative?

      raise ArgumentError, "timeout: #{value} is not a valid number of seconds: write 0 or more, such as 30"
    end
  end
end
