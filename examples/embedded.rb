# The proxy inside a Ruby program: two tiny backends and a proxy in front of them, all in one process.
#
#   ruby examples/embedded.rb

require "net/http"
require "proxy"

# Any server will do as a backend; here the proxy itself plays both.
backends = %w[one two].map do |name|
  Proxy.start do
    bind "http://127.0.0.1:0"
    threads 1
    static_response body: "hello from backend #{name}\n"
  end
end

server = Proxy.start do
  bind "http://127.0.0.1:0"
  threads 1
  proxy to: "http://app.example.com{path}{query}",
        backends: backends.map { |backend| backend.urls.first.delete_prefix("http://") }
end

puts "listening on #{server.urls.first}"
4.times { puts Net::HTTP.get(URI(server.urls.first)) }

server.stop
puts "answered #{server.stats[:requests][:total]} requests"
backends.each(&:stop)
