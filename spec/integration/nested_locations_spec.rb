# frozen_string_literal: true

require "support/integration"

RSpec.describe "a location inside of another" do
  def answers(*paths, &configuration)
    client = start_proxy(&configuration).connect
    paths.map { |path| client.get(path).then { |response| response.status == 404 ? 404 : response.body } }
  end

  it "goes on where the path around it ends" do
    result = answers("/v1/users/7", "/v1/users", "/v1", "/users/7", "/v1/other", "/v2/users/7") do
      location "/v1" do
        location("/users/:id") { static_response body: "user" }
        location("/users") { static_response body: "users" }
      end
    end
    expect(result).to eq(["user", "users", 404, 404, 404, 404])
  end

  it "sees its captures and those around it" do
    backend = start_backend
    proxy = start_proxy do
      location "/:tenant/*" do
        location("/users/:id([0-9]+)") { proxy to: "http://b.test/{tenant}/{id}", backends: [backend.address] }
      end
    end
    expect(proxy.get("/acme/users/7").status).to eq(200)
    expect(backend.request.target).to eq("/acme/7")
    expect(proxy.get("/acme/users/x").status).to eq(404)
  end

  it "leaves to the one around it what that takes by itself" do
    configuration = lambda do |pattern|
      proc do
        location pattern do
          location("/x") { static_response body: "inner" }
          static_response body: "outer"
        end
        static_response body: "rest"
      end
    end
    paths = ["/v1", "/v1/", "/v1/x", "/v1/y", "/x"]
    expect(answers(*paths, &configuration["/v1"])).to eq(%w[outer outer inner rest rest])
    expect(answers(*paths, &configuration["/v1/*"])).to eq(%w[outer outer inner outer rest])
    expect(answers(*paths, &configuration["/"])).to eq(%w[rest rest rest rest inner])
    expect(answers(*paths, &configuration["*"])).to eq(%w[outer outer outer outer inner])
  end

  it "has all combinations of several patterns" do
    paths = ["/a/x", "/a/y", "/b/x", "/b/c/y", "/b/y", "/x", "/b/c/z"]
    result = answers(*paths) do
      location("/a/*", ["/b", "/b/c"]) { location("/x", "/y") { static_response body: "in" } }
    end
    expect(result).to eq(["in", "in", "in", "in", "in", 404, 404])
  end

  it "nests as deep as one likes, through hosts and conditions" do
    result = answers("/a/b/c", "/a/b", "/a/c", "/b/c", "/a/b/c/") do
      location "/a" do
        location methods: ["GET"] do
          location "/b" do
            location("/c") { static_response body: "deep" }
          end
        end
      end
    end
    expect(result).to eq(["deep", 404, 404, 404, "deep"])
  end

  it "runs the filters of those around it" do
    proxy = start_proxy do
      location "/v1" do
        response_headers additions: { "X-Outer" => "yes" }
        location("/x") { static_response body: "in" }
      end
    end
    expect(proxy.get("/v1/x")["X-Outer"]).to eq("yes")
  end

  it "matches the whole path by a Regexp" do
    result = answers("/v1/x", "/v1/y", "/w/x") do
      location("/v1/*") { location(%r{\A/v1/x}) { static_response body: "in" } }
    end
    expect(result).to eq(["in", 404, 404])
  end

  it "has no path inside of a Regexp" do
    problems = Proxy.check { location(%r{\A/a}, "/b") { location("/x") { static_response body: "" } } }
    expect(problems.map(&:message)).to eq(["\"/x\" is inside a location with a Regexp, which stands for the whole " \
                                           "path: " \
                                           "write a Regexp for the whole path here too"])
  end

  it "is told of with its whole path" do
    problems = Proxy.check { location("/a/*") { location("/b?c") { static_response body: "" } } }
    expect(problems.map(&:message)).to eq(["\"/a/b?c\" has a query, which is not part of a path: leave out ? and " \
                                           "what follows, " \
                                           "and write query: { … }"])
    expect(Proxy.check { location("/a/*") { location("b") { static_response body: "" } } }.map(&:message))
      .to eq(["\"b\" is not a valid path: begin it with a slash, as in \"/b\""])
  end
end
