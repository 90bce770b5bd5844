# frozen_string_literal: true

require "support/integration"

RSpec.describe "fields in the access log" do
  # The lines that were written for the requests of the block.
  def logged(format, configuration)
    file = File.join(directory, "access.log")
    proxy = start_proxy do
      access_log format, to: file
      instance_exec(&configuration)
    end
    yield proxy
    proxy.server.stop(timeout: 2)
    File.readlines(file, chomp: true)
  end

  it "of a request are those that the client sent, whatever the backend got" do
    address = start_backend.address
    changes = { "User-Agent" => nil, "Referer" => "ours", "X-One" => "ours" }
    lines = logged("{Host} {User-Agent} {Referer} {X-One} {Via}",
                   -> { proxy backends: [address], headers: changes }) do |proxy|
      proxy.get("/", "Host" => "client.test", "User-Agent" => "spec", "Referer" => "theirs", "X-One" => "1")
    end
    expect(lines).to eq(["client.test spec theirs 1 1.1 proxy"])
  end

  it "of a request are those that were verified, where something verifies them" do
    address = start_backend.address
    judge = backend_answering("", { "X-Auth-User" => "bob" }).address
    configuration = lambda do
      forward_auth to: "http://#{judge}/", copy_headers: %w[X-Auth-User X-Auth-Role]
      proxy backends: [address]
    end
    lines = logged("{X-Auth-User} {X-Auth-Role} {X-One}", configuration) do |proxy|
      proxy.get("/", "X-Auth-User" => "admin", "X-Auth-Role" => "admin", "X-One" => "1")
    end
    expect(lines).to eq(["bob - 1"])
  end

  it "of a response are never those of an earlier one" do
    address = backend_answering("ok", { "X-Account" => "alice" }).address
    refusing = refusing_backend.address
    configuration = lambda do
      location("/broken") { proxy backends: [refusing] }
      location("/static") { static_response body: "ok" }
      proxy backends: [address]
    end
    lines = logged("{path} {X-Account}", configuration) do |proxy|
      %w[/ /static /broken].each { |path| proxy.get(path) }
    end
    expect(lines.first).to eq("/ alice")
    expect(lines.drop(1).join).not_to include("alice")
  end

  it "of a response that was replaced by an error are not logged" do
    backend = start_backend do |connection|
      connection.read_request
      connection.write "HTTP/1.1 200 OK\r\nX-Account: alice\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"
    end
    address = backend.address
    lines = logged("{status} {X-Account}", -> { proxy backends: [address] }, &:get)
    expect(lines.join).to start_with("502").and(satisfy { |line| !line.include?("alice") })
  end
end
