# frozen_string_literal: true

module Proxy
  module CLI
    class Init
      # The address where an application listens, read from its folder.
      # @api private
      class Listening
        # Puma's files, in the order in which it looks for them.
        PUMA = ["config/puma/production.rb", "config/puma.rb"].freeze
        # Default ports: of `rails server` and most programs that use a part of Rails; of `puma`.
        RAILS, RACK = 3000, 9292

        # @return [String] where the address was found, or why it is assumed
        attr_reader :place
        # @return [String] the address as an entry of `backends`
        attr_reader :address

        class << self
          # The address from the first place that names one.
          def of(folder)
            calls = puma(folder)
            found = calls.filter_map { |place, call| from_call(place, call) }
            found.find(&:socket?) || found.first || procfile(folder) || default(folder, calls.first)
          end

          private

          # The address in Puma's configuration file.
          def puma(folder)
            file = PUMA.find { |path| folder.file?(path) } or return []
            RubySource.new(File.join(folder.root, file)).calls("port", "bind").map do |call|
              ["#{file}:#{call.line}", call]
            end
          end

          def from_call(place, call)
            found = call.word == "port" ? port(place, call.argument) : bind(place, call.argument)
            found&.then do |listening|
              new(place, listening.address, variable: call.variables.find { |name| ENV.key?(name) })
            end
          end

          def port(place, number)
            new(place, "127.0.0.1:#{number}") if number.to_s.match?(/\A[1-9]\d{0,4}\z/) && number.to_i <= 65_535
          end

          # A bind of Puma's: `tcp://0.0.0.0:9292`, `unix:///run/app.sock?umask=0111`, `ssl://…`. An `ssl` bind gives
          # nil.
          def bind(place, url)
            case url
            when %r{\Aunix:(?://)?(?<path>[^?]+)} then new(place, "unix:#{$~[:path]}")
            when %r{\Atcp://(?<host>\[[\h:.]+\]|[\w.-]+):(?<port>[1-9]\d*)}
              new(place, "#{local($~[:host])}:#{$~[:port]}") if $~[:port].to_i <= 65_535
            end
          end

          # The host to connect to: a wildcard address and `localhost` become 127.0.0.1.
          def local(host)
            { "0.0.0.0" => "127.0.0.1", "[::]" => "127.0.0.1", "localhost" => "127.0.0.1" }.fetch(host, host)
          end

          # `web: bundle exec puma -p 3000`
          def procfile(folder)
            line, found =
              folder.line_of("Procfile",
                             /\Aweb:.*?\s(?:(?:-p|--port)[ =]?(?<port>\d+)|(?:-b|--bind)[ =]?["']?(?<url>\w+:[^\s"']+))/)
            return unless found

            place = "Procfile:#{line}"
            found[:port] ? port(place, found[:port]) : bind(place, found[:url])
          end

          def default(folder, call)
            number = folder.rails? ? RAILS : RACK
            new(call ? "#{call.first} says it when it runs" : "no file says where", "127.0.0.1:#{number}",
                guessed: true)
          end
        end

        # @return [String, nil] the environment variable that overrides the address, if it is set now
        attr_reader :variable

        def initialize(place, address, guessed: false, variable: nil)
          @place = place
          @address = address
          @guessed = guessed
          @variable = variable
        end

        # Whether Puma reads the file in production only.
        def production? = place.start_with?(PUMA.first)

        # Whether the address is only assumed.
        def guessed? = @guessed

        def socket? = address.start_with?("unix:")

        # The port, if it has one.
        def port = address[/:(\d+)\z/, 1]&.to_i
      end
      private_constant :Listening
    end
  end
end
