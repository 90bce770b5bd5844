# frozen_string_literal: true

require "ipaddr"

module Proxy
  class Railtie
    # Compares the `trusted_proxies` of a Proxyfile with those of Rails. Rails takes the last address of
    # `X-Forwarded-For` that it does not trust for the client's: a load balancer that only the Proxyfile trusts would be
    # every visitor.
    # @api private
    class TrustedProxies
      # `path` is the Proxyfile, which is only read; `trusted` the setting of `config.action_dispatch.trusted_proxies`.
      def initialize(path, trusted)
        @path = path
        @trusted = trusted
      end

      # One line for each network that Rails does not trust.
      def warnings
        return [] unless File.file?(@path) && defined?(ActionDispatch::RemoteIp)

        require_relative "../cli"
        CLI::Init::RubySource.new(@path).calls("trusted_proxies").flat_map do |call|
          call.arguments.grep(String).filter_map { |network| warning(network, call.line) unless trusted?(network) }
        end
      end

      private

      def warning(network, line)
        "#{File.basename(@path)}:#{line}: trusted_proxies: Rails does not trust #{network}, so request.remote_ip " \
          "would be an address of the load balancer: write config.action_dispatch.trusted_proxies = " \
          "ActionDispatch::RemoteIp::TRUSTED_PROXIES + [IPAddr.new(#{network.inspect})]"
      end

      # Whether Rails trusts the first and the last address of a network. What is no network is no business of Rails.
      def trusted?(network)
        range = IPAddr.new(network).to_range
        [range.first, range.last].map(&:to_s).all? { |address| networks.any? { |one| one === address } }
      rescue IPAddr::Error
        true
      end

      # As ActionDispatch::RemoteIp reads its setting.
      def networks
        known = ActionDispatch::RemoteIp::TRUSTED_PROXIES
        return known if @trusted.blank?

        @trusted.respond_to?(:any?) ? @trusted : [@trusted, *known]
      end
    end
  end
end
