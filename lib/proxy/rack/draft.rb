# frozen_string_literal: true

module Proxy
  module Rack
    # The configuration of a middleware while it is read: words that need a listening server have no place in it.
    # @api private
    class Draft < DSL::Draft
      # Name of the middleware in messages.
      LABEL = "Proxy::Rack::Middleware"
      # What the Rack server does in place of these words.
      ELSEWHERE = {
        bind: "the Rack server listens",
        acme: "the Rack server does handshakes",
        max_connections: "the Rack server accepts the connections",
        handshake_timeout: "the Rack server does handshakes",
        client_header_timeout: "the Rack server reads the heads of requests",
        keepalive_timeout: "the Rack server keeps idle connections"
      }.freeze

      # The place of `use`. In the engine's form it is left out if the line is unknown.
      class UsePlace < DSL::Place
        def at = @line && super
      end
      private_constant :UsePlace

      # `place` is where the middleware is used: file and line, each nil if unknown.
      def initialize(file, directory, place)
        super(file, directory)
        @use = place
        @at_use = false
      end

      # Reports what the block reads at the place of `use`.
      def at_use
        @at_use = true
        yield
      ensure
        @at_use = false
      end

      # Reads the block of the middleware.
      def evaluate_block(block)
        path = DSL::FilePath.text(block.source_location&.first || "(block)")
        source = File.file?(path) ? File.read(path, encoding: Encoding::UTF_8) : ""
        self.takes_self = block.arity != 1
        evaluate(source, path) { |dsl| block.arity == 1 ? block.call(dsl) : dsl.instance_exec(&block) }
      end

      def place(directive, label = directive)
        return super unless @at_use

        file, line = @use
        UsePlace.new(problems: problems, directive: LABEL, file: file, line: line, directory: @directory)
      end

      # The configuration of a server that listens nowhere.
      def to_h
        { "threads" => { "value" => 1 }, **super, "adopts" => true }
      end

      def add_bind(bind)
        elsewhere(:bind, bind["at"])
      end

      def set(name, value, place)
        ELSEWHERE.key?(name) ? elsewhere(name, place.at) : super
      end

      # Reports a word or an option that needs a listening server.
      def elsewhere(word, at)
        problems << Problem.new(file: at&.fetch("file"), line: at&.fetch("line"), directive: LABEL,
                                message: "#{word} has no place here: #{ELSEWHERE.fetch(word)}; leave it out")
      end
    end
  end
end
