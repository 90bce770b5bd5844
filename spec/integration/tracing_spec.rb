# frozen_string_literal: true

require "support/integration"
require "support/python"
require "zlib"

RSpec.describe "tracing" do
  let(:backend) { backend_answering("hello") }
  let(:collector) { start_backend { |connection| connection.answer_all("{}") } }

  # A proxy that sends its spans to the collector.
  def start_traced(**options, &more)
    to = "http://#{collector.address}"
    start_proxy(to: backend) do
      tracing(to: to, **options)
      instance_exec(&more) if more
    end
  end

  # What the collector has, as a decoder of OpenTelemetry reads it, once the proxy has stopped.
  def decoded(proxy)
    proxy.server.stop(timeout: 5)
    file = File.join(directory, "batches")
    File.write(file, collector.requests.map { |request| "#{json_of(request)}\n" }.join)
    Python.run("otlp_decoder", file)
  end

  # The JSON of a batch, as it was before it was compressed.
  def json_of(request) = request["Content-Encoding"] == "gzip" ? Zlib.gunzip(request.body) : request.body

  it "sends spans that a decoder of OpenTelemetry understands" do
    proxy = start_traced(service: "shop", attributes: { "deployment.environment.name" => "spec" }, trust: :all)
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    proxy.get("/a?b=1&api_key=secret", "traceparent" => parent, "tracestate" => "x=1", "User-Agent" => "\u{1f600}")
    server, client = decoded(proxy).partition { |span| span[:kind] == "SPAN_KIND_SERVER" }.map(&:first)

    expect(server).to include(name: "GET /*", trace: "0af7651916cd43dd8448eb211c80319c", parent: "b7ad6b7169203331",
                              state: "x=1", failed: false, scope: "proxy")
    expect(server[:attributes])
      .to include("http.response.status_code": 200, "url.path": "/a", "url.query": "b=1&api_key=…",
                  "user_agent.original": "\u{1f600}", "network.protocol.version": "1.1")
    expect(server[:resource]).to include("service.name": "shop", "deployment.environment.name": "spec",
                                         "process.pid": Process.pid, "service.version": Proxy::VERSION)
    expect(client).to include(name: "GET", kind: "SPAN_KIND_CLIENT", trace: server[:trace], parent: server[:span])
    expect(client[:lasted]).to be_between(0, server[:lasted])
    expect(backend.requests.first["traceparent"]).to eq("00-#{server[:trace]}-#{client[:span]}-01")
  end

  it "sends links and errors that a decoder of OpenTelemetry understands" do
    proxy = start_traced(trust: :trusted_proxies) { location("/no") { proxy backends: ["127.0.0.1:1"] } }
    proxy.get("/no", "traceparent" => "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")
    spans = decoded(proxy)

    expect(spans.find { |span| span[:kind] == "SPAN_KIND_SERVER" })
      .to include(name: "GET /no", failed: true, parent: "", attributes: include("error.type": "backend_refused"),
                  links: [%w[0af7651916cd43dd8448eb211c80319c b7ad6b7169203331]])
  end

  it "writes the ids into a log" do
    file = File.join(directory, "access.log")
    proxy = start_traced { access_log "json", to: file }
    proxy.get("/")
    span = decoded(proxy).find { |one| one[:kind] == "SPAN_KIND_SERVER" }

    expect(JSON.parse(File.read(file))).to include("trace_id" => span[:trace], "span_id" => span[:span])
    expect(proxy.stats[:spans]).to eq(sent: 2, lost: 0, waiting: 0)
  end

  it "compresses batches of more than one KiB" do
    proxy = start_traced
    20.times { proxy.get("/") }
    expect(decoded(proxy).length).to eq(40)
    batch = collector.requests.first
    expect(batch["Content-Encoding"]).to eq("gzip")
    expect(batch.body.bytesize * 5).to be < json_of(batch).bytesize
  end

  it "logs what the collector says of spans that it has not taken" do
    answer = JSON.generate(partialSuccess: { rejectedSpans: "1", errorMessage: "too\nold" })
    collector = start_backend { |connection| connection.answer_all(answer) }
    proxy = start_proxy_process("tracing to: 'http://#{collector.address}'\nstatic_response body: 'ok'")
    proxy.get
    proxy.process.signal(:TERM)
    proxy.process.wait
    expect(proxy.process.output).to match(/ warn tracing: the collector says: too\\nold$/)
      .and match(/ warn tracing: spans that are lost because the collector did not take them: 1, 1 since the start$/)
  end

  it "sends headers to the collector, over TLS with an authority of its own" do
    context = certs.server_context(certs.server("127.0.0.1"))
    secure = start_backend(tls: context) { |connection| connection.answer_all("{}") }
    file = certs.ca_file
    to = "https://#{secure.address}/otlp/"
    proxy = start_proxy(to: backend) do
      tracing to: to, ca_file: file, headers: { "Authorization" => "Bearer secret" }
    end
    proxy.get("/")
    proxy.server.stop(timeout: 5)

    expect(secure.requests.map { |request| [request.target, request["Authorization"]] })
      .to eq([["/otlp/v1/traces", "Bearer secret"]])
  end

  describe "the environment" do
    around do |example|
      before = ENV.to_h
      example.run
    ensure
      ENV.replace(before)
    end

    def set(variables) = ENV.update(variables.transform_keys { |name| "OTEL_#{name}" })

    it "says what is not written" do
      set("EXPORTER_OTLP_ENDPOINT" => "http://#{collector.address}/base", "SERVICE_NAME" => "of-env",
          "EXPORTER_OTLP_HEADERS" => "x-key=a%20b, x-other=2", "TRACES_SAMPLER" => "parentbased_always_off",
          "RESOURCE_ATTRIBUTES" => "team=a%2Cb,service.name=not-this")
      proxy = start_proxy(to: backend) { tracing }
      parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0"
      2.times { |flag| proxy.get("/", "traceparent" => "#{parent}#{flag}") }
      3.times { proxy.get("/") }

      expect(decoded(proxy).map { |span| span[:resource] })
        .to match([include("service.name": "of-env", team: "a,b")] * 2)
      expect(collector.requests.map { |request| [request.target, request["x-key"], request["x-other"]] })
        .to eq([["/base/v1/traces", "a b", "2"]])
    end

    it "does not matter where it is written" do
      set("EXPORTER_OTLP_ENDPOINT" => "http://127.0.0.1:4317", "TRACES_SAMPLER" => "nonsense", "SERVICE_NAME" => "no")
      proxy = start_traced(ratio: 1, service: "yes")
      proxy.get("/")

      expect(decoded(proxy).map { |span| span[:resource][:"service.name"] }).to eq(%w[yes yes])
    end

    it "has the whole URL in the variable for traces alone" do
      set("EXPORTER_OTLP_ENDPOINT" => "http://127.0.0.1:1", "RESOURCE_ATTRIBUTES" => "service.name=shop",
          "EXPORTER_OTLP_TRACES_ENDPOINT" => "http://#{collector.address}/spans")
      proxy = start_proxy(to: backend) { tracing }
      proxy.get("/")

      expect(decoded(proxy).map { |span| span[:resource][:"service.name"] }).to eq(%w[shop shop])
      expect(collector.requests.map(&:target)).to eq(["/spans"])
    end

    it "is named in messages about mistakes in it" do
      set("EXPORTER_OTLP_ENDPOINT" => "http://collector:4317", "TRACES_SAMPLER" => "traceidratio",
          "TRACES_SAMPLER_ARG" => "10%")

      expect(Proxy.check { tracing }.map(&:message)).to include(
        "OTEL_EXPORTER_OTLP_ENDPOINT: grpc is not spoken: write the HTTP endpoint, port 4318",
        "OTEL_TRACES_SAMPLER_ARG: \"10%\" is no part of a whole: write a number from 0 to 1, such as 0.1"
      )
      set("TRACES_SAMPLER" => "jaeger_remote")
      expect(Proxy.check { tracing }.map(&:message)).to include(/\AOTEL_TRACES_SAMPLER: "jaeger_remote" is unknown: /)
    end
  end

  describe "mistakes" do
    # The messages about `tracing` with these options.
    def wrong(*values, **options)
      Proxy.check do
        tracing(*values, **options)
        static_response
      end.map(&:message)
    end

    it "are told with what to write" do
      {
        { to: "http://127.0.0.1:4317" } => "to: grpc is not spoken: write the HTTP endpoint, port 4318",
        { to: "grpc://collector" } => "to: grpc is not spoken: write the HTTP endpoint, port 4318",
        { to: "127.0.0.1:4318" } => "to: it has no http:// or https:// in front: " \
                                    'write the URL of a collector, such as "http://127.0.0.1:4318"',
        { to: "http://a b/" } => "to: this is no URL of a collector: write http://HOST:PORT, as in " \
                                 '"http://127.0.0.1:4318", and credentials in headers:',
        { ratio: 10 } => "ratio: 10 is out of range: write a part from 0 to 1, such as 0.1",
        { trust: :everybody } => 'trust: :everybody is unknown: write "all" or "trusted_proxies"',
        { read: [:b4] } => 'read: :b4 is unknown: write "b3" or "xray"',
        { attributes: { a: 1 } } => "attributes: 1 is an Integer: write a Hash of Strings, " \
                                    'such as { "deployment.environment.name" => "staging" }'
      }.each { |options, message| expect(wrong(**options)).to eq([message]) }
    end

    it "show no secret" do
      messages = wrong(to: "http://user:hush@a/", headers: { "X-Key" => "hush\n", "a b" => "hush", "X-Nil" => nil })
      messages += wrong("http://a/?key=hush") + wrong(to: :hush) + wrong(to: "hush")

      expect(messages.length).to be >= 4
      expect(messages.join).not_to include("hush")
    end

    it "belong to the whole server" do
      expect(Proxy.check { location("/a") { tracing }; static_response }.map(&:message).join)
        .to include("belongs outside of every location")
    end
  end
end
