# frozen_string_literal: true

require_relative "version"
require_relative "error"

module Proxy
  # A way to ask and steer a proxy that runs in another process.
  #
  # @example
  #   control = Proxy::Control.connect("tmp/pids/proxy.sock")
  #   control.status[:pid]  # => 4711
  module Control
    # Who only wants to know where a proxy listens needs nothing else.
    { Client: "client", Connection: "connection", Deploy: "deploy", Event: "event_reader", EventReader: "event_reader",
      Failure: "errors", NoAnswer: "errors", NotRunning: "errors", Refused: "errors", Names: "names",
      Remote: "remote", Search: "search" }.each do |name, file|
      autoload name, File.expand_path("control/#{file}", __dir__)
    end

    # Finds a proxy. Nothing is sent to it yet.
    #
    # @param place [String, Pathname, nil] the path of its socket, or a URL such as `http://127.0.0.1:9090`; default:
    #   the place where a proxy with this configuration listens. If it is not the usual one, the file is evaluated
    # @param token [String, nil] the token for a URL
    # @param config [String, Pathname, nil] the file of the configuration; default: `Proxyfile`, then `config/proxy.rb`
    # @param timeout [Numeric] seconds that each step of a request may take
    # @return [Remote]
    # @raise [NotRunning] if no place is given, and none is found
    # @raise [ArgumentError] if the place is neither a path nor a URL
    # @example
    #   Proxy::Control.connect("http://127.0.0.1:9090", token: File.read("control.token"))
    def self.connect(place = nil, token: nil, config: nil, timeout: 10)
      place, found = place ? [place.to_s] : Search.new(config&.to_s).place
      Remote.new(Client.new(place, token: found || token, timeout: timeout))
    end

    # Text as a part of a path or a query.
    # @api private
    def self.escape(text)
      text.to_s.b.gsub(/[^\w.~-]/n) { |byte| format("%%%02X", byte.ord) }
    end
  end
end
