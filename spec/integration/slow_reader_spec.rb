# frozen_string_literal: true

require "support/integration"

RSpec.describe "a client that reads slowly and steadily" do
  # Reads pieces at such a pace that the system tells of room in its buffer more seldom than the time limit, then the
  # rest. Returns the length of the body.
  def read_slowly(url, path)
    socket = Socket.new(:INET, :STREAM)
    socket.setsockopt(:SOCKET, :RCVBUF, 65_536)
    socket.setsockopt(:TCP, Socket::TCP_MAXSEG, 1460)
    socket.connect(Socket.sockaddr_in(URI(url).port, "127.0.0.1"))
    socket.write("GET #{path} HTTP/1.1\r\nHost: example.test\r\nConnection: close\r\n\r\n")
    read = +""
    30.times do
      sleep 0.1
      read << socket.readpartial(16_384)
    end
    read << socket.read
    read.bytesize - read.index("\r\n\r\n") - 4
  ensure
    socket&.close
  end

  before { File.binwrite("#{directory}/large.bin", "x" * 20_000_000) }

  { "a file" => "/files/large.bin", "a backend's response" => "/app" }.each do |what, path|
    it "gets the whole of #{what}, however short the limit of silence is" do
      folder = directory
      backend = backend_answering("x" * 20_000_000)
      address = backend.address
      proxy = start_proxy do
        client_body_timeout 1
        location("/files/*") { static_files root: folder, try_files: ["{path|strip_prefix:/files}"] }
        proxy backends: [address]
      end
      expect(read_slowly(proxy.url, path)).to eq(20_000_000)
    end
  end
end
