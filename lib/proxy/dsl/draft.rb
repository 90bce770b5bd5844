# frozen_string_literal: true

require_relative "statements"
require_relative "trouble"

module Proxy
  class DSL
    # A configuration while it is read: what was sound so far, as the engine takes it, and everything that was not.
    # @api private
    class Draft
      # @return [String] the file that is read, as the person named it
      attr_reader :file
      # @return [Array<Problem>] all that is wrong, in the order it was found
      attr_reader :problems
      # @return [Exception, nil] the first exception that the file or block raised
      attr_reader :cause
      # @return [Boolean] whether a block is read whose `self` was another object before
      attr_accessor :takes_self

      # Reads a file. One that cannot be read is a problem like any other.
      def self.of_file(path)
        draft = new(path, File.dirname(File.expand_path(path)))
        source = draft.source_of(path) or return draft
        # A lambda, so that a `return` in the file ends the file.
        draft.evaluate(source, &->(dsl) { dsl.instance_eval(source, path, 1) })
        draft
      end

      # Reads a block. Its relative paths start from the working directory.
      def self.of_block(block)
        path = block.source_location&.first || "(block)"
        draft = new(path, Config.working_directory)
        source = File.file?(path) ? File.read(path) : ""
        draft.takes_self = block.arity != 1
        draft.evaluate(source) { |dsl| block.arity == 1 ? block.call(dsl) : dsl.instance_exec(&block) }
        draft
      end

      def initialize(file, directory)
        @file = file
        @directory = directory
        @problems = []
        @binds = []
        @upstreams = []
        @settings = {}
        @set_at = {}
        @scopes = [[]]
      end

      # The text of the file, or nil after saying why there is none.
      def source_of(path)
        source = File.read(path, encoding: Encoding::UTF_8)
        return source if source.valid_encoding?

        trouble("this file is not valid UTF-8: save it as UTF-8")
      rescue Errno::ENOENT
        trouble("there is no such file: `proxy init` writes a first one")
      rescue Errno::EISDIR
        trouble("this is a folder: name the file in it")
      rescue SystemCallError => error
        trouble("this file cannot be read (#{error.class.new.message}): check its permissions")
      end

      # Runs the configuration and gathers what it raises.
      def evaluate(source)
        @statements = Statements.new(source)
        yield DSL.new(self)
      rescue SyntaxError => error
        @cause = error
        @problems.concat(Trouble.syntax(error, file))
      rescue StandardError, ScriptError, SystemStackError => error
        @cause = error
        problem = Trouble.raised(error, file)
        # What follows from a word that was reported already is not told again.
        @problems << problem unless @problems.any? { |known| known.line && known.line == problem.line }
      end

      # The configuration as the engine takes it.
      def to_h
        { "binds" => @binds, "upstreams" => @upstreams, "routes" => @scopes.first, **@settings }
      end

      # The place of the directive that is being called.
      def place(directive)
        frames = caller_locations(2)
        frame = frames.find { |location| location.path == file } ||
                frames.find { |location| !location.path.start_with?(File.dirname(__dir__)) }
        line = frame&.lineno || 1
        line = @statements.line_of(directive.to_s, line) if frame&.path == file
        Place.new(problems: @problems, directive: directive, file: frame&.path || file, line: line, directory: @directory)
      end

      def add_bind(bind)
        @binds << bind
      end

      def add_upstream(upstream)
        @upstreams << upstream
      end

      # Keeps the value of a directive that may be written once.
      def set(name, value, place)
        return place.error("is set twice, first at #{@set_at[name]}: keep one of the lines") if @set_at.key?(name)

        @set_at[name] = place.to_s
        @settings[name.to_s] = value unless value.equal?(INVALID)
      end

      # Adds a handler or a location to the scope that is being read.
      def add_route(route)
        @scopes.last << route
      end

      # Reads the inside of a location and returns what stands in it.
      def inside
        @scopes.push([])
        yield
        @scopes.last
      ensure
        @scopes.pop
      end

      # Whether we are outside of every location. Reports the directive if not.
      def top_level?(place)
        return true if @scopes.one?

        place.error("belongs outside of every location: move it to the top level")
        false
      end

      def unknown(word)
        return place(word).error("is not available in this version: leave it out") if Options::LATER.include?(word)

        nearest = Spelling.nearest(word, Options::WORDS)
        known = nearest ? "" : ": the directives are #{Options::WORDS.join(", ")}"
        place(word).error("unknown directive#{" (did you mean #{nearest}?)" if nearest}#{known}#{foreign_self unless nearest}")
      end

      # What explains a method or an instance variable that is there outside of the block; empty for a file.
      def foreign_self
        takes_self ? "; `self` is the configuration here: to reach your own methods and @variables, write { |config| config.proxy … }" : ""
      end

      private

      def trouble(message)
        @problems << Problem.new(file: file, message: message)
        nil
      end
    end
  end
end
