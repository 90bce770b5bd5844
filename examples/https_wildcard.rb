# A certificate for all names below a domain. It needs a TXT record in DNS, which this writes at Cloudflare.
#
#   export CLOUDFLARE_TOKEN=…  # may edit the DNS records of the zone, and no more
#   sudo --preserve-env=CLOUDFLARE_TOKEN proxy start -c examples/https_wildcard.rb

require "json"
require "net/http"

# A provider is any object with these two methods. An exception is a failure: its text is in the log and in
# `proxy certificates`, and the order is tried again later.
class Cloudflare
  def initialize(token, api: "https://api.cloudflare.com/client/v4")
    @token = token
    @api = api
  end

  def add(name, value)
    ask(:Post, "/zones/#{zone(name)}/dns_records", type: "TXT", name: name, content: value, ttl: 60)
  end

  def remove(name, value)
    records = "/zones/#{zone(name)}/dns_records"
    found = ask(:Get, "#{records}?type=TXT&name=#{name}").select { |record| record["content"].delete('"') == value }
    found.each { |record| ask(:Delete, "#{records}/#{record["id"]}") }
  end

  private

  # The zone that the name is in, of those that the token may edit.
  def zone(name)
    zones = ask(:Get, "/zones?per_page=50").select { |zone| ".#{name}".end_with?(".#{zone["name"]}") }
    zones.max_by { |zone| zone["name"].length }&.fetch("id") or raise "this token may edit no zone of #{name}"
  end

  def ask(verb, path, **body)
    uri = URI("#{@api}#{path}")
    request = Net::HTTP.const_get(verb).new(uri, "Authorization" => "Bearer #{@token}",
                                                 "Content-Type" => "application/json")
    request.body = JSON.generate(body) if body.any?
    limits = { open_timeout: 5, read_timeout: 15, use_ssl: uri.scheme == "https" }
    answer = JSON.parse(Net::HTTP.start(uri.host, uri.port, **limits) { |http| http.request(request).body })
    return answer["result"] if answer["success"]

    raise "Cloudflare says: #{answer["errors"].map { |error| error["message"] }.join(", ")}"
  end
end

acme email: "ops@example.com", dns: Cloudflare.new(ENV.fetch("CLOUDFLARE_TOKEN", "no token"))
bind "http://0.0.0.0:80"
bind "https://0.0.0.0:443"
redirect_http_to_https!
host("example.com", "*.example.com") { proxy backends: ["127.0.0.1:3000"] }
