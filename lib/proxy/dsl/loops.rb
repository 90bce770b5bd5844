# frozen_string_literal: true

module Proxy
  class DSL
    # Requests that would come back: a redirect to where it came from, and a proxy whose backend is the proxy. And those that never come:
    # to a host inside of another one.
    # @api private
    module Loops
      LOCAL = /(?:127(?:\.\d+){3}|0\.0\.0\.0|localhost|\[::1?\]|\*)/.freeze
      SAME = %w[{path} {path}{query} {path_and_query}].freeze
      # The port of the bind that there is without one.
      USUAL = 8080
      private_constant :LOCAL, :SAME, :USUAL

      # Warnings for a configuration, as the engine takes it.
      def self.find(hash)
        binds = hash.fetch("binds")
        ports = binds.filter_map { |bind| port(bind["url"]) }
        ports = [USUAL] if binds.empty?
        walk(hash.fetch("routes"), ports)
      end

      # `hosts` are those of the location around, if it has any.
      def self.walk(routes, ports, rewritten = false, hosts = nil)
        rewritten ||= routes.any? { |route| route["filter"]&.key?("rewrite") }
        routes.flat_map do |route|
          if (location = route["location"])
            inner = location["hosts"]
            next [*unreached(location, hosts), *walk(location["routes"], ports, rewritten, inner || hosts)]
          end

          [(redirect(route["redirect"]) unless rewritten), proxy(route["proxy"], ports)].compact
        end
      end
      private_class_method :walk

      def self.unreached(location, around)
        inner = location["hosts"]
        return unless inner && around
        return if inner.any? { |host| around.any? { |outer| within?(host["text"], outer["text"]) } }

        warning(location, location["word"] || "location", "it never matches: none of its hosts is one of the location around it: move it out of there")
      end
      private_class_method :unreached

      # Whether a host may be one that the other stands for. A Regexp is believed to.
      def self.within?(host, outer)
        return true if host.nil? || outer.nil? || host.start_with?("*")

        outer.start_with?("*") ? host.downcase.end_with?(outer.downcase.delete_prefix("*")) : host.casecmp?(outer)
      end
      private_class_method :within?

      def self.redirect(spec)
        return unless spec && SAME.include?(spec["to"])

        warning(spec, "redirect", "to: #{spec["to"].inspect} is where the request came from, in an endless loop: write another host or path, such as " \
                                  "\"https://www.example.com{path}{query}\"")
      end
      private_class_method :redirect

      def self.proxy(spec, ports)
        return unless spec

        backends = spec.dig("pool", "backends")
        option = backends ? "backends" : "to"
        address = [*backends&.map { |backend| backend["address"] }, (spec["to"] unless backends)].compact.find { |text| ports.include?(port(text)) }
        return unless address

        warning(spec, "proxy", "#{option}: #{Spelling.show(address)} is where this proxy listens, an endless loop: write the port of " \
                               "the backend")
      end
      private_class_method :proxy

      # The port of an address of this machine.
      def self.port(text)
        number = text.to_s[%r{\A(?:https?://)?#{LOCAL}:(\d+)(?=[/?\{]|\z)}, 1].to_i
        number if number.positive?
      end
      private_class_method :port

      def self.warning(spec, directive, message)
        at = spec["at"] || {}
        Problem.new(file: at["file"], line: at["line"], directive: directive, message: message, severity: :warning)
      end
      private_class_method :warning
    end
  end
end
