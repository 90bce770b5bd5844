# frozen_string_literal: true

module Proxy
  class Router
    # What is done with one request, and why.
    #
    # What only a running proxy can know is left out: whether a password is right, whether a rate limit is used up, what
    # `forward_auth` and Ruby blocks say. Such filters count as passed.
    #
    # @example
    #   found = router.explain("GET /old/page")
    #   [found.status, found.location]  # => [302, "/new/page"]
    class Explanation
      # @return [String] method and URL of the request
      attr_reader :request
      # @return [Hash{Symbol => String}] what the locations captured
      attr_reader :captures

      # @api private
      def initialize(config, question, told)
        @answer = CLI::Routes::Answer.new(config, question, told)
        @words = CLI::Routes::Words.new(config)
        @question = question
        @told = told
        @request = "#{question.request_method} #{question.url}"
        @captures = told[:captures].to_h.transform_keys(&:to_sym)
      end

      # @return [String, nil] the word that answers: a handler, or a filter such as `deny_list`; nil if none does
      def word
        return if refused

        CLI::Routes::Table.word(@answer.at(answered&.first || handler[:place])) if answered || handler
      end

      # @return [Integer, nil] status of the proxy's own response; nil if a backend or an application decides it
      def status
        return refused.first if refused
        return own[:status] if own

        404 unless handler
      end

      # @return [String, nil] the URL of a redirect
      def location = own&.fetch(:location)

      # @return [String, nil] the `WWW-Authenticate` of a response that asks for credentials
      def challenge = own&.fetch(:challenge)

      # @return [String, nil] body of a `static_response`
      def body
        word == "static_response" ? spec.fetch("body", Native.defaults.dig(:static_response, :body)) : nil
      end

      # @return [Boolean] whether a backend or an application gets the request
      def forwarded? = status.nil?

      # @return [String, nil] name of the upstream that gets the request; nil if it has none
      def upstream = pool&.first

      # @return [Array<String>] addresses of the backends, of which one gets the request; `":app"` is the application
      #   that `proxy run` starts
      def backends = pool ? pool[1].to_a.map { |backend| @words.address(backend) } : []

      # @return [String, nil] the URL that a backend is asked for; only its path if the `proxy` has no `to`
      def target = forwarded? ? handler[:target] : nil

      # @return [String, nil] request line that the backend gets, such as `GET /users HTTP/1.1`
      def line = sent&.fetch(:line)

      # @return [Array<Array(String, String)>] header fields that the backend gets
      def fields = sent ? sent[:fields] : []

      # @return [Array<String>] words of the filters that the request meets, in order
      def filters = met.map { |place| CLI::Routes::Table.word(@answer.at(place)) }

      # @return [Array<Hash{Symbol => Object}>] rate limits that count the request: `requests:`, `seconds:`, `key:`
      #   (`"address"`, or such as `{ header: "X-Api-Key" }`)
      def limits
        met.map { |place| @answer.at(place) }.select { |route| CLI::Routes::Table.word(route) == "rate_limit" }
           .map { |route| limit(CLI::Routes::Table.spec(route)) }
      end

      # @return [Array<Object>] everything by which the receiver of the request is known: upstream, host, target,
      #   addresses; for an application in this process `run` and its name
      def destinations
        return [] unless forwarded?
        return [word, spec["name"]].compact unless word == "proxy"

        [upstream, (@words.host(spec) unless pool), target, *backends].compact
      end

      # @return [String] in one sentence
      def summary
        return "it is redirected to #{location} with #{status}" if location
        return "it is answered with #{status}#{" by #{word}" if word}" if status

        "it is routed to #{upstream&.inspect || destinations.map(&:inspect).join(", ")}"
      end

      # @return [String] the whole way of the request, as `proxy routes` prints it
      def to_s
        CLI::Routes.without_passwords(@answer.lines).join("\n")
      end

      # @return [String]
      def inspect = "#<#{self.class} #{request}: #{summary}>"

      private

      # Status and reason if the request is refused before any filter or handler.
      def refused
        @told[:refused] || ([405, "CONNECT is never forwarded"] if @question.request_method == "CONNECT")
      end

      # Place and answer of the filter that answers, if one does.
      def answered = @told[:answered]

      # The handler that answers if every filter lets the request pass.
      def handler = @told[:handlers].find { |handler| handler[:accepts] }

      # The proxy's own answer: of a filter, of a handler, or to a request that may go no further.
      def own
        return if refused

        answered&.last || handler&.fetch(:answer) || never_forwarded
      end

      def never_forwarded
        return unless handler && CLI::Routes::Table.word(@answer.at(handler[:place])) == "proxy"

        status, = @question.never_forwarded
        { status: status, location: nil, challenge: nil } if status
      end

      # Options of the handler that answers.
      def spec = CLI::Routes::Table.spec(@answer.at(handler[:place]))

      def sent = forwarded? ? @told[:sent] : nil

      def pool = forwarded? && word == "proxy" ? @words.pool(spec) : nil

      # Places of the filters up to the one that answers.
      def met
        return [] if refused
        return @told[:filters] unless answered

        @told[:filters].take(@told[:filters].index(answered.first) + 1)
      end

      def limit(spec)
        key = spec.fetch("key", Native.defaults.dig(:rate_limit, :key))
        { requests: spec["requests"], seconds: spec["seconds"],
          key: key.is_a?(Hash) ? key.transform_keys(&:to_sym) : key.to_s }
      end
    end
  end
end
