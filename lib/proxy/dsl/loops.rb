# frozen_string_literal: true

module Proxy
  class DSL
    # Warnings about endless loops (a redirect to the request's own URL, a `proxy` whose backend is this proxy) and
    # about unreachable locations (a host inside a different host).
    # @api private
    module Loops
      LOCAL = /(?:127(?:\.\d+){3}|0\.0\.0\.0|localhost|\[::1?\]|\*)/.freeze
      ANY = %w[0.0.0.0 * [::]].freeze
      SAME = %w[{path} {path}{query} {path_and_query}].freeze
      # Port of the default bind.
      USUAL = 8080
      private_constant :LOCAL, :ANY, :SAME, :USUAL

      # Warnings for a configuration in the engine's form.
      def self.find(hash)
        walk(hash.fetch("routes"), binds(hash))
      end

      # Whether a configuration in the engine's form listens at an address.
      def self.listens?(hash, address) = own?(socket(address), binds(hash))

      def self.binds(hash)
        return [["0.0.0.0", USUAL]] if hash.fetch("binds").empty?

        hash.fetch("binds").filter_map { |bind| socket(bind["url"]) }
      end
      private_class_method :binds

      # `hosts` are the hosts of the enclosing location, if it has any.
      def self.walk(routes, own, rewritten = false, hosts = nil)
        rewritten ||= routes.any? { |route| route["filter"]&.key?("rewrite") }
        routes.flat_map do |route|
          if (location = route["location"])
            inner = location["hosts"]
            next [*unreached(location, hosts), *walk(location["routes"], own, rewritten, inner || hosts)]
          end

          [(redirect(route["redirect"]) unless rewritten), proxy(route["proxy"], own)].compact
        end
      end
      private_class_method :walk

      def self.unreached(location, around)
        inner = location["hosts"]
        return unless inner && around
        return if inner.any? { |host| around.any? { |outer| within?(host["text"], outer["text"]) } }

        warning(location, location["word"] || "location", "it never matches: none of its hosts is one of the " \
                                                          "location around it: move it out of there")
      end
      private_class_method :unreached

      # Whether `outer` may match `host`. A Regexp counts as a match.
      def self.within?(host, outer)
        return true if host.nil? || outer.nil? || host.start_with?("*")

        outer.start_with?("*") ? host.downcase.end_with?(outer.downcase.delete_prefix("*")) : host.casecmp?(outer)
      end
      private_class_method :within?

      def self.redirect(spec)
        return unless spec && SAME.include?(spec["to"])

        warning(spec, "redirect", "to: #{spec["to"].inspect} is where the request came from, in an endless loop: " \
                                  "write another host or path, such as \"https://www.example.com{path}{query}\"")
      end
      private_class_method :redirect

      def self.proxy(spec, own)
        return unless spec

        backends = spec.dig("pool", "backends")
        option = backends ? "backends" : "to"
        address = [*backends&.map { |backend| backend["address"] }, (spec["to"] unless backends)].compact.find do |text|
          own?(socket(text), own)
        end
        return unless address

        warning(spec, "proxy", "#{option}: #{Format.show(address)} is where this proxy listens, an endless loop: " \
                               "write the port of the backend")
      end
      private_class_method :proxy

      # Host and port of a local address; nil for any other.
      def self.socket(text)
        host, port = text.to_s.match(%r{\A(?:https?://)?(#{LOCAL}):(\d+)(?=[/?\{]|\z)})&.captures
        [host == "localhost" ? "127.0.0.1" : host, port.to_i] if port.to_i.positive?
      end
      private_class_method :socket

      # Whether an address is one of our own binds. A wildcard bind includes every local address.
      def self.own?(socket, own)
        own.any? do |host, port|
          socket && port == socket.last && (ANY.include?(host) || ANY.include?(socket.first) || host == socket.first)
        end
      end
      private_class_method :own?

      def self.warning(spec, directive, message)
        at = spec["at"] || {}
        Problem.new(file: at["file"], line: at["line"], directive: directive, message: message, severity: :warning)
      end
      private_class_method :warning
    end
  end
end
