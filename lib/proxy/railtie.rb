# frozen_string_literal: true

require "rails/railtie"

module Proxy
  # What the gem does inside a Rails application. It is loaded by `require "proxy"` if Rails is there; with
  # `gem "proxy", require: false` an application may `require "proxy/railtie"`.
  #
  # Ruby blocks of a configuration run inside the application's executor, as requests do: database connections are given
  # back, and code can be reloaded. Everything else is an option of `config.proxy`.
  #
  # @example config/application.rb
  #   config.proxy.middleware path_prefix: "/vite-dev", backends: ["127.0.0.1:3036"]
  class Railtie < ::Rails::Railtie
    # Options of `config.proxy`.
    class Options
      # @return [Boolean] whether `send_file` leaves the sending to the server in front, by `X-Sendfile`. Default:
      #   false. The `proxy` in front needs `x_sendfile:` with the folder of the files; without it downloads are empty
      attr_accessor :x_sendfile
      # @return [String, nil] path of the Proxyfile whose `trusted_proxies` are compared with those of Rails at the
      #   start; it is read, not run. Default: `Proxyfile`. nil: nothing is compared
      attr_accessor :proxyfile
      # @api private
      attr_reader :middlewares

      # @api private
      def initialize
        @x_sendfile = false
        @proxyfile = "Proxyfile"
        @middlewares = []
      end

      # Adds a {Proxy::Rack::Middleware} in front of all others. Requests that it does not take go on to the
      # application.
      #
      # @param options [Hash] options of `proxy`
      # @yieldreceiver [DSL]
      # @return [self]
      # @example with words of a Proxyfile
      #   config.proxy.middleware do
      #     location("/vite-dev/*") { proxy backends: ["127.0.0.1:3036"] }
      #   end
      def middleware(**options, &block)
        @middlewares << [options, block]
        self
      end
    end

    config.proxy = Options.new

    initializer "proxy.executor" do |app|
      Blocks.around ||= app.executor.method(:wrap)
    end

    # An application may set options in config/initializers too.
    initializer "proxy.middleware", after: :load_config_initializers, before: :build_middleware_stack do |app|
      # The first stands outside.
      app.config.proxy.middlewares.reverse_each do |options, block|
        app.middleware.insert_before(0, Proxy::Rack::Middleware, **options, &block)
      end
    end

    initializer "proxy.x_sendfile", after: :load_config_initializers, before: :build_middleware_stack do |app|
      app.config.action_dispatch.x_sendfile_header = "X-Sendfile" if app.config.proxy.x_sendfile
    end

    config.after_initialize do |app|
      path = app.config.proxy.proxyfile and
        TrustedProxies.new(app.root.join(path).to_s, app.config.action_dispatch.trusted_proxies)
                      .warnings.each { |warning| ::Rails.logger&.warn(warning) }
    end
  end
end

require_relative "railtie/trusted_proxies"
require_relative "../proxy"
