# frozen_string_literal: true

require "optparse"

module Proxy
  module CLI
    # Base of all commands: options, usage errors, printing of problems.
    # @api private
    class Command
      class << self
        # @return [String] the command's purpose, in a few words
        attr_reader :summary
        # @return [String] its help text
        attr_reader :help

        private

        def describe(summary, help)
          @summary = summary
          @help = help
        end
      end

      def initialize(out, err)
        @out = out
        @err = err
      end

      # Runs the command and returns the exit status.
      def run(arguments)
        rest = parse(arguments)
        return help if @help
        return usage("-c and --to exclude each other: leave one of them out") if @path && @targets

        call(*rest)
      rescue OptionParser::ParseError => error
        usage(error.message.lines(chomp: true).reject(&:empty?).join(" ").sub(
                / Did you mean\?\s+(\S+).*/, ' (did you mean --\1?)'
              ))
      end

      private

      # The command's name on the command line.
      def name
        self.class.name[/\w+\z/].downcase
      end

      def parser
        OptionParser.new do |options|
          options.on("-h", "--help") { @help = true }
          declare(options)
        end
      end

      # Reads the options and returns the other arguments.
      def parse(arguments) = parser.parse(arguments)

      # Declares the options other than -h.
      def declare(options)
      end

      def config_option(options)
        options.on("-c", "--config PATH", String) { |path| @path = path }
      end

      def to_option(options)
        options.on("--to ADDRESS", String) { |address| (@targets ||= []) << address }
      end

      # The configuration that the options name. `app` is what `:app` stands for in a file.
      def configuration(app: nil, **binds)
        @targets ? Config.to(@targets, **binds) : Config.load(@path, app: app, **binds)
      end

      # Reads the configuration, and runs the block with it. Problems are printed as by `proxy check`. Returns the exit
      # status: that of the block if it is one.
      def configured
        config = configuration(app: Config::Unknown.new)
        errors = config.errors
        return complain(errors, "#{config.file} has #{count(errors.length, "error")}.") unless errors.empty?

        status = yield config
        status.is_a?(Integer) ? status : OK
      end

      def call(*rest)
        rest.empty? ? perform : unexpected(rest.first)
      end

      def unexpected(argument)
        address = Elsewhere.address(argument) if declared?("to")
        hint = declared?("config") && File.exist?(argument) ? ": write -c #{argument}" :
          (": write --to #{address}" if address)
        usage("unexpected argument #{argument.inspect}#{hint}")
      end

      def declared?(long)
        !parser.top.long[long].nil?
      end

      def usage(message)
        @err.puts "proxy #{name}: #{message}"
        @err.puts "`proxy help #{name}` says what it takes."
        USAGE
      end

      def help
        @out.puts self.class.help
        OK
      end

      # Prints problems, one line each.
      def complain(problems, conclusion)
        problems.each { |problem| @err.puts problem }
        @err.puts conclusion
        FAILED
      end

      def count(number, word)
        "#{number} #{word}#{"s" unless number == 1}"
      end
    end
  end
end
