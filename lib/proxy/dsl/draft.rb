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
    # A configuration while it is read: the sound part so far, in the engine's form, and all problems.
    # @api private
    class Draft
      # @return [String] the file that is read, as the user named it
      attr_reader :file
      # @return [Array<Problem>] all problems, in the order in which they were found
      attr_reader :problems
      # @return [Exception, nil] the first exception that the file or block raised
      attr_reader :cause
      # @return [Array<#call>] the Ruby blocks that run while the server runs, by the numbers that the engine knows
      attr_reader :blocks
      # @return [Boolean] whether the configuration is a block that replaces the caller's `self`
      attr_accessor :takes_self
      # @return [Puma::Target, nil] the Puma behind the proxy; nil outside of config/puma.rb
      attr_accessor :target

      # Facts about one file: where its statements begin, the folder that its relative paths start from, and its source.
      Text = Struct.new(:statements, :directory, :source)
      private_constant :Text

      # Reads a file. An unreadable file is reported as a problem.
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
        @events = []
        @settings = {}
        @set_at = {}
        @scopes = [[]]
        @around = []
        @texts = {}
        @reading = {}
        @bare = []
        @tunnels = [false]
        @unknown = []
        @applications = []
        @sandbox = Sandbox.new
        @blocks = []
        @closed = false
      end

      # @return [String] without the content, which may hold secrets
      def inspect
        "#<#{self.class} #{file}>"
      end

      # The text of a file; nil if it cannot be read, which is reported.
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

      # All problems, without those that another problem causes.
      def told
        Aftermath.clear(problems, @unknown, @texts.transform_values(&:source))
      end

      # Whether a line has an unknown word, so that values on it are missing.
      def unknown_at?(file, line)
        @unknown.any? { |problem| problem.file == file && problem.line == line }
      end

      # Runs the configuration and turns its exceptions into problems.
      def evaluate(source, path = file, directory = @directory)
        @texts[path] = Text.new(Statements.new(source), directory, source)
        yield DSL.new(self)
      rescue SyntaxError => error
        @cause ||= error
        @problems.concat(Exceptions.syntax(error, path, @texts.keys, source))
      rescue Exception => error # rubocop:disable Lint/RescueException
        # Exceptions for the process or a caller (signals, exit, timeouts) are raised again.
        unless [StandardError, ScriptError, SystemStackError, SecurityError].any? { |kind| kind === error } ||
               error.instance_of?(Exception)
          raise
        end

        @cause ||= error
        problem = Exceptions.raised(error, path, @texts.transform_values(&:source))
        # An exception on a line that already has a problem is a consequence of it.
        unless @problems.any? { |known| known.line && [known.file, known.line] == [problem.file, problem.line] }
          @problems << problem
        end
      end

      # Runs text as a part of the configuration. Problems in it get the given file name and line.
      def run(dsl, source, path, line = 1)
        path = FilePath.text(path)
        @texts[path] ||= Text.new(Statements.new(line == 1 ? source : ""), @directory, line == 1 ? source : "")
        @sandbox.run(dsl, source, path, line)
      end

      # Reads another file as a part of this configuration. Messages call it `named`. Returns a message if the file
      # would include itself.
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

      # Notes the file that is being read, and checks its text for adjacent Strings.
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

      # The configuration in the engine's form.
      def to_h
        { "binds" => @binds, "upstreams" => @upstreams, "events" => @events, "routes" => @scopes.first, **@settings }
      end

      # The place of the directive that is being called: the innermost line of the configuration, else the line of the
      # caller.
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

      def add_event(event)
        @events << event
      end

      # Adds a place of the control API: its options in the engine's form, with `true` or `false` for an address.
      def add_control(control, place)
        @control ||= []
        both = [*@control, control].map { |one| one["address"] == false }.uniq
        return place.error("false and another place contradict each other: keep one of the lines") if both.length > 1

        @control << control
      end

      # @return [Array<Hash>, nil] the places of the control API; nil if none is written, not even `false`
      attr_reader :control

      # Adds a Ruby block that runs while the server runs, and returns its number. It is called with the argument of a
      # call and the call, and returns the answer.
      def add_block(callable)
        @blocks << callable
        @blocks.length - 1
      end

      # Notes that the configuration is complete. What its blocks call later is no directive.
      def close
        @closed = true
      end

      def closed?
        @closed
      end

      # Raises if a word is called after the configuration was read.
      def reading!(word)
        return unless closed?

        raise Error, "#{word} is a word of the configuration, which was read before: a block that runs later cannot " \
                     "use it"
      end

      # @return [Array<Application>] the Rack applications that are mounted
      attr_reader :applications

      # Sets the value of a directive that may be written only once.
      def set(name, value, place)
        return place.error("is set twice, first at #{@set_at[name]}: keep one of the lines") if @set_at.key?(name)

        @set_at[name] = place.to_s
        @settings[name.to_s] = value unless value.equal?(INVALID)
      end

      # Trusts these proxies in front too, besides those that are written.
      def trust(addresses)
        written = @settings.fetch("trusted_proxies", { "value" => [] })
        @settings["trusted_proxies"] = { **written, "value" => written.fetch("value") | addresses }
      end

      # Adds a handler or a location to the scope that is being read.
      def add_route(route)
        @scopes.last << route
      end

      # Reads the inside of a location and returns its routes. `paths` are the paths of the location, if any; `tunnels`
      # is whether it matches only upgrade requests.
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

      # Warns of a `proxy` for WebSockets that does not set which Host its backend gets. Action Cable, for example,
      # compares Host with Origin.
      def host_for_tunnel(options, place)
        return unless @tunnels.last && !options.key?(:preserve_host)
        return if options[:to].to_s.match?(/\{host\}/i)
        return if options[:headers].is_a?(Hash) && options[:headers].keys.any? { |name| name.to_s.casecmp?("host") }

        place.warning("preserve_host: a WebSocket backend that compares Origin with Host, as Rails does, needs the " \
                      "client's Host: write preserve_host: true, or false if it does not")
      end

      # The paths of the enclosing locations, outer ones first.
      attr_reader :around

      # Whether the current line is outside of every location.
      def outermost?
        @scopes.one?
      end

      # Whether the current line is outside of every location. If not, reports the directive.
      def top_level?(place)
        return true if outermost?

        place.error("belongs outside of every location: move it to the top level")
        false
      end

      # Reports an unknown word with its arguments.
      def unknown(word, arguments = [], options = {}, block = nil)
        place = place(word, Typography.word(word) ? "" : word)
        behind = [*arguments, *options.values, *block]
        given = options.empty? ? arguments : [*arguments, options]
        # In `balance roundrobin` Ruby calls the second word first. One message for both is enough.
        forget_bare_words(place) if behind.include?(nil)
        report_unknown(place, word, behind.empty?, given)
        @bare << problems.last if behind.empty?
        @unknown << problems.last
      end

      # A hint for methods and instance variables that exist outside of the block; empty for a file.
      def foreign_self
        return "" unless takes_self

        "; `self` is the configuration here: to reach your own methods and @variables, " \
          "write { |config| config.proxy … }"
      end

      # The folder of the gem's own code.
      OWN = FilePath.text(File.dirname(__dir__))
      private_constant :OWN

      private

      def forget_bare_words(place)
        problems.reject! do |problem|
          place.at == { "file" => problem.file, "line" => problem.line } && @bare.any? { |bare| bare.equal?(problem) }
        end
      end

      # Reports an unknown word. A bare word is more likely an undefined variable than a word of another system.
      def report_unknown(place, word, bare, given)
        message = Unknown.explain(word, bare, text_at(place), given)
        place.error("#{message}#{foreign_self if message.match?(/`proxy help` lists/)}", code: :word)
      end

      # The source line at a place.
      def text_at(place)
        at = place.at
        @texts[at["file"]]&.source.to_s.lines[at["line"].to_i - 1]
      end

      # Whether a frame belongs to the configuration: to a file, or to text that the configuration evaluates itself.
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
