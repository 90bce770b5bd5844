# frozen_string_literal: true

require "json"
require "uri"
require_relative "../raw_backend"

# The part of Cloudflare's API, version 4, that writes DNS records, in front of a ChallengeServer.
class ProviderApi
  # Number of requests that it refused.
  attr_reader :refused

  # `zones` are those that `token` may edit.
  def initialize(dns, zones, token: "secret")
    @dns = dns
    @zones = zones
    @token = token
    @records = {}
    @refused = 0
    @server = RawBackend.new { |connection| serve(connection) }
  end

  def url = "http://#{@server.address}/client/v4"

  def stop = @server.stop

  private

  def serve(connection)
    while (request = connection.read_request)
      uri = URI("http://api#{request.target}")
      path = uri.path.delete_prefix("/client/v4/").split("/")
      allowed = request["Authorization"] == "Bearer #{@token}"
      result = answer(request.method_name, path, uri, request.body) if allowed
      @refused += 1 unless result
      errors = result ? [] : [{ message: "refused" }]
      connection.answer(JSON.generate(success: errors.empty?, errors: errors, result: result))
    end
  end

  def answer(verb, path, uri, body)
    case [verb, *path]
    in ["GET", "zones"] then @zones.map { |name| { id: "zone-#{name}", name: name } }
    in ["POST", "zones", _, "dns_records"] then add(JSON.parse(body))
    in ["GET", "zones", _, "dns_records"] then find(URI.decode_www_form(uri.query).to_h)
    in ["DELETE", "zones", _, "dns_records", id] then remove(id)
    else nil
    end
  end

  def add(record)
    return unless record["type"] == "TXT" && @zones.any? { |zone| record["name"].end_with?(".#{zone}") }

    @dns.add(record["name"], record["content"])
    id = "record-#{@records.size}"
    @records[id] = record
    { id: id }
  end

  # As the API does, with the content in quotes.
  def find(query)
    found = @records.select { |_, record| record && record["name"] == query["name"] }
    found.map { |id, record| { id: id, content: "\"#{record["content"]}\"" } }
  end

  def remove(id)
    record = @records[id] or return
    @records[id] = nil
    @dns.remove(record["name"], record["content"])
    { id: id }
  end
end
