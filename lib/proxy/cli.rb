# frozen_string_literal: true

require_relative "../proxy"
require_relative "cli/printer"
require_relative "cli/command"
require_relative "cli/elsewhere"
require_relative "cli/start"
require_relative "cli/run"
require_relative "cli/check"
require_relative "cli/routes"
require_relative "cli/certificates"
require_relative "cli/init"
require_relative "cli/version"
require_relative "cli/help"

module Proxy
  # The `proxy` command.
  module CLI
    # The commands in groups, in the order of the help text. The class of `status` is {Status}, and so on.
    GROUPS = {
      "Serve" => %w[start run],
      "Prepare" => %w[init check routes certificates],
      "See a running proxy" => %w[status top logs],
      "Steer it" => %w[reload stop upgrade],
      "Steer its upstreams" => %w[drain ready down backends pause resume maintenance deploy split purge],
      "More" => %w[help version]
    }.freeze
    # The name of every command.
    COMMANDS = GROUPS.values.flatten.freeze
    # Files of what only the commands need that ask a running proxy: a proxy itself starts without them.
    { amounts: %i[Amounts], asking: %i[Asking], departure: %i[Departure Ending], status: %i[Status], top: %i[Top],
      logs: %i[Logs], states: %i[States Drain Ready Down], backends: %i[Backends], reload: %i[Reload], stop: %i[Stop],
      upgrade: %i[Upgrade], pauses: %i[Pause Resume], maintenance: %i[Maintenance], deploy: %i[Deploy],
      split: %i[Split], purge: %i[Purge] }.each do |file, names|
      names.each { |name| autoload name, File.expand_path("cli/#{file}", __dir__) }
    end
    # Options that stand for a command.
    SHORTHAND = { "-h" => "help", "--help" => "help", "-v" => "version", "--version" => "version" }.freeze

    # Exit status: success.
    OK = 0
    # Exit status: the configuration is wrong, an address cannot be bound, no proxy runs, or it has refused.
    FAILED = 1
    # Exit status: the command line is wrong (EX_USAGE of sysexits.h).
    USAGE = 64

    # Runs a command line.
    #
    # @param arguments [Array<String>] the arguments after `proxy`
    # @param out [IO] for the output that was asked for
    # @param err [IO] for errors
    # @return [Integer] the exit status: 0, 1 for a wrong configuration or if a running proxy refuses, 64 for a wrong
    #   command line; that of the application after `run`
    # @example
    #   exit Proxy::CLI.run(["check", "-c", "config/proxy.rb"])
    def self.run(arguments, out: $stdout, err: $stderr)
      # The reader of our output may close it at any time, as in `proxy help | head -1`.
      out, err = Printer.new(out), Printer.new(err)
      # Arguments are UTF-8 whatever the locale says, as configurations are.
      arguments = arguments.map { |argument| argument.dup.force_encoding(Encoding::UTF_8) }
      broken = arguments.find { |argument| !argument.valid_encoding? }
      return unknown(err, "#{broken.inspect} is not valid UTF-8: write it in UTF-8") if broken

      name, rest = split(arguments)
      return command(name).new(out, err).run(rest) if COMMANDS.include?(name)

      answer = Elsewhere.answer(name)
      nearest = DSL::Spelling.nearest(name, COMMANDS) unless answer
      remedy = answer ? ": #{answer}" : (" (did you mean #{nearest}?)" if nearest)
      unknown(err, "there is no command #{name.inspect}#{remedy}")
    end

    # The class of a command.
    # @api private
    def self.command(name) = const_get(name.capitalize)

    # Reports a mistake of the command line as a whole.
    def self.unknown(err, message)
      err.puts "proxy: #{message}"
      err.puts "`proxy help` lists the commands."
      USAGE
    end
    private_class_method :unknown

    # The name of the command and its arguments; `start` may be left out.
    def self.split(arguments)
      first, *rest = arguments
      return ["start", arguments] if first.nil?
      return [SHORTHAND.fetch(first), rest] if SHORTHAND.key?(first)

      first.start_with?("-") && !Elsewhere.answer(first) ? ["start", arguments] : [first, rest]
    end
    private_class_method :split
  end
end
