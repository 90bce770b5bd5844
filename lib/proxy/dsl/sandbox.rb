# frozen_string_literal: true

module Proxy
  class DSL
    # The scope in which the text of a configuration runs. It sees the constants of the application and its own, none of
    # the gem's, and no local variables. Methods that it defines belong to the configuration, and constants to this
    # module.
    # @api private
    class Sandbox < Module
      # @return [Array] the text to run, the name of its file, and its first line
      attr_reader :script

      # Runs a text with `dsl` as its `self`. A `return` ends the text.
      def run(dsl, source, path, line = 1)
        outer = @script
        @script = [source, path, line]
        dsl.instance_exec(&opening)
      ensure
        @script = outer
      end
    end
  end
end

# At this place, neither constants of the gem nor local variables are visible. The text runs in a lambda, so that
# `return` leaves only the lambda. The lambda finds the text in the module that it is defined in.
Proxy::DSL::Sandbox.define_method(:opening) do
  module_eval("-> { ::Kernel.binding.eval(*::Module.nesting.first.script) }", __FILE__, __LINE__)
end
