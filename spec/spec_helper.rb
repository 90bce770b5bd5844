# frozen_string_literal: true

require "timeout"
require "proxy"
require "support/time_limit"

RSpec.configure do |config|
  config.disable_monkey_patching!
  config.order = :random
  config.expect_with(:rspec) { |expectations| expectations.max_formatted_output_length = 2000 }
  config.mock_with(:rspec) { |mocks| mocks.verify_partial_doubles = true }
  config.define_derived_metadata(file_path: %r{/spec/proxy/|/spec/\w+_spec\.rb}) { |metadata| metadata[:unit] = true }
  config.around(:each, :unit) do |example|
    Timeout.timeout(TimeLimit.of(example)) { example.run }
  end
end

# With a garbage collection at every allocation, a Ruby value that the extension holds unprotected is freed, and the
# example fails. Only calls of the extension run like that; otherwise the specs would take hours.
if ENV["PROXY_GC_STRESS"] == "1"
  { Proxy::Native.singleton_class => %i[check defaults], Proxy::Native::Server.singleton_class => %i[start],
    Proxy::Native::Server => %i[urls stats set_state set_backends change_backend add_backend
                                remove_backend deploy change_traffic reload begin_stop stopped?
                                drained?] }.each do |owner, names|
    owner.prepend(Module.new do
      names.each do |name|
        define_method(name) do |*arguments|
          # Minor collections: what Rust holds unprotected is young, and full ones take a hundred times as long.
          GC.stress = 1
          super(*arguments)
        ensure
          GC.stress = false
        end
      end
    end)
  end
end
