# frozen_string_literal: true

require "proxy"
require "rbconfig"
require "tmpdir"
require_relative "child_process"
require_relative "raw_client"

# The gem under test in this process, on a free port.
class RunningProxy
  attr_reader :server

  # The block is a Proxyfile. `bind` and `threads` are added to it (`bind: nil` adds none). Or `file` names a
  # Proxyfile, and `bind` replaces its addresses (`bind: nil` leaves them). `to` is a backend or several: a `proxy` to
  # them is added after the block, with the further options.
  def initialize(to: [], bind: "http://127.0.0.1:0", threads: 1, file: nil, **options, &configuration)
    @server = if file
                Proxy.start(file, binds: bind && [bind])
              else
                start([to].flatten, options, bind, threads, &configuration)
              end
  end

  def url = server.urls.first

  # Opens a new connection.
  def connect(**options) = RawClient.connect(url, **options)

  # Sends one request on a new connection and returns the response.
  def request(method, target = "/", headers = {}, body = nil) = RawClient.request(url, method, target, headers, body)

  def get(target = "/", headers = {}) = request("GET", target, headers)

  def post(target = "/", body = "", headers = {}) = request("POST", target, headers, body)

  def stats = server.stats

  # Stops the proxy at once.
  def stop = server.stop(timeout: 0)

  private

  def start(backends, options, bind, threads, &configuration)
    addresses = backends.map { |backend| backend.respond_to?(:address) ? backend.address : backend }
    raise ArgumentError, "without to: nothing takes #{options.keys.join(", ")}" if addresses.empty? && options.any?

    Proxy.start do
      bind bind if bind
      threads threads if threads
      instance_exec(&configuration) if configuration
      proxy backends: addresses, **options if addresses.any?
    end
  end
end

# The command `proxy start` in a separate process, on a free port.
class ProxyProcess
  EXE = File.expand_path("../../exe/proxy", __dir__)
  LIB = File.expand_path("../../lib", __dir__)

  attr_reader :url, :process

  # `proxyfile` is the text of a Proxyfile; `bind` is added to it.
  def initialize(proxyfile, bind: "http://127.0.0.1:0", environment: {})
    @directory = Dir.mktmpdir("proxy")
    File.write("#{@directory}/Proxyfile", "bind #{bind.inspect}\n#{proxyfile}")
    @process = ChildProcess.new(environment, RbConfig.ruby, "-I#{LIB}", EXE, "start", chdir: @directory)
    @url = process.await_output(%r{http://[^\s/]+:[1-9]\d*})[0]
  end

  def connect(**options) = RawClient.connect(url, **options)

  def request(method, target = "/", headers = {}, body = nil) = RawClient.request(url, method, target, headers, body)

  def get(target = "/", headers = {}) = request("GET", target, headers)

  def stop
    process.stop
    FileUtils.rm_rf(@directory)
  end
end
