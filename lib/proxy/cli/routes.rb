# frozen_string_literal: true

module Proxy
  module CLI
    # `proxy routes`
    # @api private
    class Routes < Command
      describe "show what is done with which request", <<~HELP
        proxy routes [-c PATH]
        proxy routes [-c PATH] [METHOD] URL [-H 'NAME: VALUE']... [--remote ADDRESS]

        Prints the locations, filters and handlers of the configuration, each with its
        line. With a URL it says what a request for it would get: the location, what
        that captures, the filters, the handler and its backends, and why no other
        location takes it; and, line by line, the request that the backend gets: Host,
        X-Forwarded-For and all the others. Nothing is started and nothing is sent.

          -c, --config PATH           the configuration (as with `proxy start`)
              --to ADDRESS            no file: a backend (as with `proxy start`)
          -H, --header 'NAME: VALUE'  a header of the request; repeatable
              --remote ADDRESS        where the connection comes from (127.0.0.1): the
                                      client, or one of trusted_proxies
          -h, --help                  this text

        Examples:
          proxy routes
          proxy routes GET http://api.example.com/users/7
          proxy routes http://localhost:8080/ -H 'X-Beta: 1' --remote 10.1.2.3
      HELP

      # Lines without the passwords of URLs.
      def self.without_passwords(lines)
        lines.map { |line| line.gsub(%r{(://)[^\s"'`/?#]*@}) { "#{$1}…@" } }
      end

      private

      def declare(options)
        config_option(options)
        to_option(options)
        options.on("-H", "--header FIELD", String) { |field| (@headers ||= []) << field }
        options.on("--remote ADDRESS", String) { |address| @remote = address }
      end

      def call(*rest)
        return explain(*rest) unless rest.empty?
        if @remote || @headers
          return usage("#{@remote ? "--remote" : "-H"} belongs to a URL: write one, such as http://localhost/")
        end

        configured { |config| @out.puts Routes.without_passwords(Table.new(config).lines) }
      end

      def explain(*words)
        return unexpected(words[2]) if words.length > 2

        question = Question.read(words, @headers || [], @remote)
        return usage(question) if question.is_a?(String)

        configured do |config|
          explained = Native.explain(config.to_h, question.to_h)
          next usage(explained) if explained.is_a?(String)

          @out.puts Routes.without_passwords(Answer.new(config, question, explained).lines)
        end
      end
    end
  end
end

require_relative "routes/words"
require_relative "routes/table"
require_relative "routes/question"
require_relative "routes/answer"
