# frozen_string_literal: true

module Proxy
  class DSL
    # Where the text of a configuration runs. It sees the constants of the application, its own, and none of ours; no
    # local variable stands around it. Methods that it defines belong to the configuration, and constants to this
    # module.
    # @api private
    class Sandbox < Module
      # @return [Array] the text that is run, the name of its file, and its first line
      attr_reader :script

      # Runs a text with `dsl` as its self. A `return` in it ends it.
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

# Out here no constant of ours and no local variable can be seen. The text is run from a lambda, which a `return`
# leaves, and finds it in the one place that is known there: the module whose inside this is.
Proxy::DSL::Sandbox.define_method(:opening) do
  module_eval("-> { ::Kernel.binding.eval(*::Module.nesting.first.script) }", __FILE__, __LINE__)
end
