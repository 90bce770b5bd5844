# frozen_string_literal: true

require "support/integration"
require "support/free_ports"
require "support/prometheus"
require "support/python"

RSpec.describe "the word metrics" do
  # Two upstreams, one of them with a backend that is not there, several locations, and figures at an own address.
  def start_busy_proxy(**options)
    # Prometheus takes its time.
    backend = start_backend do |connection|
      connection.limit = 60
      connection.answer_all("hello")
    end
    refusing = refusing_backend
    url = "http://127.0.0.1:#{FreePorts.one}/metrics"
    proxy = start_proxy do
      metrics url, **options
      location("/own/*") { static_response code: 200 }
      location("/users/:id") { static_response code: 204 }
      location("/quoted", name: 'a "name" \ of é') { static_response code: 404 }
      location("/limited") do
        rate_limit requests: 1, seconds: 1000
        static_response code: 200
      end
      location("/two/*") { proxy backends: [refusing.address, backend.address], backend_priority: :ordered }
      proxy backends: [backend.address]
    end
    ["/", "/users/7", "/two/x", "/limited", "/limited", "/quoted"].each { |path| proxy.get(path) }
    [proxy, url]
  end

  def scrape(url, headers = {})
    RawClient.request(url[%r{\Ahttp://[^/]+}], "GET", "/metrics", headers)
  end

  # The series of a text, with their values.
  def series(text)
    text.lines.grep_v(/\A#/).to_h { |line| line.chomp.rpartition(" ").values_at(0, 2) }
  end

  it "satisfies promtool" do
    _, url = start_busy_proxy(label_hosts: true)
    eventually { expect(scrape(url).body).to include('code="429"') }

    expect(Prometheus.complaints(scrape(url).body)).to eq("")
  end

  it "is scraped by Prometheus", time_limit: 60 do
    proxy, url = start_busy_proxy
    prometheus = Prometheus.new(url, directory)
    eventually(limit: 20) { expect(prometheus.value('sum(proxy_requests_total{route="/*"})')).to eq("1") }
    3.times { proxy.get("/") }
    eventually(limit: 20) { expect(prometheus.value('sum(proxy_requests_total{route="/*"})')).to eq("4") }

    expect(prometheus.errors).to eq([""])
    expect(prometheus.value('proxy_requests_total{route="a \"name\" \\\\ of é"}')).to eq("1")
    expect(prometheus.value('proxy_request_duration_seconds_bucket{route="/users/:id",le="+Inf"}')).to eq("1")
    expect(prometheus.value("sum(proxy_upstream_failures_total{reason=\"backend_refused\"})")).to eq("1")
  ensure
    prometheus&.stop
  end

  it "is read as OpenMetrics by its client for Python" do
    _, url = start_busy_proxy
    families = Python.run("openmetrics", url)

    expect(families.fetch(:proxy_requests)).to include(kind: "counter", unit: "")
    expect(families.fetch(:proxy_request_duration_seconds)).to include(kind: "histogram", unit: "seconds")
    expect(families.fetch(:proxy_build)).to include(kind: "info", samples: 1)
    expect(families.fetch(:process_resident_memory_bytes)).to include(kind: "gauge", unit: "bytes", samples: 1)
  end

  it "has no series more for hostile hosts, methods and paths", time_limit: 60 do
    proxy, url = start_busy_proxy(label_hosts: true)
    client = proxy.connect
    host = "h" * 25_000
    10_000.times do |number|
      long = (number % 100).zero? ? host : "h"
      client.write("M#{number} /own/#{number} HTTP/1.1\r\nHost: #{number}.#{long}\r\nContent-Length: 0\r\n\r\n")
      expect(client.read_response.status).to eq(200)
    end
    others = 'proxy_requests_total{route="/own/*",code="200",method="OTHER",host="_other"}'
    eventually { expect(series(scrape(url).body)).to include(others => "10000") }
    found = series(scrape(url).body)

    expect(found.length).to be < 400
    expect(found.keys.map(&:bytesize).max).to be < 300
  end

  it "answers in a location, whose conditions say who may ask" do
    proxy = start_proxy do
      location("/metrics", remote: ["127.0.0.0/8"]) { metrics }
      location("/elsewhere", remote: ["192.0.2.0/24"]) { metrics }
      static_response code: 404
    end

    expect([proxy.get("/metrics").status, proxy.get("/elsewhere").status]).to eq([200, 404])
    expect(proxy.get("/metrics").body).to include("# TYPE proxy_requests_total counter")
  end

  it "keeps its address and its counts over a reload, and counts reloads" do
    backend, path = backend_answering("hello"), File.join(directory, "Proxyfile")
    url = "http://127.0.0.1:#{FreePorts.one}/metrics"
    text = "metrics #{url.inspect}\nlocation(\"/a\") { static_response code: 200 }\n" \
           "proxy to: \"http://#{backend.address}\"\n"
    File.write(path, text)
    proxy = start_proxy(file: path)
    2.times { proxy.get("/a") }
    counted = 'proxy_requests_total{route="/a",code="200",method="GET"}'
    eventually { expect(series(scrape(url).body)).to include(counted => "2") }
    File.write(path, text.sub("metrics", "threads 1\nmetrics") + "location(\"/b\") { static_response code: 200 }\n")
    proxy.server.reload
    File.write(path, "nonsense(")
    expect { proxy.server.reload }.to raise_error(Proxy::ConfigurationError)
    proxy.get("/a")

    results = { 'proxy_config_reloads_total{result="success"}' => "1",
                'proxy_config_reloads_total{result="failure"}' => "1" }
    eventually { expect(series(scrape(url).body)).to include(counted => "3", **results) }
  end

  it "counts the calls of Ruby blocks by their word and result" do
    url = "http://127.0.0.1:#{FreePorts.one}/metrics"
    proxy = start_proxy do
      metrics url
      location("/*") do
        authorize(key: "{path}") { |request| request.path == "/yes" || raise("no") }
        static_response code: 200
      end
    end
    expect([proxy.get("/yes").status, proxy.get("/no").status]).to eq([200, 503])
    eventually do
      expect(series(scrape(url).body)).to include('proxy_block_calls_total{word="authorize",result="answered"}' => "1",
                                                  'proxy_block_calls_total{word="authorize",result="failed"}' => "1")
    end
  end

  it "lists every series in docs/metrics.md, as the proxy describes it" do
    _, url = start_busy_proxy
    listed = File.read("docs/metrics.md").scan(/^\| `(\w+)` \| (\w+) \| [^|]* \| (.*) \|$/)
    text = scrape(url).body
    kinds = text.scan(/^# TYPE (\w+) (\w+)$/).to_h
    described = text.scan(/^# HELP (\w+) (.*)$/).map { |name, help| [name, kinds.fetch(name), help] }

    expect(listed).to match_array(described)
  end

  describe "mistakes" do
    def problems(text)
      Proxy.check { |config| config.instance_eval(text) }.map(&:message)
    end

    it "are told with a remedy" do
      answering = "static_response code: 200"
      { "metrics" => 'has no address: write metrics "http://127.0.0.1:9394/metrics"',
        "metrics 9394" => "9394 is an Integer: write a URL of this machine",
        'metrics "http://127.0.0.1:1/x", buckets: [1, "2"]' => 'buckets: "2" is not a number of seconds',
        'metrics "http://127.0.0.1:1/x", buckets: []' => "buckets: these are 0: write 1 to 50 bounds",
        'metrics "http://127.0.0.1:1/x", buckets: [2, 1]' => "buckets: the bounds do not ascend",
        'metrics "http://127.0.0.1:1/x", buckets: [0]' => "buckets: a bound is out of range",
        'metrics "http://127.0.0.1:1/x", exclude: ["up"]' => 'exclude: "up" is not a path',
        'metrics "https://127.0.0.1:1/x"' => "is not served: write an address of this machine",
        'location("/m") { metrics label_hosts: true }' => "takes no URL and no options in a location" }
        .each do |text, message|
          expect(problems("#{text}\n#{answering}")).to include(a_string_including(message)), text
        end
    end
  end
end
