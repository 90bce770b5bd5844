# frozen_string_literal: true

module Proxy
  class Blocks
    # The request that a block of `authorize` decides about. It is frozen, and so is all that it returns.
    #
    # Host and path are those that locations match: the host in lower case and without its port, the path decoded, with
    # its dots resolved. So a block decides about the resource, however a client spells it.
    #
    # @example
    #   authorize key: { cookie: "session" } do |request|
    #     Session.find(request.cookies["session"])
    #   end
    class Request
      # Number of texts before the headers.
      PARTS = %i[method scheme host path query addr user].freeze
      private_constant :PARTS

      # `text` is the request as the engine packs it (`ext/engine/src/filter/authorize/question.rs`). `watch` is called
      # with each thing that is read, to warn of what is not in the key.
      # @api private
      def initialize(text, &watch)
        @text = text
        @watch = watch
        @read = {}
        freeze
      end

      # @return [String] the method, such as `"GET"`
      # @example
      #   request.method  # => "GET"
      def method = part(:method)

      # @return [String] `"http"` or `"https"`
      # @example
      #   request.scheme  # => "https"
      def scheme = part(:scheme)

      # @return [String] the host that the client asked for, in lower case and without a port
      # @example
      #   request.host  # => "app.example.com"
      def host = part(:host)

      # @return [String] the path, decoded
      # @example
      #   request.path  # => "/users/7"
      def path = part(:path)

      # @return [String] the query without its `?`; empty if there is none
      # @example
      #   request.query  # => "page=2"
      def query = part(:query)

      # @return [String] the client's address; empty on a unix socket
      # @example
      #   request.addr  # => "192.0.2.7"
      def addr = part(:addr)

      # @return [String, nil] the user that another filter has found, such as `auth_basic`
      # @example
      #   request.user  # => "ann"
      def user = part(:user).then { |name| name unless name.empty? }

      # @return [#[]] the headers by name, in any letter case: `request.headers["X-Api-Key"]` is a String, or nil if the
      #   header is not there. Several lines of one header are joined by a comma
      # @example
      #   request.headers["Authorization"]  # => "Bearer …"
      def headers = Values.new(:headers, @watch) { |name| header(name.to_s) }

      # @return [#[]] the cookies by name: `request.cookies["session"]` is a String, or nil if the cookie is not there.
      #   A cookie that is there twice is nil too, since the application could read the other one
      # @example
      #   request.cookies["session"]  # => "d41d8cd9"
      def cookies = Values.new(:cookies, @watch) { |name| cookie(name.to_s) }

      # @return [#[]] the captures of the locations around, by name: `request.captures[:id]` is a String, or nil
      # @example in location "/users/:id"
      #   request.captures[:id]  # => "7"
      def captures = Values.new(:captures, @watch) { |name| pairs.last.reverse.assoc(name.to_s)&.last }

      # @return [String] without headers, which may hold secrets
      def inspect
        "#<#{self.class} #{parts.values_at(0, 3).join(" ")}>"
      end

      # Values by name.
      # @api private
      class Values
        def initialize(kind, watch, &find)
          @kind = kind
          @watch = watch
          @find = find
          freeze
        end

        def [](name)
          @watch&.call(@kind, name.to_s)
          @find.call(name)
        end
      end

      private

      def part(name)
        @watch&.call(name, nil)
        parts[PARTS.index(name)]
      end

      def parts
        @read[:parts] ||= texts(0, PARTS.length).freeze
      end

      # The headers and the captures, each as names and values.
      def pairs
        @read[:pairs] ||= begin
          headers, captures = counts
          first = PARTS.length
          [texts(first, headers * 2), texts(first + (headers * 2), captures * 2)].map { |list| list.each_slice(2).to_a }
        end
      end

      # The numbers of headers and captures.
      def counts
        @text.unpack("N2")
      end

      # Some of the texts, which follow the two counts and the lengths of all.
      def texts(first, count)
        total = PARTS.length + (counts.sum * 2)
        lengths = @text.unpack("N#{first + count}", offset: 8)
        at = 8 + (total * 4) + lengths.take(first).sum
        lengths.drop(first).map do |length|
          at += length
          readable(@text.byteslice(at - length, length))
        end
      end

      def header(name)
        values = pairs.first.filter_map { |key, value| value if key.casecmp?(name) }
        name.casecmp?("Cookie") ? joined(values, "; ") : joined(values, ", ")
      end

      def cookie(name)
        lines = pairs.first.filter_map { |key, value| value if key.casecmp?("Cookie") }
        found = lines.flat_map { |line| line.split(";") }.filter_map do |pair|
          key, value = pair.split("=", 2)
          value.strip.sub(/\A"(.*)"\z/m, "\\1") if value && key.strip == name
        end
        found.first.freeze if found.one?
      end

      def joined(values, separator)
        return values.first if values.length < 2

        values.join(separator).freeze
      end

      # The text as UTF-8 if it is that; else its bytes.
      def readable(text)
        text.force_encoding(Encoding::UTF_8)
        text.force_encoding(Encoding::BINARY) unless text.valid_encoding?
        text.freeze
      end
    end
  end
end
