# frozen_string_literal: true

module Proxy
  module Control
    # The names of upstreams and backends in a running proxy.
    # @api private
    class Names
      def initialize(status)
        @upstreams = status.fetch(:upstreams)
      end

      # An upstream and one of its backends, from `UPSTREAM/BACKEND`; without the backend if all are meant. The address
      # of a backend alone is enough where only one upstream has it. Whether an upstream has such a backend is the
      # proxy's to say: it may have a DNS name in place of addresses.
      # @raise [Refused] if there is no such name
      def split(name)
        return [name, nil] if @upstreams.any? { |upstream| upstream[:name] == name }

        alone(name) || of_upstream(name) || raise(Refused.new(404, { error: unknown(name) }))
      end

      # The same for one backend.
      # @raise [Refused] also if the name is that of an upstream
      def one(name)
        upstream, backend = split(name)
        return [upstream, backend] if backend

        all = names_of(@upstreams.find { |known| known[:name] == upstream }).drop(1)
        told = all.empty? ? "it has no backend" : "write #{list(all).sub(/ and (?=[^ ]+\z)/, " or ")}"
        raise Refused.new(404, { error: "#{name} is an upstream: #{told}" })
      end

      # The backends that the names mean now.
      def backends(*names)
        names.flat_map { |name|
          upstream, backend = split(name)
          all = @upstreams.find { |one| one[:name] == upstream }[:backends]
          found = all.select { |one| means?(backend, one[:address]) }
          found.empty? && (backend.nil? || dns?(backend)) ? all : found
        }.uniq
      rescue Refused
        # It was removed meanwhile.
        []
      end

      private

      def of_upstream(name)
        found = @upstreams.map { |upstream| upstream[:name] }.select { |known| name.start_with?("#{known}/") }
        longest = found.max_by(&:length) or return
        backend = name.delete_prefix("#{longest}/")
        [longest, backend] unless backend.empty?
      end

      def alone(address)
        owners = @upstreams.select { |upstream| has?(upstream, address) }
        return if owners.empty?
        return [owners.first[:name], address] if owners.one?

        raise Refused.new(409, { error: "#{address} is in #{list(owners.map { |owner| owner[:name] })}: write " \
                                        "#{owners.first[:name]}/#{address}" })
      end

      def has?(upstream, backend) = upstream[:backends].any? { |one| means?(backend, one[:address]) }

      # `127.0.0.1:3001` is `http://127.0.0.1:3001` too.
      def means?(backend, address) = [address, address.sub(%r{\Ahttp://}, "")].include?(backend)

      # Whether it is a name whose addresses are the backends.
      def dns?(backend) = backend.match?(%r{\A(?:\w+://)?(?!unix:)(?![\d.]+(?::\d+)?\z)[^\[/]+\z})

      def unknown(name)
        known = @upstreams.flat_map { |one| names_of(one) }
        return "there is no backend #{name.inspect}: this proxy has none" if known.empty?

        "there is no backend and no upstream #{name.inspect}: there #{known.one? ? "is" : "are"} #{list(known)}"
      end

      def names_of(upstream)
        [upstream[:name], *upstream[:backends].map { |one| "#{upstream[:name]}/#{one[:address]}" }]
      end

      # At most ten of them.
      def list(names)
        shown = names.first(10)
        shown << "#{names.length - 10} more" if names.length > 10
        shown.length > 1 ? "#{shown[0...-1].join(", ")} and #{shown.last}" : shown.first
      end
    end
  end
end
