# frozen_string_literal: true

require "support/integration"

# Whatever way a protected path is written in, the protection is met, or the request is refused.
RSpec.describe "a protected path" do
  def status_of(target, host: "example.test", &configuration)
    configuration ||= lambda do |_ = nil|
      location("/admin/*") { static_response code: 403, body: "" }
      static_response body: "open"
    end
    start_proxy(&configuration).get(target, "Host" => host).status
  end

  %w[/admin /admin/ /admin/x //admin/x /admin//x ///admin /./admin/x /x/../admin/x /%2e/admin /x/%2e%2e/admin/x
     /x/.%2E/admin /%61dmin/x
     /%61%64%6D%69%6E /admin/%2e/x /admin/x/%2e%2e http://example.test/admin http://example.test//admin/x
     /admin?x /admin/?/../.. /admin/%2F /admin/a%2Fb /%2561dmin/../admin].each do |target|
    it("is met by #{target}") { expect(status_of(target)).to eq(403) }
  end

  %w[/admin%2Fx /admin%2fx /admin%2F /%2Fadmin/x /x/..%2Fadmin /x%2F..%2Fadmin /admin%5C..%5Cx /x/%2e%2e%2Fadmin /..
     /../admin /%2e%2e/admin
     /admin/..%2f /admin\\x /admin/%00 /admin/% /x/..;/admin /x/..;y=1/admin
     /x/..%3b/admin /x%2F..;/admin].each do |target|
    it("is not asked for by #{target}, which is refused") { expect(status_of(target)).to eq(400) }
  end

  %w[/ /x /admin%2fx/../ /administrator /ADMIN /%41dmin /admin.x /x/admin /admin/.. /admin/%2e%2e/x /%2561dmin
     /admin;x].each do |target|
    it("is another than #{target}") { expect(status_of(target)).to eq(200) }
  end

  it "closes the connection after a path that can be read in two ways" do
    client = start_proxy { location("/admin/*") { static_response code: 403, body: "" } }.connect
    response = client.get("/admin%2Fx")
    expect([response.status, response["Connection"]]).to eq([400, "close"])
    expect(client).to be_closed
  end

  it "asks no backend about a path that can be read in two ways" do
    backend = start_backend
    proxy = start_proxy(to: backend) do
      location("/admin/*") { static_response code: 403, body: "" }
    end
    expect([proxy.get("/admin%2Fx").status, proxy.get("/x%2Fadmin").status]).to eq([400, 200])
    expect(backend.requests.map(&:target)).to eq(["/x%2Fadmin"])
  end

  it "is met by its host in any spelling" do
    statuses = ["admin.test", "ADMIN.test", "admin.test.", "Admin.Test.:8080", "admin.test:443"].map do |host|
      status_of("/", host: host) do
        host("admin.test") { static_response code: 403, body: "" }
        static_response body: "open"
      end
    end
    expect(statuses).to all(eq(403))
  end

  it "is met by the host of an absolute target, whatever the Host field says" do
    configuration = lambda do |_ = nil|
      host("admin.test") { static_response code: 403, body: "" }
      static_response body: "open"
    end
    expect(status_of("http://ADMIN.test./x", host: "open.test", &configuration)).to eq(403)
    expect(status_of("http://open.test/x", host: "admin.test", &configuration)).to eq(200)
  end

  it "is met by the host of an absolute target in a field that is made of Host as well" do
    backend = start_backend
    proxy = start_proxy(to: backend, headers: { "Host" => { rewrite: "{Host}" } })
    proxy.get("http://open.test/x", "Host" => "admin.test")
    expect(backend.requests.first["Host"]).to eq("open.test")
  end

  it "is met by a Regexp whatever line breaks are in the path" do
    ["/admin/x", "/admin/%0A", "/admin/x%0Ay", "/admin/%0D%0A%0A"].each do |target|
      [%r{\A/admin/.*\z}, %r{^/admin/(.*)$}, %r{#{%r{/admin/}}(?-m:.*)$}, "/admin/:rest(.*)"].each do |pattern|
        status = status_of(target) do
          location(pattern) { static_response code: 403, body: "" }
          static_response body: "open"
        end
        expect(status).to eq(403), "#{target} #{pattern.inspect}"
      end
    end
  end

  it "is met by its port, whatever port the Host field names" do
    status = lambda do |ports, host|
      status_of("/", host: host) do
        location(ports: ports) { static_response code: 403, body: "" }
        static_response body: "open"
      end
    end
    expect(status.call([8443], "example.test:8443")).to eq(200)
  end

  describe "behind path_prefix" do
    def reached(target, **options)
      backend = start_backend
      proxy = start_proxy do
        proxy backends: [backend.address], path_prefix: "/api", **options
        static_response code: 404, body: ""
      end
      response = proxy.get(target)
      response.status == 200 ? backend.requests.first.target : response.status
    end

    { "//api/x" => "//api/x", "/%61pi/x" => "/%61pi/x", "/api%2Fx" => 400, "/api/a%2Fb" => "/api/a%2Fb",
      "/apis" => 404 }.each do |target, seen|
      it("takes #{target} to #{seen}") { expect(reached(target)).to eq(seen) }
    end

    { "//api/x" => "/x", "/%61pi/x%20y?z" => "/x%20y?z", "/%61pi" => "/", "/api//x" => "//x",
      "/api/a%2Fb" => "/a%2Fb" }.each do |target, seen|
      it("with strip_prefix turns #{target} into #{seen}") { expect(reached(target, strip_prefix: true)).to eq(seen) }
    end
  end
end
