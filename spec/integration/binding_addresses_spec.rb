# frozen_string_literal: true

require "support/integration"
require "support/free_ports"

RSpec.describe "bind" do
  it "takes a free port for port 0 and tells which" do
    proxy = start_proxy { static_response body: "ok" }
    expect(proxy.server.urls).to match([%r{\Ahttp://127\.0\.0\.1:[1-9]\d*\z}])
  end

  it "listens on IPv6" do
    proxy = start_proxy(bind: "http://[::1]:0") { static_response body: "ok" }
    expect(proxy.url).to match(%r{\Ahttp://\[::1\]:[1-9]\d*\z})
    expect(proxy.get.body).to eq("ok")
  end

  it "listens on one port of IPv4 and of IPv6" do
    port = FreePorts.one
    proxy = start_proxy(bind: "http://0.0.0.0:#{port}") do
      bind "http://[::]:#{port}"
      static_response body: "ok"
    end
    expect(proxy.server.urls).to eq(["http://0.0.0.0:#{port}", "http://[::]:#{port}"])
    expect(%w[127.0.0.1 [::1]].map { |host| RawClient.request("http://#{host}:#{port}", "GET", "/").body })
      .to eq(%w[ok ok])
  end

  it "says what to write in place of a unix socket that is in use" do
    path = File.join(directory, "proxy.sock")
    taken = UNIXServer.new(path)
    expect { Proxy.start(binds: ["unix://#{path}"]) { static_response body: "ok" } }
      .to raise_error(Proxy::BindError, "bind: unix://#{path}: a program listens there: stop it, or write another path")
  ensure
    taken&.close
  end

  it "listens on a unix socket and removes it when it stops" do
    path = File.join(directory, "proxy.sock")
    proxy = start_proxy(bind: "unix://#{path}") { static_response body: "ok" }
    expect(proxy.get.body).to eq("ok")
    proxy.server.stop(timeout: 1)
    expect(File.exist?(path)).to be(false)
  end

  it "takes over a unix socket that a dead server left behind" do
    path = File.join(directory, "proxy.sock")
    UNIXServer.new(path).close
    expect(start_proxy(bind: "unix://#{path}") { static_response body: "ok" }.get.body).to eq("ok")
  end

  it "listens on several addresses at once" do
    proxy = start_proxy do
      bind "http://127.0.0.1:0"
      static_response body: "ok"
    end
    expect(proxy.server.urls.size).to eq(2)
    expect(proxy.server.urls.map { |url| RawClient.request(url, "GET", "/").body }).to eq(%w[ok ok])
  end

  it "raises Proxy::BindError, with file and line, for a port in use" do
    taken = TCPServer.new("127.0.0.1", 0)
    url = "http://127.0.0.1:#{taken.local_address.ip_port}"
    line = nil
    expect do
      Proxy.start do
        line = __LINE__ + 1
        bind url
        static_response body: "ok"
      end
    end.to raise_error(Proxy::BindError) { |error|
      expect(error.message).to include("#{File.basename(__FILE__)}:#{line}").and include(url)
    }
  ensure
    taken&.close
  end

  it "leaves nothing bound when another address is in use" do
    taken = TCPServer.new("127.0.0.1", 0)
    free = FreePorts.one
    expect do
      Proxy.start do
        bind "http://127.0.0.1:#{free}"
        bind "http://127.0.0.1:#{taken.local_address.ip_port}"
        static_response body: "ok"
      end
    end.to raise_error(Proxy::BindError)
    expect { TCPSocket.new("127.0.0.1", free) }.to raise_error(Errno::ECONNREFUSED)
  ensure
    taken&.close
  end

  it "leaves nothing bound when the configuration is wrong" do
    free = FreePorts.one
    expect do
      Proxy.start do
        bind "http://127.0.0.1:#{free}"
        proxy backends: ["127.0.0.1:http"]
      end
    end.to raise_error(Proxy::ConfigurationError)
    expect { TCPSocket.new("127.0.0.1", free) }.to raise_error(Errno::ECONNREFUSED)
  end
end
