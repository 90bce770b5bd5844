# frozen_string_literal: true

require_relative "adjacent"
require_relative "aftermath"
require_relative "exceptions"
require_relative "file_path"
require_relative "foreign"
require_relative "sandbox"
require_relative "statements"
require_relative "typography"
require_relative "unknown"

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

      # What is read of one file: where its statements begin, and the folder that its relative paths start from.
      Text = Struct.new(:statements, :directory, :source)
      private_constant :Text

      # Reads a file. One that cannot be read is a problem like any other.
      def self.of_file(path)
        path = FilePath.text(path)
        draft = new(path, FilePath.expand(File.dirname(path)))
        source = draft.source_of(path) or return draft
        draft.reading(path) { draft.evaluate(source) { |dsl| draft.run(dsl, source, path) } }
        draft
      end

      # Reads a block. Its relative paths start from the working directory.
      def self.of_block(block)
        path = FilePath.text(block.source_location&.first || "(block)")
        draft = new(path, Config.working_directory)
        source = File.file?(path) ? File.read(path, encoding: Encoding::UTF_8) : ""
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
        @around = []
        @texts = {}
        @reading = {}
        @bare = []
        @tunnels = [false]
        @unknown = []
        @sandbox = Sandbox.new
      end

      # @return [String] without what was read, of which some may be secret
      def inspect
        "#<#{self.class} #{file}>"
      end

      # The text of a file, or nil after saying why there is none.
      def source_of(path, named = path)
        source = File.read(path, encoding: Encoding::UTF_8)
        return source if source.valid_encoding?

        trouble("this file is not valid UTF-8: save it as UTF-8", named)
      rescue Errno::ENOENT
        trouble("there is no such file: `proxy init` writes a first one", named)
      rescue Errno::EISDIR
        trouble("this is a folder: name the file in it", named)
      rescue SystemCallError => error
        trouble("this file cannot be read (#{error.class.new.message}): check its permissions", named)
      end

      # All that is wrong, without what follows from something else that is.
      def told
        Aftermath.clear(problems, @unknown, @texts.transform_values(&:source))
      end

      # Whether a line has a word in it that is none, so that values on it are missing.
      def unknown_at?(file, line)
        @unknown.any? { |problem| problem.file == file && problem.line == line }
      end

      # Runs the configuration and gathers what it raises.
      def evaluate(source, path = file, directory = @directory)
        @texts[path] = Text.new(Statements.new(source), directory, source)
        yield DSL.new(self)
      rescue SyntaxError => error
        @cause ||= error
        @problems.concat(Exceptions.syntax(error, path, @texts.keys, source))
      rescue Exception => error # rubocop:disable Lint/RescueException
        # What is meant for the process or for a caller, a signal, an exit or a time limit, goes there.
        unless [StandardError, ScriptError, SystemStackError, SecurityError].any? { |kind| kind === error } ||
               error.instance_of?(Exception)
          raise
        end

        @cause ||= error
        problem = Exceptions.raised(error, path, @texts.transform_values(&:source))
        # What follows from a word that was reported already is not told again.
        unless @problems.any? { |known| known.line && [known.file, known.line] == [problem.file, problem.line] }
          @problems << problem
        end
      end

      # Runs text as a part of the configuration. What is wrong in it is told by the name and the lines that it is said
      # to have.
      def run(dsl, source, path, line = 1)
        path = FilePath.text(path)
        @texts[path] ||= Text.new(Statements.new(line == 1 ? source : ""), @directory, line == 1 ? source : "")
        @sandbox.run(dsl, source, path, line)
      end

      # Reads another file, called `named`, as a part of this configuration. Returns what keeps it from being read, if
      # something does.
      def include_file(dsl, path, named)
        files = @reading.keys
        real = FilePath.real(path)
        first = files.index(real)
        if first
          return "would be read by itself (#{[*@reading.values_at(*files[first..]), named].join(", ")}): leave one " \
                 "of them out"
        end

        source = source_of(path, named) or return
        reading(path, named) { evaluate(source, named, File.dirname(path)) { run(dsl, source, named) } }
        nil
      end

      # Notes which file is being read, and looks at its text.
      def reading(path, named = path)
        real = FilePath.real(path)
        @reading[real] = named
        yield
        return if @problems.any? { |problem| problem.file == named && problem.code == :syntax }

        Adjacent.find(@texts[named]&.source.to_s).each do |line, message|
          @problems << Problem.new(file: named, line: line, message: message, severity: :warning)
        end
      ensure
        @reading.delete(real)
      end

      # The configuration as the engine takes it.
      def to_h
        { "binds" => @binds, "upstreams" => @upstreams, "routes" => @scopes.first, **@settings }
      end

      # The place of the directive that is being called: the innermost line of what was read, else of whoever calls us.
      def place(directive, label = directive)
        frames = caller_locations(2).reject { |location| FilePath.text(location.path).start_with?(OWN) }
        frame = frames.find { |location| read_text?(location) } || frames.first
        path = frame ? FilePath.text(frame.path) : file
        text = @texts[path]
        line = frame&.lineno || 1
        line = text.statements.line_of(directive.to_s, line) if text
        Place.new(problems: @problems, directive: label, file: path, line: line,
                  directory: text&.directory || @directory)
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

      # Reads the inside of a location and returns what is in it. `paths` are those of the location, if it has any, and
      # `tunnels` says whether it is for requests that upgrade alone.
      def inside(paths = nil, tunnels: false)
        @scopes.push([])
        @around.push(paths) if paths
        @tunnels << (tunnels || @tunnels.last)
        yield
        @scopes.last
      ensure
        @scopes.pop
        @around.pop if paths
        @tunnels.pop
      end

      # Warns of a `proxy` for WebSockets that does not say whose Host its backend gets: Action Cable, for one, compares
      # it with Origin.
      def host_for_tunnel(options, place)
        return unless @tunnels.last && !options.key?(:preserve_host)
        return if options[:to].to_s.match?(/\{host\}/i)
        return if options[:headers].is_a?(Hash) && options[:headers].keys.any? { |name| name.to_s.casecmp?("host") }

        place.warning("preserve_host: a WebSocket backend that compares Origin with Host, as Rails does, needs the " \
                      "client's Host: write " \
                      "preserve_host: true, or false if it does not")
      end

      # The paths of the locations around what is read, outer ones first.
      attr_reader :around

      # Whether we are outside of every location.
      def outermost?
        @scopes.one?
      end

      # The same, and the directive is reported if not.
      def top_level?(place)
        return true if outermost?

        place.error("belongs outside of every location: move it to the top level")
        false
      end

      # Reports a word that is no directive, with what stood behind it.
      def unknown(word, arguments = [], options = {}, block = nil)
        place = place(word, Typography.word(word) ? "" : word)
        behind = [*arguments, *options.values, *block]
        given = options.empty? ? arguments : [*arguments, options]
        # In `balance roundrobin` the second word is told of before the first. One line about both is enough.
        forget_bare_words(place) if behind.include?(nil)
        report_unknown(place, word, behind.empty?, given)
        @bare << problems.last if behind.empty?
        @unknown << problems.last
      end

      # What explains a method or an instance variable that is there outside of the block; empty for a file.
      def foreign_self
        return "" unless takes_self

        "; `self` is the configuration here: to reach your own methods and @variables, " \
          "write { |config| config.proxy … }"
      end

      # Where our own methods stand.
      OWN = FilePath.text(File.dirname(__dir__))
      private_constant :OWN

      private

      def forget_bare_words(place)
        problems.reject! do |problem|
          place.at == { "file" => problem.file, "line" => problem.line } && @bare.any? { |bare| bare.equal?(problem) }
        end
      end

      # A bare word is rather a variable that is not there than a word of another system.
      def report_unknown(place, word, bare, given)
        message = Unknown.explain(word, bare, text_at(place), given)
        place.error("#{message}#{foreign_self if message.match?(/`proxy help` lists/)}", code: :word)
      end

      # The line of a source.
      def text_at(place)
        at = place.at
        @texts[at["file"]]&.source.to_s.lines[at["line"].to_i - 1]
      end

      # Whether a line belongs to what was read: to a file, or to text that the configuration runs by itself.
      def read_text?(location)
        @texts.key?(FilePath.text(location.path)) || (takes_self.nil? && location.absolute_path.nil?)
      end

      def trouble(message, named)
        @problems << Problem.new(file: named, message: message, code: :file)
        nil
      end
    end
  end
end
