# frozen_string_literal: true

require "support/integration"

RSpec.describe "clients that leave" do
  def descriptors(pid) = Dir.children("/proc/#{pid}/fd").length

  it "leave nothing behind: neither a descriptor nor a request at the backend" do
    backend = start_backend do |connection|
      connection.read_request
      connection.read_to_end # Nothing is answered; it ends when the proxy gives up.
    end
    proxy = start_proxy_process(<<~PROXYFILE)
      half_close_timeout 0.2
      proxy backends: ["#{backend.address}"]
    PROXYFILE
    before = descriptors(proxy.process.pid)
    200.times do |number|
      client = proxy.connect
      client.write("GET /#{number} HTTP/1.1\r\nHost: a\r\n\r\n")
      client.close
    end
    eventually(limit: 10) { expect(descriptors(proxy.process.pid)).to be <= before + 2 }
  end
end
