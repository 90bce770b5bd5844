# frozen_string_literal: true

# GET /healthz, GET /   200 with the name in the environment variable NAME
run ->(_env) { [200, { "Content-Type" => "text/plain" }, [ENV.fetch("NAME")]] }
