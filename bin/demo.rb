# frozen_string_literal: true

# The demo program. bin/demo builds the gem and then runs this file.

require "json"
require "net/http"
require "optparse"
require "socket"
require "proxy"

# A backend that answers with the request as plain text. It stands for the user's application.
class DemoBackend
  attr_reader :name

  def initialize(name)
    @name = name
    @listener = TCPServer.new("127.0.0.1", 0)
    @connections = {}
    @acceptor = Thread.new { loop { serve(@listener.accept) } }
    @acceptor.report_on_exception = false
  end

  def address = "127.0.0.1:#{@listener.local_address.ip_port}"

  def stop
    @acceptor.kill.join
    @listener.close
    @connections.each do |thread, socket|
      thread.kill.join
      socket.close
    end
  end

  private

  def serve(socket)
    thread = Thread.new { nil while answer(socket) }
    thread.report_on_exception = false
    @connections[thread] = socket
  end

  def answer(socket)
    head = socket.gets("\r\n\r\n") or return
    socket.read(head[/^content-length: *(\d+)/i, 1].to_i)
    request_line, *fields = head.split("\r\n")
    body = "This is backend #{name}. I was asked:\n\n  #{request_line}\n#{fields.map { |field| "  #{field}\n" }.join}"
    socket.write "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Backend: #{name}\r\n" \
                 "Content-Length: #{body.bytesize}\r\n\r\n",
                 (body unless request_line.start_with?("HEAD "))
  end
end

# Two backends, and a proxy in front of them.
class Demo
  attr_reader :url

  def initialize(port)
    @backends = [DemoBackend.new("one"), DemoBackend.new("two")]
    @proxy = start("http://0.0.0.0:#{port}", *@backends.map(&:address))
    @url = @proxy.urls.first.sub("0.0.0.0", "localhost")
  end

  # The block is also a valid Proxyfile.
  def start(url, one, two)
    Proxy.start do
      bind url

      location "/hello" do
        static_response code: 200, headers: { "Content-Type" => "text/plain" }, body: "Hello. No backend was needed " \
          "for this.\n"
      end

      proxy path_prefix: "/api", strip_prefix: true,
            to: "http://api.example.com/v1{path}{query}",
            backends: [one, two],
            headers: { "X-Client" => { rewrite: "{addr}" }, "Cookie" => nil },
            response_headers: { "X-Answered-In" => { rewrite: "{response_time}" } }

      proxy path_prefix: "/broken",
            backends: ["127.0.0.1:1"],
            error_response: {
              status: 503,
              plaintext: "Back in two minutes.\n",
              json: { inline: { message: "Back in two minutes." } },
              headers: { "Retry-After" => "120" }
            }

      proxy backends: [one, two], timeout: 10
    end
  end

  def stop_first_backend = @backends.first.stop

  def stop = @proxy.stop(timeout: 1)

  # Waits for Ctrl-C.
  def run
    puts introduction
    trap("TERM") { Thread.main.raise(Interrupt) }
    @proxy.wait
  rescue Interrupt
    puts "\nStopping."
    stop
  end

  private

  def introduction
    <<~TEXT

      The proxy listens on #{url}, in front of two backends. Try:

        curl #{url}/                                            # again and again: the backends take turns
        curl #{url}/api/users?page=2                            # the path, the Host and two headers are rewritten
        curl -I #{url}/                                         # HEAD
        curl #{url}/hello                                       # answered without a backend
        curl -i -H 'Accept: application/json' #{url}/broken     # no backend there: one's own error response

      Ctrl-C ends it. `bin/demo --check` tries all of this by itself.
    TEXT
  end
end

# Runs every command of the demo and checks its result.
class Check
  def initialize(demo)
    @demo = demo
    @http = Net::HTTP.start(URI(demo.url).host, URI(demo.url).port, open_timeout: 5, read_timeout: 10)
    @failures = 0
  end

  # Returns whether every result was right.
  def run
    claim("the backends take turns") { Array.new(6) { get("/")["X-Backend"] }.tally == { "one" => 3, "two" => 3 } }
    claim("the path is rewritten") { get("/api/users?page=2").body.include?("GET /v1/users?page=2 HTTP/1.1") }
    claim("the Host is that of `to`") { get("/api/users").body.match?(/^  host: api\.example\.com$/i) }
    claim("a header is added") { get("/api/users").body.match?(/^  x-client: (127\.0\.0\.1|::1)$/i) }
    claim("a header is removed") { !get("/api/users", "Cookie" => "secret=1").body.match?(/cookie/i) }
    claim("a response header is added") { get("/api/users")["X-Answered-In"].to_s.match?(/s\z/) }
    claim("the backend is told who asks") { get("/").body.match?(/^  x-forwarded-for: (127\.0\.0\.1|::1)$/i) }
    claim("HEAD has a head and no body") do
      head("/").then { |answer| answer["Content-Length"].to_i.positive? && answer.body.nil? }
    end
    claim("POST carries its body") { @http.post("/", "x" * 1000).is_a?(Net::HTTPOK) }
    claim("a location answers without a backend") { get("/hello").body.start_with?("Hello.") }
    claim("a failure is answered in the form the client accepts") do
      broken_as_json == ["503", "120", "Back in two minutes."]
    end
    claim("a malformed request is refused") { raw("GET / HTTP/1.1\r\n\r\n").start_with?("HTTP/1.1 400 ") }
    @demo.stop_first_backend
    claim("when one backend stops, the other takes over") { Array.new(6) { get("/")["X-Backend"] } == ["two"] * 6 }
    @failures.zero?
  end

  private

  def claim(text)
    right = yield
  rescue StandardError => e
    text += " (#{e.class}: #{e.message})"
  ensure
    @failures += 1 unless right
    puts "#{right ? "ok    " : "FAILED"}  #{text}"
  end

  def get(path, headers = {}) = @http.get(path, headers)

  def head(path) = @http.head(path)

  def broken_as_json
    answer = get("/broken", "Accept" => "application/json")
    [answer.code, answer["Retry-After"], JSON.parse(answer.body)["message"]]
  end

  def raw(bytes)
    Socket.tcp(@http.address, @http.port) do |socket|
      socket.write bytes
      socket.read
    end
  end
end

options = { port: 8080 }
OptionParser.new do |parser|
  parser.banner = "Usage: bin/demo [--port N] [--check]"
  parser.on("--port N", Integer, "listen there instead of on 8080")
  parser.on("--check", "try everything, print the results, and end")
end.parse!(into: options)

begin
  demo = Demo.new(options[:port])
rescue Proxy::BindError => e
  abort "#{e.message}\nAnother port: bin/demo --port 8081"
end
if options[:check]
  right = Check.new(demo).run
  demo.stop
  puts(right ? "The demo works." : "The demo does not work.")
  exit right
else
  demo.run
end
