# frozen_string_literal: true

require "openssl"
require "open3"
require_relative "raw_client"

# A TLS client: Ruby's OpenSSL, or the command `openssl`.
class TlsClient < RawClient
  # Connects to a URL such as `https://127.0.0.1:8443`. `name` is the server name (SNI); other options go to the
  # context.
  def self.connect(url, name: "app.test", pair: nil, session: nil, **context)
    uri = URI(url)
    ssl = OpenSSL::SSL::SSLSocket.new(TCPSocket.new(uri.hostname, uri.port), context_of(pair, context))
    ssl.sync_close = true
    ssl.hostname = name if name
    # A copy, since OpenSSL treats a session that was used for a connection as spent.
    ssl.session = OpenSSL::SSL::Session.new(session.to_pem) if session
    ssl.connect
    new(ssl)
  rescue StandardError
    ssl&.close
    raise
  end

  def self.context_of(pair, settings)
    OpenSSL::SSL::SSLContext.new.tap do |context|
      context.cert, context.key = pair.certificate, pair.key if pair
      context.session_cache_mode = OpenSSL::SSL::SSLContext::SESSION_CACHE_CLIENT
      settings.each { |name, value| context.public_send(:"#{name}=", value) }
    end
  end
  private_class_method :context_of

  # The alert with which the server refuses the client. In TLS 1.3 it arrives after the client's handshake has
  # succeeded.
  def self.refusal(url, **options)
    client = connect(url, **options)
    client.send_request("GET", "/")
    client.io.readpartial(1)
    nil
  rescue OpenSSL::SSL::SSLError => e
    e.message[/alert (.*)/, 1] || e.message
  ensure
    client&.close
  end

  # A session that can be resumed. In TLS 1.3 tickets arrive after the handshake: the first response comes after them.
  def self.session(url, **options)
    got = nil
    client = connect(url, session_new_cb: ->((_, session)) { got = session }, **options)
    client.get
    client.close
    got
  end

  # Whether the server resumes the session.
  def self.resumes?(url, session, **options)
    client = connect(url, session: session, **options)
    client.get
    client.io.session_reused?
  ensure
    client&.close
  end

  # Names in the server's certificate.
  def names =
    io.peer_cert.extensions.find { |extension| extension.oid == "subjectAltName" }.value.gsub("DNS:", "").split(", ")

  # Output of `openssl s_client`. It sends `input` and ends after that, or when the server closes.
  def self.openssl(url, *options, input: "")
    uri = URI(url)
    out, = Open3
           .capture2e("openssl", "s_client", "-connect", "#{uri.hostname}:#{uri.port}", *options, stdin_data: input)
    out
  end
end
