# frozen_string_literal: true

if Object.const_defined?(:Proxy) && (!Proxy.is_a?(Module) || Proxy.is_a?(Class))
  place = Object.const_source_location(:Proxy).to_a.join(":")
  raise LoadError, "this program has a Proxy of its own#{" (#{place})" unless place.empty?}, and the gem proxy needs " \
                   "that name for its module: " \
                   "rename it, or write `gem \"proxy\", require: false` and run the command `proxy` beside the program"
end

require_relative "proxy/version"
require_relative "proxy/error"
require_relative "proxy/control"
require_relative "proxy/config"
require_relative "proxy/server"

# A reverse proxy whose configuration is Ruby and whose engine is native.
#
# @example
#   server = Proxy.start do
#     bind "http://127.0.0.1:0"
#     proxy to: "http://backend.example.com{path}{query}", backends: ["127.0.0.1:3001", "127.0.0.1:3002"]
#   end
#   server.urls  # => ["http://127.0.0.1:40123"]
#   server.stop
module Proxy
  autoload :Rack, File.expand_path("proxy/rack", __dir__)

  # Starts a server and returns at once. The block is the configuration, in the language of a `Proxyfile`; without a
  # block a file is read. Inside the block `self` is the configuration, so it sees the local variables around it, but
  # neither your instance variables nor your methods; a block that takes an argument gets the configuration there and
  # keeps its own `self`.
  #
  # Warnings (legal, but probably a mistake) are printed to standard error and kept in {Server#warnings}.
  #
  # @param path [String, Pathname, nil] a configuration file; default: `Proxyfile`, then `config/proxy.rb`
  # @param binds [Array<String>, nil] URLs to listen on in place of those of the configuration; none when empty
  # @param listeners [Array<IO, Integer>, Hash{String => IO, Integer}, nil] sockets that listen already (`TCPServer`,
  #   `UNIXServer`, `Socket`, or the number of one). An Array replaces the binds of the configuration, all without TLS.
  #   A Hash has the socket for the URL of a bind, whose other options apply; other binds are opened as usual. The
  #   server duplicates each socket: close your own when you like
  # @yieldreceiver [DSL]
  # @return [Server]
  # @raise [ConfigurationError] with every mistake; nothing was bound
  # @raise [BindError] when an address cannot be bound; nothing stays bound
  # @raise [ArgumentError] when one of `listeners` does not listen, or no bind has its URL
  # @example From a file
  #   server = Proxy.start("config/proxy.rb", binds: ["http://127.0.0.1:0"])
  # @example With a socket that is open already
  #   listener = TCPServer.new("127.0.0.1", 0)
  #   server = Proxy.start(listeners: [listener]) { proxy to: "http://127.0.0.1:3000{path}{query}" }
  # @example From a block
  #   server = Proxy.start { proxy to: "http://127.0.0.1:3000{path}{query}" }
  # @example From a block that uses instance variables and methods of its surroundings
  #   server = Proxy.start { |config| config.proxy to: @url, timeout: default_timeout }
  def self.start(path = nil, binds: nil, listeners: nil, &block)
    config = Config.load(path, binds: binds, listeners: listeners, &block)
    config.print_warnings
    Server.start(config.validate!)
  end

  # Starts a server and stops it at the end of the block, also after an exception.
  #
  # @param config [String, Pathname, Proc, nil] a configuration file, as for {start}, or a Proc in place of the block
  #   there
  # @param binds [Array<String>, nil] URLs to listen on in place of those of the configuration
  # @param listeners [Array<IO, Integer>, Hash{String => IO, Integer}, nil] sockets that listen already, as for {start}
  # @yieldparam server [Server]
  # @return [Object] what the block returns
  # @raise [ConfigurationError] with every mistake; nothing was bound
  # @raise [BindError] when an address cannot be bound; nothing stays bound
  # @example
  #   Proxy.run("Proxyfile") { |server| puts server.url; sleep }
  def self.run(config = nil, binds: nil, listeners: nil)
    options = { binds: binds, listeners: listeners }
    server = config.is_a?(Proc) ? start(**options, &config) : start(config, **options)
    yield server
  ensure
    server&.stop
  end

  # Checks a configuration without starting anything.
  #
  # @param path [String, Pathname, nil] a configuration file; default: `Proxyfile`, then `config/proxy.rb`
  # @yieldreceiver [DSL]
  # @return [Array<Problem>] errors and warnings by file and line; empty if there are none
  # @example
  #   Proxy.check("Proxyfile").each { |problem| puts problem }
  def self.check(path = nil, &block)
    Config.load(path, &block).problems
  end
end

require_relative "proxy/railtie" if defined?(Rails::Railtie) && !defined?(Proxy::Railtie)
