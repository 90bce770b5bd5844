# frozen_string_literal: true

module Proxy
  class Blocks
    # An event in the life of a server, of which a block of `on` hears. It is frozen.
    #
    # @example
    #   on :backend_down, :backend_up do |event|
    #     warn "#{event.name}: #{event.upstream}/#{event.backend} (#{event.why})"
    #   end
    class Event
      # @return [Symbol] `:backend_down`, `:backend_up`, `:reload` or `:certificate_expiring`
      # @example
      #   event.name  # => :backend_down
      attr_reader :name
      # @return [String, nil] the upstream of the backend
      # @example
      #   event.upstream  # => "app_servers"
      attr_reader :upstream
      # @return [String, nil] the backend, named as in {Server#stats}
      # @example
      #   event.backend  # => "10.0.0.1:3000"
      attr_reader :backend
      # @return [String, nil] why the backend is down or up, or why a certificate of `acme` was not renewed
      # @example
      #   event.why  # => "is unhealthy: 3 checks failed (HTTP 500)"
      attr_reader :why
      # @return [Time, nil] when it happened; nil for a certificate
      # @example
      #   event.since  # => 2026-03-01 12:00:00 +0000
      attr_reader :since
      # @return [String, nil] the URL of the bind that uses the certificate; nil for one of `acme`
      # @example
      #   event.bind  # => "https://0.0.0.0:443"
      attr_reader :bind
      # @return [Array<String>] names in the certificate
      # @example
      #   event.names  # => ["example.com", "www.example.com"]
      attr_reader :names
      # @return [Time, nil] when the certificate ends, or has ended
      # @example
      #   event.expires  # => 2026-03-14 00:00:00 +0000
      attr_reader :expires

      # `facts` are those that the engine tells.
      # @api private
      def initialize(facts)
        @name = facts.fetch("name").to_sym
        @upstream, @backend, @why, @bind = facts.values_at("upstream", "backend", "why", "bind").each(&:freeze)
        times = facts.values_at("since", "expires")
        @since, @expires = times.map { |seconds| seconds && Time.at(seconds).round(3).freeze }
        @names = facts.fetch("names", []).each(&:freeze).freeze
        freeze
      end

      # @return [Hash{Symbol => Object}] what is known of the event, by name
      # @example
      #   event.to_h  # => { name: :reload, since: 2026-03-01 12:00:00 +0000 }
      def to_h
        { name: name, upstream: upstream, backend: backend, why: why, since: since, bind: bind,
          names: names, expires: expires }.reject { |_, fact| fact.nil? || fact == [] }
      end

      # @return [String]
      def inspect
        "#<#{self.class} #{to_h.map { |fact, value| "#{fact}=#{value.inspect}" }.join(" ")}>"
      end
    end
  end
end
