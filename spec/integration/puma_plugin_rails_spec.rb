# frozen_string_literal: true

require "support/integration"
require "support/puma_with_plugin"
require "support/rails_application"
require "support/web_socket"

RSpec.describe "plugin :proxy with `rails server`", order: :defined, time_limit: 60 do
  before(:all) do
    routes = RailsApplication::FILES["config/routes.rb"].sub("post", "get \"address\" => \"pages#address\"\n  post")
    pages = RailsApplication::FILES["app/controllers/pages_controller.rb"]
            .sub(/^end$/, "  def address = render(plain: [request.remote_ip, request.protocol].join(\" \"))\nend")
    changed = { "config/routes.rb" => routes, "app/controllers/pages_controller.rb" => pages }
    @application = RailsApplication.new(files: RailsApplication::FILES.merge(changed))
    path = File.join(@application.directory, "config/puma.rb")
    File.write(path, "#{File.read(path)}\nplugin :proxy\nlocation(\"/fixed\") { static_response body: \"fixed\" }\n")
    File.write(File.join(@application.directory, "Gemfile"), "gem \"proxy\", path: #{Dir.pwd.dump}\n", mode: "a")
    @url = @application.serve("bin/rails", "server", "-b", "127.0.0.1", "-p", "0")
  end

  after(:all) { @application.stop }

  def client = RawClient.connect(@url, limit: 20)

  it "listens where `rails server` was told to, and knows the host that was asked for" do
    page = client.get("/", "Host" => "shop.example.com")
    expect(page.body.split.first(2)).to eq(%w[1 http://shop.example.com/])
    expect(client.get("/fixed").body).to eq("fixed")
  end

  it "opens Action Cable's WebSocket for its own origin" do
    fields = { "Host" => "shop.example.com", "Sec-WebSocket-Protocol" => "actioncable-v1-json",
               "Origin" => "http://shop.example.com" }
    socket = WebSocket.new(client, "/cable", fields)
    expect(socket).to be_open
    echo = CableClient.new(socket, "EchoChannel")
    echo.subscribe
    echo.perform("echo", text: "hello")
    expect(echo.receive).to eq("text" => "hello")
  end

  it "gives Rails the client's address and scheme, which a client cannot forge" do
    forged = { "X-Forwarded-For" => "1.2.3.4", "X-Forwarded-Proto" => "https" }
    expect(client.get("/address", forged).body).to eq("127.0.0.1 http://")
  end

  it "ends with the server" do
    @application.terminate
    expect { TCPSocket.new("127.0.0.1", @url[/\d+\z/].to_i) }.to raise_error(Errno::ECONNREFUSED)
  end
end
