# frozen_string_literal: true

require "digest"
require "json"

# GET /               the request as JSON: method, path, query, headers, body
# POST /digest        the size and the SHA-256 of the body
# GET /stream?n=3     n pieces, chunked
# GET /status?code=   an empty response with that status
class Echo
  def call(env)
    query = env["QUERY_STRING"].to_s.split("&").to_h { |pair| pair.partition("=").values_at(0, 2) }
    case env["PATH_INFO"]
    when "/digest" then digest(env["rack.input"])
    when "/stream"
      [200, { "Content-Type" => "text/plain" }, Array.new(query["n"].to_i) { |i| "piece #{i}\n" }.each]
    when "/status" then [query["code"].to_i, {}, []]
    else echo(env)
    end
  end

  private

  def digest(input)
    sha = Digest::SHA256.new
    size = 0
    while (piece = input.read(1 << 20))
      sha << piece
      size += piece.bytesize
    end
    json(size: size, sha256: sha.hexdigest)
  end

  def echo(env)
    headers = env.select { |name, _| name.start_with?("HTTP_") || name == "CONTENT_TYPE" || name == "CONTENT_LENGTH" }
    headers.transform_keys! { |name| name.delete_prefix("HTTP_").downcase.tr("_", "-") }
    json(method: env["REQUEST_METHOD"], path: env["PATH_INFO"], query: env["QUERY_STRING"], headers: headers,
         body: env["rack.input"].read)
  end

  def json(**fields) = [200, { "Content-Type" => "application/json" }, [JSON.generate(fields)]]
end

run Echo.new
