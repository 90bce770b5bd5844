# frozen_string_literal: true

require "json"
require_relative "../control"

module Proxy
  module CLI
    # Base of the commands that ask a running proxy.
    # @api private
    class Asking < Command
      # A mistake of the command line.
      class Mistake < StandardError
      end
      private_constant :Mistake

      # The options that all of them take, for their help texts.
      NAMING = <<~TEXT
        -c, --config PATH       the proxy that runs with this file; else ./Proxyfile
            --socket PATH       the proxy with this control socket
            --url URL           the proxy with this control address, as of `control`
            --token-file FILE   the file with the token of that address
      TEXT
      # The variables that name a proxy where no option does.
      PLACE = "PROXY_CONTROL"
      TOKEN = "PROXY_CONTROL_TOKEN"
      # Exit status after Ctrl-C.
      INTERRUPTED = 128 + Signal.list.fetch("INT")

      # Puts the common options into a help text: the constant in place of a line with its name, such as `NAMING`.
      def self.describe(summary, help)
        super(summary, help.gsub(/^( *)([A-Z]+)\n/) { const_get($2).gsub(/^(?=.)/, $1) })
      end
      private_class_method :describe

      def run(arguments)
        super
      rescue Mistake => error
        usage(error.message)
      rescue Control::Failure => error
        refused(error)
      rescue Interrupt
        INTERRUPTED
      end

      private

      def declare(options)
        config_option(options)
        options.on("--socket PATH", String) { |path| @socket = path }
        options.on("--url URL", String) { |url| @url = url }
        options.on("--token-file FILE", String) { |path| @token_file = path }
        options.on("--json") { @json = true }
      end

      # Follows events as {Control::Remote#events} does, and goes on with the process that takes the place of another.
      # Returns once the proxy has ended.
      def follow(**choice)
        pid = nil
        loop do
          control.events(**choice) do |event|
            pid = event.data[:pid] if event.name == :figures
            yield event
          end
          break unless replaced?(pid)
        end
      end

      # Whether another process answers in its place.
      def replaced?(pid)
        !pid.nil? && control.status[:pid] != pid
      rescue Control::Failure
        false
      end

      # An option with a whole number that is not below `least`.
      def whole_option(options, name, least)
        options.on(name, String) do |text|
          number = Integer(text, 10, exception: false)
          raise OptionParser::InvalidArgument, "#{text}: write a whole number from #{least} on" unless
            number && number >= least

          yield number
        end
      end

      # An option with seconds, which may be 0 unless it says otherwise.
      def number_option(options, name, above_zero: false)
        options.on(name, String) do |text|
          number = Float(text, exception: false)
          raise OptionParser::InvalidArgument, "#{text}: write a number of seconds, such as 30" unless
            number&.finite? && (above_zero ? number.positive? : !number.negative?)

          yield number
        end
      end

      # The proxy that the options name.
      def control
        @control ||= begin
          Control.connect(@socket || @url || named, token: token, config: @path)
        rescue ArgumentError => error
          raise Mistake, error.message
        end
      end

      # The place that the environment names; nil if a file does.
      def named
        place = ENV.fetch(PLACE, "")
        place unless place.empty? || @path
      end

      def token
        return ENV.fetch(TOKEN, "").then { |token| token unless token.empty? } unless @token_file

        File.read(@token_file).strip
      rescue SystemCallError => error
        raise Mistake, "--token-file #{@token_file} cannot be read: #{error.message[/\A[^@]+/].strip}"
      end

      def call(*rest)
        given = [("--socket" if @socket), ("--url" if @url), ("-c" if @path)].compact
        return usage("#{given.first(2).join(" and ")} exclude each other: leave one of them out") if given.length > 1

        obey(*rest)
      end

      # Does what the command is for.
      def obey(*rest)
        rest.empty? ? perform : unexpected(rest.first)
      end

      # Prints an answer: as JSON, or as the block's lines.
      def answer(facts)
        @out.puts(@json ? json(facts) : yield)
        OK
      end

      # Facts as they are printed: for people too, unless there are more of them.
      def json(facts) = Amounts.json(lines? ? JSON.generate(facts) : JSON.pretty_generate(facts))

      # Whether the command prints JSON in lines.
      def lines? = false

      # Prints what went wrong.
      def refused(error)
        problems = error.is_a?(Control::Refused) ? error.problems : []
        if @json
          status = error.status if error.is_a?(Control::Refused)
          @out.puts json({ error: error.message, status: status, problems: problems.map(&:to_h) })
        else
          # A message may be made from them.
          problems.each { |it| @err.puts Amounts.on_lines(it) unless error.message.include?(it.to_s) }
          @err.puts "proxy #{name}: #{Amounts.on_lines(plain(error))}"
        end
        FAILED
      end

      # The message, with the words of the command line.
      def plain(error)
        return "the token is missing or wrong: write --token-file FILE, or set #{TOKEN}" if
          error.is_a?(Control::Refused) && error.status == 401

        error.message.delete_prefix("#{name}: ").sub("name its socket", "name it with --socket")
      end

      # The only argument.
      def one(arguments, what)
        return yield(arguments.first) if arguments.length == 1

        arguments.empty? ? usage("#{what}: `proxy status` shows the names") : unexpected(arguments[1])
      end
    end
  end
end
