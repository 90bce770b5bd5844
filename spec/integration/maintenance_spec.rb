# frozen_string_literal: true

require "support/integration"
require "socket"

RSpec.describe "maintenance" do
  def statuses(proxy, *headers) = headers.map { |fields| proxy.get("/", fields).status }

  describe "by a file" do
    it "begins and ends within moments, with a page for browsers and JSON for programs" do
      file = "#{directory}/maintenance.txt"
      File.write("#{directory}/503.html", "<h1>Back soon</h1>")
      page = "#{directory}/503.html"
      address = puma.address
      proxy = start_proxy do
        maintenance if_file: file, page: page, message: "Back at nine.", retry_after: 120,
                    bypass_cookie: "preview=0123456789abcdef"
        proxy backends: [address]
      end
      expect(proxy.get.status).to eq(200)
      FileUtils.touch(file)
      eventually(limit: 10) { expect(proxy.get.status).to eq(503) }
      browser = proxy.get("/", "Accept" => "text/html,*/*;q=0.8")
      expect([browser.body, browser["Retry-After"]]).to eq(["<h1>Back soon</h1>", "120"])
      program = proxy.get("/", "Accept" => "application/json")
      expect(JSON.parse(program.body)).to include("message" => "Back at nine.", "code" => 503)
      expect(statuses(proxy, { "Cookie" => "preview=0123456789abcdef" }, { "Cookie" => "preview=0123456789abcdeX" }))
        .to eq([200, 503])
      FileUtils.rm(file)
      eventually(limit: 10) { expect(proxy.get.status).to eq(200) }
    end

    it "holds as long as the line stands there, without a file" do
      proxy = start_proxy do
        maintenance allow: %w[10.0.0.0/8]
        static_response body: "ok"
      end
      expect(proxy.get.status).to eq(503)
      proxy.server.reload do
        bind "http://127.0.0.1:0"
        maintenance allow: %w[127.0.0.1]
        static_response body: "ok"
      end
      expect(proxy.get.status).to eq(200)
    end
  end

  describe "at run time" do
    let(:address) { puma.address }

    it "is of one upstream, and its cookie lets a browser in" do
      app = address
      proxy = start_proxy do
        upstream "app", backends: [app]
        upstream "other", backends: [app]
        location("/other") { proxy to: "http://other{path}" }
        proxy to: "http://app{path}"
      end
      cookie = proxy.server.maintenance("app", message: "Back at nine.", bypass: true)
      expect(cookie).to match(/\Aproxy_bypass=\h{48}\z/)
      refused = proxy.get
      expect([refused.status, refused["Retry-After"], refused.body]).to match([503, "60", /Back at nine/])
      expect([proxy.get("/other").status, proxy.get("/", "Cookie" => cookie).status]).to eq([200, 200])
      invited = proxy.get("/page?#{cookie}")
      expect([invited.status, invited["Location"], invited["Set-Cookie"]])
        .to eq([303, "/page", "#{cookie}; Path=/; HttpOnly; SameSite=Lax"])
      expect(proxy.get("/page?x=1&#{cookie}&y=2")["Location"]).to eq("/page?x=1&y=2")
      expect(proxy.get("//evil.example?#{cookie}&x=1")["Location"]).to eq("/?x=1")
      expect([proxy.get("//evil.example?#{cookie}")["Location"], proxy.get("/?#{cookie}x").status]).to eq(["/", 503])
      expect(proxy.server.end_maintenance("app")).to be(proxy.server)
      expect(proxy.get.status).to eq(200)
    end

    it "is of all upstreams, kept over a reload, and ends with `resume`" do
      app = address
      proxy = start_proxy { proxy backends: [app] }
      expect(proxy.server.maintenance(allow: %w[10.0.0.0/8], retry_after: 5)).to be_nil
      proxy.server.reload
      response = proxy.get
      expect([response.status, response["Retry-After"]]).to eq([503, "5"])
      proxy.server.resume
      expect(proxy.get.status).to eq(200)
    end

    it "refuses what is wrong" do
      app = address
      proxy = start_proxy { proxy backends: [app] }
      expect { proxy.server.maintenance("nobody") }.to raise_error(ArgumentError, /"nobody" is not a valid upstream/)
      expect { proxy.server.maintenance(allow: %w[ten]) }
        .to raise_error(ArgumentError, /allow: "ten" is not a valid address or network: write one such as/)
      expect(proxy.get.status).to eq(200)
    end
  end

  describe "over the control API" do
    # One call; the status and what the answer says.
    def call(method, path, body = nil)
      UNIXSocket.open(@socket) do |socket|
        text = body ? JSON.generate(body) : ""
        socket.write("#{method} #{path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" \
                     "Content-Type: application/json\r\nContent-Length: #{text.bytesize}\r\n\r\n#{text}")
        head, answer = socket.read.split("\r\n\r\n", 2)
        [head[/\d{3}/].to_i, JSON.parse(answer, symbolize_names: true)]
      end
    end

    def upstream(name) = call("GET", "/status").last[:upstreams].find { |one| one[:name] == name }

    before do
      @socket = path = "#{directory}/control.sock"
      app = puma.address
      @proxy = start_proxy do
        control "unix:#{path}"
        upstream "app", backends: [app]
        upstream "v2", backends: [app]
        split "v2" => 0
        proxy to: "http://app{path}"
      end
    end

    it "pauses and resumes" do
      expect(upstream("app").values_at(:paused, :maintenance)).to eq([nil, nil])
      status, told = call("POST", "/pause", { upstream: "app", seconds: 600 })
      expect([status, told.dig(:upstream, :paused, :held)]).to eq([200, 0])
      client = @proxy.connect
      client.send_request("GET", "/")
      eventually { expect(upstream("app").dig(:paused, :held)).to eq(1) }
      expect(upstream("app").dig(:paused, :until)).to be_within(60).of(Time.now.to_f + 600)
      expect(call("POST", "/resume", { upstream: "app" }).first).to eq(200)
      expect([client.read_response.status, upstream("app")[:paused]]).to eq([200, nil])
    end

    it "begins and ends maintenance, and never shows the secret again" do
      status, told = call("POST", "/maintenance", { upstream: "app", message: "Back at nine.", bypass: true })
      expect([status, told[:bypass]]).to match([200, %r{\A/\?proxy_bypass=\h+\z}])
      expect(told[:cookie]).to eq(told[:bypass].delete_prefix("/?"))
      expect(@proxy.get("/", "Cookie" => told[:cookie]).status).to eq(200)
      expect([@proxy.get.status, upstream("app")[:maintenance]])
        .to eq([503, { message: "Back at nine.", allow: [], retry_after: 60 }])
      expect(call("GET", "/status").last.to_s).not_to include(told[:cookie].split("=").last)
      expect(call("POST", "/maintenance", { upstream: "app", off: true }).first).to eq(200)
      expect(call("POST", "/maintenance").first).to eq(200)
      expect([@proxy.get.status, call("GET", "/status").last.dig(:maintenance, :retry_after)]).to eq([503, 60])
      call("POST", "/maintenance", { off: true })
      expect(@proxy.get.status).to eq(200)
    end

    it "changes the percentage of a split" do
      expect(call("POST", "/rollout", { upstream: "v2", percent: 100 }).first).to eq(200)
      @proxy.get
      counts = @proxy.stats[:backends].to_h { |backend| backend.values_at(:upstream, :requests) }
      expect(counts).to eq("app" => 0, "v2" => 1)
    end

    it "refuses what does not fit, with a reason" do
      expect(call("POST", "/pause", { upstream: "shop" })).to match([404, include(error: /write one of app, v2/)])
      expect(call("POST", "/pause")).to match([422, include(error: /`upstream` is missing/)])
      expect(call("POST", "/pause", { upstream: "app", fro: 1 })).to match([422, include(error: /unknown field `fro`/)])
      expect(call("POST", "/rollout", { upstream: "v2", percent: 101 })).to match([422, include(error: /0 to 100/)])
      expect(call("POST", "/rollout", { upstream: "app", percent: 1 })).to match([404, include(error: /one of v2/)])
    end
  end
end
