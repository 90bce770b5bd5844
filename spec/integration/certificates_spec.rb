# frozen_string_literal: true

require "support/integration"

RSpec.describe "Proxy::Server#certificates" do
  # Nobody listens at port 1, so that no order gets anywhere.
  def start_with_acme(names)
    site = certs.server("app.test")
    pem = File.join(directory, "site.pem")
    File.write(pem, site.certificate.to_pem + site.key.to_pem)
    storage = File.join(directory, "acme")
    start_proxy(bind: nil) do
      acme storage: storage, authority: "https://127.0.0.1:1/directory"
      bind "https://127.0.0.1:0", certificate: pem
      bind "https://0.0.0.0:0"
      host(*names) { static_response body: "" }
    end
  end

  it "lists those of binds and those that are ordered" do
    server = start_with_acme(%w[a.test www.a.test]).server
    certificates = server.certificates
    of_bind, *managed = certificates

    expect([of_bind.kind, of_bind.names, of_bind.bind]).to eq([:file, ["app.test"], "https://127.0.0.1:0"])
    expect(of_bind.expires).to be > Time.now
    expect(managed.map { |one| [one.kind, one.names, one.expires] })
      .to eq([[:managed, ["a.test"], nil], [:managed, ["www.a.test"], nil]])
    expect(certificates).to all(be_frozen)

    server.stop
    expect(server.certificates).to eq([])
  end

  it "renews early what there is, and says what there is" do
    server = start_with_acme(%w[a.test]).server

    expect(server.renew_certificate("A.test")).to be(server)
    expect { server.renew_certificate("b.test") }
      .to raise_error(ArgumentError, '"b.test" is not in a managed certificate: there are a.test')
    server.reload do
      bind "http://127.0.0.1:0"
      static_response body: ""
    end
    expect { server.renew_certificate("a.test") }
      .to raise_error(ArgumentError, "the configuration has no acme, so there is nothing to renew")
  end
end
