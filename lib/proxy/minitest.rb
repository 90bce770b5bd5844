# frozen_string_literal: true

require "minitest"
require "minitest/test"
require_relative "testing"
require_relative "testing/assertions"

module Proxy
  module Testing
    # Stops the servers of a Minitest test after its `teardown`, also when it has failed.
    # @api private
    module Lifecycle
      # Begins the test.
      def before_setup
        Testing.open
        super
      end

      # Ends the test.
      def after_teardown
        super
      ensure
        Testing.close
      end
    end
  end
end

[Proxy::Testing::Assertions, Proxy::Testing::Lifecycle].each { |added| Minitest::Test.include(added) }
Minitest.after_run { Proxy::Testing.close_others }
