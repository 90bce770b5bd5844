# frozen_string_literal: true

require_relative "problem"
require_relative "dsl/draft"
require_relative "dsl/loops"
require_relative "dsl/words"

module Proxy
  # The language of a `Proxyfile`, and of the block of {Proxy.start}. Inside either, `self` is an object of this class,
  # so a configuration is plain Ruby: variables, conditions, loops and methods work as everywhere.
  #
  # A block that takes an argument gets that object instead and keeps its own `self`.
  #
  # @example A Proxyfile
  #   bind "http://0.0.0.0:8080"
  #   ports = 3001..3003
  #   location "/health" do
  #     static_response body: "fine\n"
  #   end
  #   proxy backends: ports.map { |port| "127.0.0.1:#{port}" }, backend_priority: :random
  # @example A block that keeps its self
  #   Proxy.start { |config| config.proxy to: "http://127.0.0.1:#{@port}{path}{query}" }
  class DSL
    Words::BY_NAME.each do |name, word|
      define_method(name) do |*values, **options, &block|
        @__draft.reading!(name)
        word.call(self, @__draft, values, options, block)
      end
    end

    # @api private
    def initialize(draft)
      # The underscores keep the name apart from instance variables of a configuration.
      @__draft = draft
    end

    # @return [String]
    def inspect
      "#<#{self.class} #{@__draft.file}>"
    end

    # Runs text as a part of the configuration, in the scope of the file. Mistakes in it are reported with the given
    # file and line. With a block it is the ordinary `instance_eval`.
    #
    # @param text [Array] a source, the name of its file and its first line
    # @example The equivalent of `include`
    #   Dir["sites/*.rb"].sort.each { |file| instance_eval(File.read(file), file) }
    def instance_eval(*text, &block)
      return super if block || text.empty?

      source, path, line = text
      @__draft.run(self, String(source), String(path || "(eval)"), line || 1)
    end

    private

    # Reports an unknown word with the nearest directive. The rest of the file is still read.
    def method_missing(name, *arguments, **options, &block)
      return super if @__draft.closed? || (name.start_with?("to_") && arguments.empty?)

      @__draft.unknown(name, arguments, options, block)
      # Mistakes in the block of a word of another system are reported too.
      instance_exec(&block) if block && Foreign.block?(name)
      nil
    end

    def respond_to_missing?(*)
      false
    end
  end
end
