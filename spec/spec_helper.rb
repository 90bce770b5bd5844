# frozen_string_literal: true

require "timeout"
require "proxy"

RSpec.configure do |config|
  config.disable_monkey_patching!
  config.order = :random
  config.expect_with(:rspec) { |expectations| expectations.max_formatted_output_length = 2000 }
  config.mock_with(:rspec) { |mocks| mocks.verify_partial_doubles = true }
  config.define_derived_metadata(file_path: %r{/spec/proxy/|/spec/\w+_spec\.rb}) { |metadata| metadata[:unit] = true }

  stress = ENV["PROXY_GC_STRESS"] == "1"

  # Seconds that an example may take; `time_limit:` names others.
  config.around(:each, :unit) do |example|
    Timeout.timeout(example.metadata.fetch(:time_limit, 20) * (stress ? 20 : 1)) { example.run }
  end

  # A Ruby value that the extension holds without protecting it does not survive this.
  if stress
    config.around(:each, :binding) do |example|
      GC.stress = true
      example.run
    ensure
      GC.stress = false
    end
  end
end
