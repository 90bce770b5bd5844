# frozen_string_literal: true

require_relative "../proxy"

module Proxy
  # Proxies for tests: each listens on a free port of this machine and is stopped after the test that started it.
  #
  # `proxy/rspec` and `proxy/minitest` call {stop} by themselves. With another framework call it after each test.
  #
  # @example
  #   require "proxy/testing"
  #
  #   server = Proxy::Testing.start { static_response body: "hello\n" }
  #   Net::HTTP.get(URI(server.url))  # => "hello\n"
  #   Proxy::Testing.stop
  module Testing
    # Where servers listen if nothing else is written.
    BINDS = ["http://127.0.0.1:0"].freeze
    # Addresses that only this machine can reach.
    LOCAL = %r{\A(?:https?://(?:127\.\d+\.\d+\.\d+|localhost|\[::1\])(?:[:/?]|\z)|unix:)}i
    private_constant :LOCAL

    # Servers that were started outside of every test.
    @others = []

    class << self
      # Starts a server. It listens on a free port of 127.0.0.1, whatever `bind` the configuration has.
      #
      # @param path [String, Pathname, nil] a configuration file; default: `Proxyfile`, then `config/proxy.rb`
      # @param binds [Array<String>] where to listen instead: addresses of this machine alone
      # @yieldreceiver [DSL]
      # @return [Server]
      # @raise [ConfigurationError] with every mistake; nothing was bound
      # @raise [BindError] when an address cannot be bound
      # @raise [ArgumentError] if others could reach an address of `binds`, or there is none
      # @example
      #   server = Proxy::Testing.start("Proxyfile")
      #   server.url  # => "http://127.0.0.1:40123"
      def start(path = nil, binds: BINDS, &block)
        binds = Array(binds)
        raise ArgumentError, "binds: there is none: leave it out, or write one such as #{BINDS.first}" if binds.empty?

        public = binds.grep_v(LOCAL)
        unless public.empty?
          raise ArgumentError, "#{public.first} can be reached from elsewhere: write one such as #{BINDS.first}"
        end

        server = Proxy.start(path, binds: binds, &block)
        servers << server
        server
      end

      # Stops every server that the current test has started; requests in flight are cut.
      #
      # @return [nil]
      # @example with another test framework
      #   def teardown = Proxy::Testing.stop
      def stop
        stop_all(servers)
      end

      # Begins a test. Servers that are started from now on belong to it.
      # @api private
      def open
        stack = Thread.current.thread_variable_get(:proxy_testing)
        Thread.current.thread_variable_set(:proxy_testing, stack = []) unless stack
        stack.push([])
      end

      # Ends the test and stops its servers.
      # @api private
      def close
        opened = Thread.current.thread_variable_get(:proxy_testing)&.pop
        stop_all(opened) if opened
      end

      # Calls the block as a test.
      # @api private
      def within
        open
        yield
      ensure
        close
      end

      # Stops the servers that were started outside of every test.
      # @api private
      def close_others = stop_all(@others)

      private

      # The servers of the current test. One that a thread of its own starts, as some tests do, belongs to the test that
      # runs, if there is one alone.
      def servers
        open = [Thread.current, *Thread.list].uniq.filter_map do |thread|
          thread.thread_variable_get(:proxy_testing)&.last
        end
        own = Thread.current.thread_variable_get(:proxy_testing)&.last
        own || (open.first if open.one?) || @others
      end

      # Stops all of them, even if one cannot be stopped. A list that another thread adds to meanwhile gets empty too.
      def stop_all(servers)
        failed = nil
        while (server = servers.pop)
          begin
            server.stop(timeout: 0)
          rescue StandardError => error
            failed ||= error
          end
        end
        raise failed if failed
      end
    end
  end
end
