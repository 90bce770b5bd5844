# frozen_string_literal: true

module Proxy
  # A certificate that clients are shown, or that the proxy tries to get. It is frozen.
  #
  # @example
  #   server.certificates.each { |certificate| puts "#{certificate.names.first}: #{certificate.expires}" }
  class Certificate
    # @return [Array<String>] names in the certificate, or those that are wanted in it
    # @example
    #   certificate.names  # => ["example.com", "*.example.com"]
    attr_reader :names
    # @return [Symbol] `:managed`: the proxy gets and renews it by itself; `:file`: a `bind` names it; `:development`:
    #   it was made for this machine
    # @example
    #   certificate.kind  # => :managed
    attr_reader :kind
    # @return [String, nil] the URL of the bind that shows it; nil for a managed one
    # @example
    #   certificate.bind  # => "https://0.0.0.0:443"
    attr_reader :bind
    # @return [String, nil] who issued a managed one: a name, or the URL of a directory
    # @example
    #   certificate.authority  # => "letsencrypt"
    attr_reader :authority
    # @return [Time, nil] when it ends, or has ended; nil if there is none yet
    # @example
    #   certificate.expires  # => 2026-03-14 00:00:00 +0000
    attr_reader :expires
    # @return [Time, nil] when the proxy next tries to get or renew it; nil for a certificate that it does not renew
    # @example
    #   certificate.next_attempt  # => 2026-02-11 04:13:07 +0000
    attr_reader :next_attempt
    # @return [Integer] attempts that failed since the last one that succeeded
    # @example
    #   certificate.failures  # => 0
    attr_reader :failures
    # @return [String, nil] what went wrong in the last attempt, if it failed
    # @example
    #   certificate.last_error  # => "letsencrypt: no answer within 30 seconds"
    attr_reader :last_error

    # `facts` are those that the engine tells.
    # @api private
    def initialize(facts)
      @names = facts.fetch(:names).each(&:freeze).freeze
      @kind = facts.fetch(:kind).to_sym
      @bind, @authority, @last_error = facts.values_at(:bind, :authority, :last_error).each(&:freeze)
      times = facts.values_at(:expires, :next_attempt)
      @expires, @next_attempt = times.map { |seconds| seconds && Time.at(seconds).round.freeze }
      @failures = facts.fetch(:failures)
      freeze
    end

    # @return [Hash{Symbol => Object}] all of it, by name
    # @example
    #   certificate.to_h[:kind]  # => :managed
    def to_h
      { names: names, kind: kind, bind: bind, authority: authority, expires: expires, next_attempt: next_attempt,
        failures: failures, last_error: last_error }
    end

    # @return [String]
    def inspect
      "#<#{self.class} #{to_h.compact.map { |fact, value| "#{fact}=#{value.inspect}" }.join(" ")}>"
    end
  end
end
