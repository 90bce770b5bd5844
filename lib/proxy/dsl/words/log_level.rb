# frozen_string_literal: true

module Proxy
  class DSL
    module Words
      # Sets how much the proxy logs about itself.
      class LogLevel < Word::Setting
        prose "How much the proxy says about itself on standard error: `error`, `warn`, `info` or `debug`."
        example <<~RUBY
          log_level :debug
        RUBY

        LEVEL = Types::Name.new(
          "name", %w[error warn info debug],
          others: { "warning" => "warn", "fatal" => "error", "crit" => "error", "notice" => "info",
                    "verbose" => "debug", "trace" => "debug" }
        )

        takes LEVEL, as: :level
      end
    end
  end
end
