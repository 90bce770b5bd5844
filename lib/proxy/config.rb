# frozen_string_literal: true

require_relative "dsl"
require_relative "control/place"
require_relative "error"
require_relative "listeners"
require_relative "native"
require_relative "config/app"

module Proxy
  # A configuration that was read and checked. It may have errors.
  # @api private
  class Config
    # Paths where a configuration is looked for, in this order.
    FILES = ["Proxyfile", "config/proxy.rb"].freeze

    # The first configuration file in the working directory; `Proxyfile` if there is none.
    def self.find
      FILES.find { |path| File.file?(path) } || FILES.first
    end

    # Reads a file or a block. Mistakes of the configuration do not raise, and nothing is bound. `binds` replaces the
    # addresses of the file; `listeners` are sockets to listen on. `app` is the application that a backend `:app` stands
    # for. `control`: whether the control API has its usual socket if the configuration says nothing of it; `:successor`
    # if this process also takes its places from the one whose place it takes.
    def self.load(path = nil, binds: nil, listeners: nil, app: nil, control: false, &block)
      raise ArgumentError, "give a path or a block, not both" if path && block

      unless binds.nil? || binds.is_a?(Array)
        raise TypeError, "binds must be an Array of URLs, not #{DSL::Format.kind(binds)}"
      end

      Source.new(block ? nil : path_of(path), working_directory, block, binds, app, Listeners.of(listeners), control)
            .read
    end

    # Makes a configuration from addresses of the command line (`--to`): each is a backend and gets the client's `Host`.
    def self.to(addresses, binds: nil, listeners: nil, control: false)
      Targets.new(addresses, binds, Listeners.of(listeners), control).read
    end

    # The working directory; the root if it was deleted, so that absolute paths still work.
    def self.working_directory
      Dir.pwd
    rescue SystemCallError
      "/"
    end

    def self.path_of(path)
      path = path.to_path if path.respond_to?(:to_path)
      return path if path.is_a?(String)
      return find if path.nil?

      raise TypeError, "a path must be a String, not #{DSL::Format.kind(path)}"
    end

    # The source of a configuration (file or block). A reload reads it again.
    # @api private
    class Source
      attr_reader :path, :directory, :block, :binds, :app, :listeners, :control

      def initialize(path, directory, block, binds, app = nil, listeners = nil, control = false)
        @path = path
        @directory = directory
        @block = block
        @binds = binds
        @app = app
        @listeners = listeners
        @control = control
      end

      # The usual place of its control socket; nil if there can be none.
      def usual_socket
        @usual_socket ||= Control::Place.new(path, directory: directory).choose
      end

      # Reads the source in its present state.
      def read
        Config.new(block ? DSL::Draft.of_block(block) : DSL::Draft.of_file(file), self)
      end

      # Another source that keeps the `binds` and `listeners` of this one.
      def other(path, block)
        raise ArgumentError, "give a path or a block, not both" if path && block

        Source.new(block ? nil : Config.path_of(path), Config.working_directory, block, binds, app, listeners,
                   control)
      end

      # The problems in the form in which they are shown.
      def told(problems) = problems

      private

      # The file as it was named; its absolute path if the working directory has changed.
      def file
        Dir.pwd == directory ? path : DSL::FilePath.expand(path, directory)
      rescue SystemCallError
        DSL::FilePath.expand(path, directory)
      end
    end

    # Addresses of the command line as a source. Their problems have no line of a file.
    # @api private
    class Targets < Source
      def initialize(addresses, binds, listeners, control)
        super(nil, Config.working_directory, nil, binds, nil, listeners, control)
        @addresses = addresses
      end

      # Makes the configuration from the addresses. The result never changes.
      def read
        draft = DSL::Draft
                .new(Problem.without_secrets(@addresses.map { |address| "--to #{address}" }.join(" ")), directory)
        draft.evaluate("") do |dsl|
          dsl.access_log("combined")
          dsl.proxy(backends: @addresses, preserve_host: true)
        end
        draft.to_h.fetch("routes").each { |route| route.fetch("proxy").delete("at") }
        Config.new(draft, self)
      end

      def told(problems)
        ports = @addresses.select { |address| address.match?(/\A:?\d+\z/) }
        return problems.map { |problem| relabelled(problem) } if ports.empty?

        ports.map { |port|
          Problem.new(directive: "--to", message: "#{port.inspect} is a port alone: write " \
                                                                   "localhost:#{port.delete(":")}")
        }
      end

      private

      # Remedies that need a file, and their replacements on a command line.
      REMEDIES = {
        "put it into `to`" => "leave it out, or put it into the `to` of a Proxyfile",
        "with `headers`" => "with `headers` in a Proxyfile",
        /write (to: ".*"), or leave it out/ => 'leave it out, or write a Proxyfile with proxy \1'
      }.freeze
      private_constant :REMEDIES

      def relabelled(problem)
        message = REMEDIES.reduce(problem.message.delete_prefix("backends: ")) do |text, (file, here)|
          text.sub(file, here)
        end
        Problem.new(directive: problem.directive == "bind" ? "bind" : "--to", message: message,
                    severity: problem.severity)
      end
    end

    # No file at all: everything goes to the application that `proxy run` starts.
    # @api private
    class Alone < Source
      def initialize(app, binds, control, listeners = nil)
        super(nil, Config.working_directory, nil, binds, app, listeners, control)
      end

      def read
        draft = DSL::Draft.new("proxy run", directory)
        draft.evaluate("") { |dsl| dsl.access_log("combined") }
        Config.new(draft, self)
      end
    end

    # @return [Source] the source that a reload reads again
    attr_reader :source
    # @return [String] the file, as it was named
    attr_reader :file
    # @return [Array<Problem>] errors and warnings, by file and line
    attr_reader :problems

    def initialize(draft, source)
      @source = source
      @file = draft.file
      @cause = draft.cause
      read = draft.told
      @hash = draft.to_h
      @blocks = draft.blocks
      @applications = draft.applications
      draft.close
      @hash["binds"] = Config.binds(source.binds, read) if source.binds&.any?
      @hash["binds"] = source.listeners.binds(@hash["binds"], source.binds&.any?) if source.listeners
      @hash["control"] = control(draft, read)
      @draft = draft
      application(read)
      @problems = Problem.sort(source.told(read + engine_problems(read) + loops(read))).freeze
      @draft = nil
    end

    # Reads addresses that were given outside of the file. Their problems have no line.
    def self.binds(urls, problems)
      draft = DSL::Draft.new("--bind", working_directory)
      draft.evaluate("") { |dsl| urls.each { |url| dsl.bind(url) } }
      problems.concat(draft.problems.map { |problem| Problem.new(directive: "bind", message: problem.message) })
      draft.to_h.fetch("binds").map { |bind| bind.except("at") }
    end

    # @return [String] without the content, which may hold secrets
    def inspect
      "#<#{self.class} #{file}>"
    end

    # @return [Array<Application>] the Rack applications that the configuration mounts
    attr_reader :applications

    # @return [Hash] the configuration as the engine takes it
    def to_h
      @hash
    end

    # @return [Array<IO, false, nil>] for each bind the socket that the program hands over; false if it is closed by now
    def sockets
      source.listeners&.sockets(@hash.fetch("binds")) || []
    end
    # @return [Array<#call>] the Ruby blocks, by the numbers that the engine knows: each is called with the argument of
    #   a call and the call, and returns the answer
    attr_reader :blocks

    # @return [Array<Problem>] problems that keep the server from starting
    def errors
      problems.select(&:error?)
    end

    # @return [Array<Problem>] problems that are legal, but probably mistakes
    def warnings
      problems.select(&:warning?)
    end

    # Prints the warnings as the command does.
    def print_warnings
      warnings.each { |warning| warn "warning: #{warning}" }
    rescue SystemCallError, IOError
      # Standard error cannot be written: start without the warnings.
    end

    # @return [Boolean] whether it is for `proxy run`: it names the application that this starts
    def for_run?
      @for_run
    end

    # @return [Config] the same, but no request waits for the application that `proxy run` starts
    def without_hold
      dup.tap { |config| config.instance_variable_set(:@hash, App.without_hold(@hash)) }
    end

    # Raises a ConfigurationError with all errors. Its cause is the exception that the file raised, if any.
    def validate!
      raise ConfigurationError.new(errors), cause: @cause unless errors.empty?

      self
    end

    # @return [Numeric] seconds that requests in flight may take when the server stops
    def shutdown_timeout
      @hash.dig("shutdown_timeout", "value") || Native.defaults.dig(:server, :shutdown_timeout, :value)
    end

    # @return [Numeric] seconds that tunnels and event streams may take when the server stops
    def tunnel_grace
      @hash.dig("tunnel_grace", "value") || Native.defaults.dig(:server, :tunnel_grace, :value)
    end

    # @return [Integer] the number of addresses to listen on
    def bind_count
      [@hash.fetch("binds").length, 1].max
    end

    # @return [Integer] the number of handlers, including those in locations
    def route_count(routes = @hash.fetch("routes"))
      routes.sum do |route|
        next 0 if route.key?("filter")

        route.key?("location") ? route_count(route.dig("location", "routes")) : 1
      end
    end

    private

    # The places of the control API in the engine's form.
    def control(draft, read)
      written = draft.control || (source.control ? [{ "address" => true, "is_optional" => true }] : [])
      written.reject { |place| place["address"] == false }.filter_map do |place|
        next place unless place["address"] == true

        path = source.usual_socket
        next { **place, "address" => "unix://#{path}" } if path

        at = place.fetch("at", {})
        read << Problem.new(file: at["file"], line: at["line"], directive: "control", severity: :warning,
                            message: "there is no place for a socket, so the proxy cannot be asked while it runs: " \
                                     'make a folder tmp, write control "unix:PATH", or control false')
        nil
      end
    end

    # Codes of warnings that hold only for a complete configuration: if a part could not be read, a location may match
    # more than was meant.
    OF_THE_WHOLE = %i[unreachable unanswered unused].freeze
    private_constant :OF_THE_WHOLE

    # Warnings about loops. Only for a configuration without errors, since a stand-in for a wrong value may look like a
    # loop.
    def loops(read)
      read.none?(&:error?) ? DSL::Loops.find(@hash) : []
    end

    # Puts the application in the place of `:app`. Without one, each `:app` is a problem.
    def application(read)
      @for_run = App.in?(@hash)
      @app = source.app if source.app&.wanted?(@hash)
      return join(read) if @app

      App.places(@hash).each do |directive, at|
        read << Problem.new(file: at["file"], line: at["line"], directive: directive,
                            message: "backends: :app is the application that `proxy run` starts: write proxy run -- " \
                                     "and the command of the application, or its address here, such as " \
                                     '"127.0.0.1:3000"')
      end
    end

    # Puts the application in. It cannot listen where this proxy does.
    def join(read)
      @app.join(@hash)
      return unless DSL::Loops.listens?(@hash, @app.address)

      read << Problem.new(message: "the application is to listen on #{@app.address}, where this proxy listens: write " \
                                   "another port into its command, or another --bind for the proxy")
    end

    # Problems of the application's last handler. That no request reaches it is a mistake only if the application gets
    # no other requests.
    def without_last_handler(found)
      taken, rest = found.partition { |problem| problem.code == :unreachable && problem.file.nil? && @app }
      return rest if taken.empty?

      @app.leave(@hash)
      return rest if @for_run

      [*rest, Problem.new(file: @file, code: :unused,
                          message: "the application that `proxy run` starts is asked for nothing, since a handler " \
                                   "takes every request: put that into a location, or write proxy backends: [:app]")]
    end

    # Problems that only the engine finds, in the part that is sound. Problems of the whole configuration (`:empty`, no
    # `proxy`) are reported for the file, and only if everything was sound: with a misspelt `proxy` they would be false.
    def engine_problems(read)
      found = without_last_handler(Problem.from_native(Native.check(@hash)))
      found.filter_map do |problem|
        next if @draft.unknown_at?(problem.file, problem.line)
        next if read.any? && OF_THE_WHOLE.include?(problem.code)
        next problem unless problem.code == :empty
        next unless read.empty? && found.none?(&:error?)

        Problem.new(file: @file, message: problem.message, severity: problem.severity, code: problem.code)
      end
    end
  end
end
