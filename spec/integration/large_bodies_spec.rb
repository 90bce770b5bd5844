# frozen_string_literal: true

require "support/integration"

RSpec.describe "large bodies" do
  def mebibyte = 1024 * 1024

  # Writes until the other side takes no more for a while, then tells how much that was and goes on to the end.
  def write_all(connection, total, stalled)
    piece = "x" * mebibyte
    written = 0
    told = false
    while written < total
      case count = connection.io.write_nonblock(piece.byteslice(0, total - written), exception: false)
      when :wait_writable
        next if connection.io.wait_writable(0.3)

        stalled << written unless told
        told = true
        connection.io.wait_writable(10)
      else written += count
      end
    end
  end

  it "of 100 MB are posted to Puma in flat memory", time_limit: 60 do
    proxy = start_proxy_process("proxy backends: [#{puma.address.inspect}]")
    proxy.request("POST", "/digest", {}, "warm" * 100_000)
    body = Random.bytes(mebibyte) * 100
    response = nil
    growth = proxy.process.memory_growth { response = proxy.request("POST", "/digest", {}, body) }
    expect(JSON.parse(response.body)).to eq("size" => body.bytesize, "sha256" => Digest::SHA256.hexdigest(body))
    expect(growth).to be < 8 * mebibyte
  end

  it "of 1 GB reach a slow reader in flat memory: the backend waits", time_limit: 60 do
    total = 1024 * mebibyte
    stalled = Queue.new
    backend = start_backend do |connection|
      connection.read_request
      connection.write "HTTP/1.1 200 OK\r\nContent-Length: #{total}\r\n\r\n"
      write_all(connection, total, stalled)
    end
    proxy = start_proxy_process("proxy backends: [#{backend.address.inspect}]")
    client = proxy.connect
    received = 0
    growth = proxy.process.memory_growth do
      client.send_request("GET", "/")
      expect(stalled.pop).to be < 64 * mebibyte
      client.read_response { |piece| received += piece.bytesize }
    end
    expect(received).to eq(total)
    expect(growth).to be < 8 * mebibyte
  end
end
