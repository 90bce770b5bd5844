# frozen_string_literal: true

require_relative "integration"
require_relative "tls_client"
require_relative "acme/challenge_door"
require_relative "acme/challenge_server"
require_relative "acme/front"
require_relative "acme/pebble"

# An authority with all that it needs: Pebble, its DNS server, and the door through which it looks for answers to
# challenges.
#
#   authority = start_authority
#   proxy = start_proxy(bind: nil) { acme(**authority.options, storage: directory); … }
#   authority.lead_to(proxy)
#   await_certificate(proxy, "app.test")
class TestAuthority
  attr_reader :pebble, :dns, :door, :certs

  # The options are Pebble's.
  def initialize(certs, **options)
    @certs = certs
    @door = ChallengeDoor.new
    @dns = ChallengeServer.new
    @pebble = Pebble.new(pair: certs.server("127.0.0.1"), dns: dns.address, http: door.http, tls: door.tls, **options)
  end

  # URL of its directory.
  def url = pebble.url

  # Options of `acme` for it.
  def options(url: self.url) = { authority: url, ca_file: certs.ca_file }

  # Answers to challenges are at these proxies from now on.
  def lead_to(*proxies) = door.lead_to(proxies.flat_map { |proxy| proxy.is_a?(String) ? proxy : proxy.server.urls })

  # A server in front of it that can spoil its answers: see AcmeFront.
  def front(pair = certs.server("127.0.0.1")) = AcmeFront.new(url, pair, certs)

  def orders = pebble.orders

  def stop = [pebble, dns, door].each(&:stop)
end

# What examples about certificates share.
module AcmePeers
  def start_authority(**options) = started(TestAuthority.new(certs, **options))

  def start_front(authority, *pair) = started(authority.front(*pair))

  # A proxy at a plain and a TLS address, to which the authority comes with its challenges. The block is its Proxyfile;
  # `options` are those of `acme`. Its storage is `directory` unless given.
  def start_managed(authority, *hosts, url: authority.url, **options, &configuration)
    acme = { storage: directory, **authority.options(url: url), **options }
    start_proxy(bind: "http://127.0.0.1:0") do
      bind "https://127.0.0.1:0"
      acme(**acme)
      hosts.each { |name| host(name) { static_response body: "hello from #{name}" } }
      instance_exec(&configuration) if configuration
    end.tap { |proxy| authority.lead_to(proxy) }
  end

  # URL where a proxy speaks TLS.
  def https(proxy) = proxy.server.urls.find { |url| url.start_with?("https:") }

  # The certificate that the proxy shows for `name`, `nil` if it refuses the handshake.
  def certificate(proxy, name)
    client = TlsClient.connect(proxy.is_a?(String) ? proxy : https(proxy), name: name)
    client.io.peer_cert
  rescue OpenSSL::SSL::SSLError
    nil
  ensure
    client&.close
  end

  # Waits until the proxy shows a certificate for `name`, other than `unlike`, and returns it.
  def await_certificate(proxy, name, unlike: nil, limit: 15)
    deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + limit
    until (shown = certificate(proxy, name)) && shown.serial != unlike&.serial
      late = Process.clock_gettime(Process::CLOCK_MONOTONIC) > deadline
      raise Wire::Late, "no certificate for #{name} within #{limit} s" if late

      sleep 0.02 # A handshake tells that there is one, and nothing else does at once.
    end
    shown
  end
end

RSpec.configure { |config| config.include AcmePeers, :acme }
