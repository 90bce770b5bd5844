# frozen_string_literal: true

require "proxy"
require "rbconfig"
require "tmpdir"
require_relative "child_process"
require_relative "raw_client"

# The gem under test, in this process, on a free port.
class RunningProxy
  attr_reader :server

  # The block is a Proxyfile. `bind` and `threads` are added to it: a test that wants others says so, or passes
  # `bind: nil`. Or `file` names one, whose addresses `bind` replaces. `to` is a backend, or several: they are proxied
  # to behind the lines of the block, with the further options of the word `proxy`.
  def initialize(to: [], bind: "http://127.0.0.1:0", threads: 1, file: nil, **options, &configuration)
    @server = file ? Proxy.start(file, binds: [bind]) : start([to].flatten, options, bind, threads, &configuration)
  end

  def url = server.urls.first

  # A connection of one's own.
  def connect(**options) = RawClient.connect(url, **options)

  # One request on a connection of its own.
  def request(method, target = "/", headers = {}, body = nil) = RawClient.request(url, method, target, headers, body)

  def get(target = "/", headers = {}) = request("GET", target, headers)

  def post(target = "/", body = "", headers = {}) = request("POST", target, headers, body)

  def stats = server.stats

  # Ends it at once.
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

# The command `proxy start` in a process of its own, on a free port.
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
