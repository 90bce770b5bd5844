# frozen_string_literal: true

require "support/integration"

RSpec.describe "fork" do
  # Runs the block in a forked child and returns what it made of it.
  def in_child
    reader, writer = IO.pipe
    pid = fork do
      reader.close
      writer.write(Marshal.dump(yield))
      writer.close
      exit!(0)
    end
    writer.close
    Marshal.load(reader.read)
  ensure
    Process.wait(pid)
  end

  it "leaves the child with a server that reports itself stopped" do
    server = start_proxy { static_response body: "ok" }.server
    expect(in_child { server.stopped? }).to be(true)
  end

  it "lets the child's stop and finaliser do nothing to the parent's server" do
    proxy = start_proxy { static_response body: "ok" }
    server = proxy.server
    in_child do
      server.stop(timeout: 0)
      server = nil
      GC.start
      true
    end
    expect(proxy.get.body).to eq("ok")
    expect(proxy.server).not_to be_stopped
  end

  it "lets the child start a server of its own" do
    start_proxy { static_response body: "parent" }
    body = in_child do
      server = Proxy.start do
        bind "http://127.0.0.1:0"
        static_response body: "child"
      end
      RawClient.request(server.urls.first, "GET", "/").body.tap { server.stop(timeout: 1) }
    end
    expect(body).to eq("child")
  end
end
