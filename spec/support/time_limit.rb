# frozen_string_literal: true

# Time limit of an example in seconds: 30, or its `time_limit:`.
module TimeLimit
  # Garbage is collected at every allocation, or each command that an example starts loads all type signatures first.
  SLOWNESS = if ENV["PROXY_GC_STRESS"] == "1" then 10
             elsif ENV["RBS_TEST_TARGET"] then 4
             else
               1
             end

  def self.of(example) = example.metadata.fetch(:time_limit, 30) * SLOWNESS
end
