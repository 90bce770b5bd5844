# frozen_string_literal: true

require_relative "../proxy"
require_relative "cli"
require_relative "router/explanation"

module Proxy
  # The router of a configuration without a server: it says what would be done with a request. Nothing is bound, nothing
  # is sent, and no thread is started. The native router gives the answers, as in the running proxy; `proxy routes`
  # prints them.
  #
  # @example
  #   require "proxy/router"
  #
  #   router = Proxy::Router.load("Proxyfile")
  #   router.explain("GET https://shop.example.com/users/7").upstream  # => "app_servers"
  class Router
    # Reads a file.
    #
    # @param path [String, Pathname, nil] a configuration file; default: `Proxyfile`, then `config/proxy.rb`
    # @return [Router]
    # @raise [ConfigurationError] with every mistake
    # @example
    #   Proxy::Router.load("config/proxy.rb")
    def self.load(path = nil)
      new(path)
    end

    # Reads a file, or a block in the language of a Proxyfile.
    #
    # @param path [String, Pathname, nil] as for {load}
    # @yieldreceiver [DSL]
    # @raise [ConfigurationError] with every mistake
    # @example
    #   Proxy::Router.new { location("/health") { static_response body: "fine\n" } }
    def initialize(path = nil, &block)
      # `:app` is the application that `proxy run` would start.
      @config = Config.load(path, app: Config::Unknown.new, &block).validate!
    end

    # Says what is done with a request.
    #
    # @param request [String] a method and a URL; without a method it is a GET, and a path alone is on
    #   `http://localhost`
    # @param from [String] the address at the other end of the connection: the client, or one of `trusted_proxies`
    # @param headers [Hash{String, Symbol => String, Array<String>}] fields of the request
    # @return [Explanation]
    # @raise [ArgumentError] if that is no request
    # @example
    #   router.explain("POST /login", from: "192.0.2.7", headers: { "Accept" => "text/html" })
    def explain(request, from: "127.0.0.1", headers: {})
      question = question(String(request), from, headers)
      question.is_a?(String) and raise ArgumentError, question
      told = Native.explain(@config.to_h, question.to_h)
      told.is_a?(String) and raise ArgumentError, told

      Explanation.new(@config, question, told)
    end

    # @return [String] all locations, filters and handlers, as `proxy routes` prints them
    # @example
    #   puts router
    def to_s
      CLI::Routes.without_passwords(CLI::Routes::Table.new(@config).lines).join("\n")
    end

    # @return [String]
    def inspect
      "#<#{self.class} #{@config.file}>"
    end

    private

    def question(request, from, headers)
      request = request.dup.force_encoding(Encoding::UTF_8) if request.encoding == Encoding::BINARY
      unless request.valid_encoding? && request.encoding.ascii_compatible?
        return "#{request.inspect} is no text in UTF-8: write other bytes as %FF"
      end

      *method, url = request.split
      url = "http://localhost#{url}" if url&.start_with?("/")
      return "#{request.inspect} is no request: write one such as \"GET /users\"" if url.nil? || method.length > 1

      fields = headers.flat_map { |name, value| Array(value).map { |one| "#{name}: #{one}" } }
      CLI::Routes::Question.read([*method, url], fields, from)
    end
  end
end
