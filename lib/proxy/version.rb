# frozen_string_literal: true

module Proxy
  # The version of the gem and of both its crates.
  VERSION = "0.1.0"
end
