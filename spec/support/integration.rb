# frozen_string_literal: true

require "spec_helper"
require "digest"
require "fileutils"
require "json"
require "monitor"
require "timeout"
require_relative "certs"
require_relative "dns_server"
require_relative "origin"
require_relative "raw_backend"
require_relative "raw_client"
require_relative "running_proxy"

# Starts proxies and peers for integration examples. All are stopped when the example ends, in reverse order.
module Peers
  # The proxy under test; the block is its Proxyfile. `to: backend` and `to: [first, second]` add a `proxy` to these
  # backends: see RunningProxy.
  def start_proxy(**options, &configuration) = started(RunningProxy.new(**options, &configuration))

  # `proxy start` in a separate process.
  def start_proxy_process(proxyfile, **options) = started(ProxyProcess.new(proxyfile, **options))

  # A backend that follows a script; without a block it answers every request `200 ok`.
  def start_backend(**options, &script) = started(RawBackend.new(**options, &script))

  # A backend that answers every request with `body`.
  def backend_answering(body, headers = {}, **options) = started(RawBackend.answering(body, headers, **options))

  # An address that refuses connections.
  def refusing_backend = started(RefusingBackend.new)

  # An address where a connect hangs.
  def silent_backend(**options) = started(SilentBackend.new(**options))

  def start_nginx(server, **options) = started(NginxBackend.new(server, **options))

  def start_haproxy(*lines, **options) = started(HaproxyPeer.new(*lines, **options))

  def start_dns = started(DnsServer.new)

  def start_puma(*rackup, **options) = started(PumaBackend.new(*rackup, **options))

  def certs = @certs ||= Certs.new

  # An empty directory that is removed afterwards.
  def directory = @directory ||= Dir.mktmpdir("spec")

  # Runs work in the background. `value` of the result returns its value or raises its exception.
  def in_background(&work)
    Thread.new(&work).tap do |thread|
      thread.report_on_exception = false
      (@threads ||= []) << thread
    end
  end

  # The Puma that all examples share which need only a Rack application.
  def puma = Peers.puma

  # Seconds that the block takes.
  def seconds
    before = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    yield
    Process.clock_gettime(Process::CLOCK_MONOTONIC) - before
  end

  # Repeats an expectation until it holds. For statistics, which are updated shortly after the client has its answer,
  # without an event.
  def eventually(limit: 3)
    deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + limit
    begin
      yield
    rescue RSpec::Expectations::ExpectationNotMetError
      raise if Process.clock_gettime(Process::CLOCK_MONOTONIC) > deadline

      Thread.pass
      retry
    end
  end

  def self.puma = @puma ||= PumaBackend.new

  def self.stop_puma = @puma&.stop

  def stop_everything
    (@threads || []).each(&:kill)
    (@started || []).reverse_each(&:stop)
    @certs&.remove
    FileUtils.rm_rf(@directory) if @directory
  end

  # Makes the example fail if the script of a backend failed.
  def raise_backend_errors
    error = (@started || []).grep(RawBackend).flat_map(&:errors).first
    raise error if error
  end

  private

  def started(peer)
    (@started ||= []) << peer
    peer
  end
end

RSpec.configure do |config|
  config.define_derived_metadata(file_path: %r{/spec/integration/}) { |metadata| metadata[:integration] = true }
  config.include Peers, :integration
  config.after(:suite) { Peers.stop_puma }
  config.around(:each, :integration) do |example|
    Timeout.timeout(TimeLimit.of(example)) { example.run }
    raise_backend_errors unless example.exception
  ensure
    stop_everything
  end
end
