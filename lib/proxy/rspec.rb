# frozen_string_literal: true

require "rspec/core"
require "rspec/expectations"
require_relative "testing"
require_relative "testing/matchers"

module Proxy
  module Testing
    class Expectation
      # Expectations can be combined with `and` and `or`, and stand inside other matchers.
      include RSpec::Matchers::Composable
    end
  end
end

RSpec.configure do |config|
  config.include Proxy::Testing::Matchers
  # The servers of an example end with it, whatever its own hooks do; those of `before(:context)` end with the group.
  config.around { |example| Proxy::Testing.within { example.run } }
  config.prepend_before(:context) { Proxy::Testing.open }
  config.append_after(:context) { Proxy::Testing.close }
  config.backtrace_exclusion_patterns << %r{/lib/proxy/(?:rspec|testing)\.rb}
  config.after(:suite) { Proxy::Testing.close_others }
end
