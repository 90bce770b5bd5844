# frozen_string_literal: true

require "socket"

module Proxy
  module CLI
    class Run < Serving
      # Where a command that starts Puma listens, and which Puma it starts, from its words and `config/puma.rb`. No code
      # of the application is run.
      class Puma
        # A place to listen. `host` is an address, or nil for a unix socket; `port` is nil if the variable PORT says it;
        # `sole` is whether the application listens nowhere else; `environment` has the variables that make it so.
        Place = Struct.new(:host, :port, :path, :sole, :environment, keyword_init: true)

        # The port of Puma without any configuration.
        PORT = 9292
        # The first version whose default address is `[::]`.
        IPV6 = Gem::Version.new("8")
        # Options of `puma` and of `rails server`.
        BIND, AT, FILE, ENVIRONMENT = %w[-b --bind], %w[-p --port], %w[-C --config], %w[-e --environment]
        # The option that makes Puma take any socket that it gets.
        ACTIVATED = "--bind-to-activated-sockets"
        # Variables with Puma's environment.
        ENVIRONMENTS = %w[APP_ENV RACK_ENV RAILS_ENV].freeze

        # @return [Symbol, nil] `:puma`, `:rails` (`rails server`), `:rackup`, or nil for any other program
        attr_reader :kind

        def initialize(command)
          @bundled = command.first(2) == %w[bundle exec]
          @program, *@words = @bundled ? command.drop(2) : command
          @kind = kind_of(File.basename(@program.to_s))
          @folder = Init::Folder.new
        end

        # @return [Gem::Version, nil] Puma's version, if it is known which Puma it is
        def version
          locked || Gem::Specification.find_all_by_name("puma").map(&:version).max
        end

        # Where it listens; nil if it is not known to be Puma.
        def place
          case kind
          when :puma then on_line || in_file || standard(PORT)
          when :rails then of_rails
          when :rackup then place_at(value(%w[-o --host]) || "127.0.0.1", value(AT) || PORT, sole: false)
          end
        end

        private

        def kind_of(name)
          case name
          when "puma", "rackup" then name.to_sym
          when "rails" then :rails if %w[server s].include?(@words.first)
          end
        end

        # The version in Gemfile.lock, if that is what is loaded: by Bundler, or by a program of the application's own.
        def locked
          @folder.locked("puma") if @bundled || kind == :rails || @program.to_s.include?("/")
        end

        # By the options of `puma`.
        def on_line
          return place_at("127.0.0.1", nil) if @words.any? { |word| word.start_with?(ACTIVATED) }

          binds = values(BIND)
          return standard(value(AT), sole: binds.empty?) if value(AT)

          bound(binds.first, sole: binds.one?) if binds.any?
        end

        def in_file
          path = file or return
          return place_at("127.0.0.1", nil) if File.read(path).match?(/^\s*bind_to_activated_sockets\b/)

          calls = Init::RubySource.new(path).calls("port", "bind")
          return if calls.empty?

          calls.filter_map { |call| called(call, calls.one?) }.first || standard(nil, sole: false)
        # A file that cannot be read is Puma's to report.
        rescue SystemCallError, ArgumentError
          nil
        end

        # The place of `port …` or `bind …`; a variable PORT in it stands for the port.
        def called(call, sole)
          ours = call.variables.include?("PORT")
          return (standard(ours ? nil : call.argument, sole: sole) if ours || call.argument) if call.word == "port"

          bound(ours ? call.argument.to_s.sub(/:\d+\z/, "") : call.argument, sole: sole) if call.argument
        end

        # The configuration file that Puma reads.
        def file
          named = value(FILE)
          return (named unless named == "-") if named

          environment = value(ENVIRONMENT) || ENV.values_at(*ENVIRONMENTS).compact.first || "development"
          ["config/puma/#{environment}.rb", "config/puma.rb"].find { |path| @folder.file?(path) }
        end

        # `rails server` takes PORT and BINDING, whatever `config/puma.rb` says.
        def of_rails
          host = value(%w[-b --binding]) || ENV.fetch("BINDING", nil)
          other = value(%w[-u --using])
          place = place_at(host || "127.0.0.1", value(AT), sole: locked && [nil, "puma"].include?(other))
          place.environment = host ? {} : { "BINDING" => "127.0.0.1" }
          place
        end

        # A place on the default address of Puma, which depends on its version: a guess is no ground for a socket.
        def standard(port, sole: true)
          host = version && version >= IPV6 && ipv6? ? "[::]" : "0.0.0.0"
          place_at(host, port, sole: sole && locked)
        end

        # As Puma decides it.
        def ipv6?
          Socket.getifaddrs.any? { |interface| interface.addr&.ipv6? && !interface.addr.ipv6_loopback? }
        rescue SystemCallError
          false
        end

        def bound(url, sole:)
          case url
          when %r{\Aunix:(?://)?(?<path>[^?]+)} then Place.new(path: $~[:path], sole: false, environment: {})
          when %r{\Atcp://(?<host>\[[\h:.]+\]|[\w.-]+)(?::(?<port>\d+))?(?<more>\?.*)?\z}
            place_at($~[:host], $~[:port], sole: sole)
          end
        end

        def place_at(host, port, sole: true)
          # A name may be several addresses, and then several sockets.
          address = host.match?(/\A(?:[\d.]+|\[[\h:.]+\])\z/)
          Place.new(host: address ? host : "127.0.0.1", port: port&.to_i, sole: sole && address, environment: {})
        end

        def value(names) = values(names).last

        # The values of an option, in each of its forms: `-p 80`, `-p80`, `--port 80`, `--port=80`.
        def values(names)
          short, long = names.partition { |name| !name.start_with?("--") }
          @words.each_with_index.filter_map do |word, index|
            next @words[index + 1] if names.include?(word)

            word[/\A(?:#{long.join("|")})=(.+)\z/, 1] || word[/\A(?:#{short.join("|")})(.+)\z/, 1]
          end
        end
      end
      private_constant :Puma
    end
  end
end
