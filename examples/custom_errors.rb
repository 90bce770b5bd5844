# What a visitor sees while the application is down: a page, JSON or plain text, whichever the request accepts.
#
#   proxy start -c examples/custom_errors.rb
#   curl http://127.0.0.1:8080/ -H "Accept: application/json"

bind "http://127.0.0.1:8080"

down = {
  status: 503,
  plaintext: "We are changing a few things. Please come back in two minutes.\n",
  json: { inline: { error: "maintenance", retry_after: 120 } },
  html: { file: "public/503.html" }, # beside this file
  default: "html",
  headers: { "Retry-After" => "120" }
}

location "/healthz" do
  static_response body: "fine\n", headers: { "Content-Type" => "text/plain" }
end

proxy to: "http://127.0.0.1:3000{path}{query}", timeout: 5, error_response: down
