# frozen_string_literal: true

require "json"
require "net/http"
require "openssl"
require_relative "go_program"

# The authority Pebble: ACME with all challenges, profiles, renewal windows and account bindings. See TestAuthority.
class Pebble
  # Profiles of its certificates with their life in seconds. If an order names none, it takes any of them.
  PROFILES = { "default" => 90 * 86_400 }.freeze

  # A key for `bindings`, in base64url.
  BINDING = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"

  # URL of its directory.
  attr_reader :url

  # `pair` is the certificate that it shows itself, `dns` the server that it asks for addresses and TXT records, and
  # `http` and `tls` are the ports where it looks for answers to challenges. `bad_nonces`: per cent of good nonces that
  # it refuses. `reused`: per cent of authorizations that it does not ask for again. `bindings`: keys by identifier; an
  # account then needs one.
  def initialize(pair:, dns:, http:, tls:, bad_nonces: 0, reused: 0, bindings: nil, profiles: PROFILES, strict: true,
                 chain: 1, retry_after: 1, blocked: [])
    environment = { "PEBBLE_VA_NOSLEEP" => "1", "PEBBLE_WFE_NONCEREJECT" => bad_nonces.to_s,
                    "PEBBLE_AUTHZREUSE" => reused.to_s, "PEBBLE_CHAIN_LENGTH" => chain.to_s }
    settings = { certificate: pair.certificate_file, privateKey: pair.key_file, httpPort: http, tlsPort: tls,
                 keyAlgorithm: "ecdsa", retryAfter: { authz: retry_after, order: retry_after },
                 externalAccountBindingRequired: !bindings.nil?, externalAccountMACKeys: bindings || {},
                 domainBlocklist: blocked,
                 profiles: profiles.transform_values { |seconds| { description: "", validityPeriod: seconds } } }
    @program = GoProgram.new("pebble", ports: 2, environment: environment) do |folder, port, management|
      @url = "https://127.0.0.1:#{port}/dir"
      @management = URI("https://127.0.0.1:#{management}")
      listen = { listenAddress: "127.0.0.1:#{port}", managementListenAddress: "127.0.0.1:#{management}" }
      File.write("#{folder}/config.json", JSON.generate(pebble: settings.merge(listen)))
      ["-config", "#{folder}/config.json", *("-strict" if strict), "-dnsserver", dns]
    end
  end

  # Number of orders that it took. A refused nonce is none.
  def orders = log.scan(/Added order "/).size

  # Number of accounts that it made.
  def accounts = log.scan(/There are now \d+ accounts in memory/).size

  # Number of certificates that it issued.
  def issued = log.scan(/Issued certificate serial/).size

  def log = @program.log

  # Its root, which clients trust: another one with each start.
  def root = OpenSSL::X509::Certificate.new(ask(Net::HTTP::Get.new("/roots/0")))

  # A store that trusts its root.
  def store = OpenSSL::X509::Store.new.tap { |store| store.add_cert(root) }

  # Answers the question when to renew `certificate` with `from` to `to`.
  def suggest_renewal(certificate, from, to)
    window = { suggestedWindow: { start: from.utc.strftime("%FT%TZ"), end: to.utc.strftime("%FT%TZ") } }
    post("/set-renewal-info/", Certificate: certificate.to_pem, ARIResponse: JSON.generate(window))
  end

  def stop = @program.stop

  private

  def post(path, body)
    ask(Net::HTTP::Post.new(path, "Content-Type" => "application/json").tap { |post| post.body = JSON.generate(body) })
  end

  def ask(request)
    response = Net::HTTP.start(@management.host, @management.port, use_ssl: true,
                                                                   verify_mode: OpenSSL::SSL::VERIFY_NONE) do |http|
      http.request(request)
    end
    raise "Pebble says #{response.code} to #{request.path}: #{response.body}" unless response.is_a?(Net::HTTPSuccess)

    response.body
  end
end
