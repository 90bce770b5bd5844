# frozen_string_literal: true

require_relative "integration"
require_relative "tls_client"
require_relative "acme/challenge_door"
require_relative "acme/challenge_server"
require_relative "acme/front"
require_relative "acme/managed_process"
require_relative "acme/pebble"
require_relative "acme/provider_api"

# An authority with all that it needs: Pebble, its DNS server, and the door through which it looks for answers to
# challenges.
#
#   authority = start_authority
#   proxy = start_proxy(bind: nil) { acme(**authority.options, storage: directory); … }
#   authority.lead_to(proxy)
#   await_certificate(proxy, "app.test")
class TestAuthority
  attr_reader :pebble, :dns, :door, :certs

  # `pair` is the certificate of its directory; the further options are Pebble's.
  def initialize(certs, pair: certs.server("127.0.0.1"), **options)
    @certs = certs
    @door = ChallengeDoor.new
    @dns = ChallengeServer.new
    @pebble = Pebble.new(pair: pair, dns: dns.address, http: door.http, tls: door.tls, **options)
  end

  # URL of its directory.
  def url = pebble.url

  # Options of `acme` for it.
  def options(url: self.url) = { authority: url, ca_file: certs.ca_file }

  # Answers to challenges are at these proxies from now on.
  def lead_to(*proxies) = door.lead_to(proxies.flat_map { |proxy| AcmePeers.urls(proxy) })

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
  # Several authorities are asked in turn.
  def start_managed(authority, *hosts, url: nil, **options, &configuration)
    all = [authority].flatten
    acme = { storage: directory, **all.first.options(url: url || all.map(&:url)), **options }.compact
    start_proxy(bind: "http://127.0.0.1:0") do
      bind "https://0.0.0.0:0" # At an address of this machine alone it would have a certificate for development.
      acme(**acme)
      hosts.each { |name| host(name) { static_response body: "hello from #{name}" } }
      instance_exec(&configuration) if configuration
    end.tap { |proxy| all.each { |one| one.lead_to(proxy) } }
  end

  # Cloudflare's API in front of the authority's DNS server.
  def start_provider_api(authority, *zones) = started(ProviderApi.new(authority.dns, zones))

  # A proxy of the same kind in a process of its own, with the same defaults.
  def start_managed_process(authority, *hosts, url: authority.url, acme: {}, **options)
    acme = { storage: directory, **authority.options(url: url), **acme }
    started(ManagedProcess.new(*hosts, acme: acme, **options)).tap { |process| authority.lead_to(process) }
  end

  # Addresses where a proxy listens.
  def self.urls(proxy) = proxy.respond_to?(:urls) ? proxy.urls : proxy.server.urls

  # URL where a proxy speaks TLS.
  def https(proxy) = AcmePeers.urls(proxy).find { |url| url.start_with?("https:") }

  # The certificate that the proxy shows for `name`, `nil` if it refuses the handshake.
  def certificate(proxy, name)
    client = TlsClient.connect(https(proxy), name: name)
    client.io.peer_cert
  rescue OpenSSL::SSL::SSLError
    nil
  ensure
    client&.close
  end

  # Waits until the proxy shows a certificate for `name`, other than `unlike`, and returns it.
  def await_certificate(proxy, name, unlike: nil, limit: 25)
    deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + limit
    until (shown = certificate(proxy, name)) && managed?(shown) && shown.serial != unlike&.serial
      late = Process.clock_gettime(Process::CLOCK_MONOTONIC) > deadline
      raise Wire::Late, "no certificate for #{name} within #{limit} s" if late

      sleep 0.02 # A handshake tells that there is one, and nothing else does at once.
    end
    shown
  end

  # Names of a certificate.
  def names_of(certificate)
    names = certificate.extensions.find { |extension| extension.oid == "subjectAltName" }
    names.value.gsub("DNS:", "").split(", ")
  end

  # Whether an authority of these tests has signed the certificate: others are for development.
  def managed?(certificate) = certificate.issuer.to_s.include?("Pebble")

  # What the proxy itself says about the certificate of `name`.
  def listed(proxy, name) = proxy.server.certificates.find { |one| one.names.include?(name) }

  # Waits until what it says holds, and returns it.
  def await_listed(proxy, name, limit: 25)
    eventually(limit: limit) do
      expect(yield(listed(proxy, name))).to be_truthy, -> { "it says: #{listed(proxy, name).inspect}" }
    end
    listed(proxy, name)
  end
end

RSpec.configure { |config| config.include AcmePeers, :acme }
