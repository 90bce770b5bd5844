# frozen_string_literal: true

module Proxy
  module CLI
    class Init
      # Facts about the application in a folder. They are read from its files; no code of it is run.
      # @api private
      class Folder
        # A finding: its place (file and line) and its text.
        Sight = Struct.new(:place, :text)
        private_constant :Sight

        # The file that every Rails application has.
        APPLICATION = "config/application.rb"
        ROUTES = "config/routes.rb"
        # Files with Rails' settings: for production, and for every environment.
        SETTINGS = ["config/environments/production.rb", APPLICATION].freeze
        # Pages to show while the application is down, the best first.
        PAGES = %w[public/503.html public/502.html public/500.html].freeze

        # @return [String] the absolute path
        attr_reader :root

        def initialize(root = ".")
          @root = File.expand_path(root)
        end

        # @return [Symbol, nil] kind of application: `:rails`, `:rack`, or nil for anything else
        def kind
          return @kind if defined?(@kind)

          rails = text(APPLICATION).include?("Rails::Application")
          @kind = rails ? :rails : (:rack if file?("config.ru"))
        end

        # @return [Boolean] whether the application uses Rails or a part of it; a config.ru may hold a whole application
        def rails?
          kind == :rails ||
            text("config.ru").match?(%r{^\s*require ["'](?:rails|action_(?:cable|controller))(?:/[\w/]+)?["']})
        end

        # @return [Sight] the file that shows the kind of application
        def application
          if kind == :rack
            return Sight.new("config.ru", rails? ? "a Rack application with Rails in it" : "a Rack application")
          end

          Sight.new(APPLICATION, ["a Rails", rails_version, "application"].compact.join(" "))
        end

        # @return [Listening] where the application listens
        def listening
          @listening ||= Listening.of(self)
        end

        # @return [Sight, nil] the path of the application's health check
        def health
          line, found =
            line_of(ROUTES, %r{^\s*get[\s(]+["'](?<path>/?[\w./-]+)["']\s*(?:=>|,\s*(?:to:|:to\s*=>))\s*["']rails/health#show["']})
          Sight.new("#{ROUTES}:#{line}", "/#{found[:path].delete_prefix("/")}") if found
        end

        # @return [String, nil] a page for visitors while the application is down
        def page
          PAGES.find { |path| file?(path) }
        end

        # @return [Sight, nil] where Rails is set to redirect everything to HTTPS (`force_ssl`)
        def force_ssl
          setting("force_ssl", "true")
        end

        # @return [Boolean] whether Rails treats every request as HTTPS (`assume_ssl`)
        def assume_ssl?
          !setting("assume_ssl", "true").nil?
        end

        # @return [Sight, nil] where Rails is told which hosts it may answer for
        def hosts
          setting("hosts", nil)
        end

        # @return [Boolean] whether Rails does not serve the files of `public/` unless it is told to
        def leaves_files?
          text(SETTINGS.first)
            .match?(/^\s*config\.public_file_server\.enabled = ENV\[["']RAILS_SERVE_STATIC_FILES["']\]/)
        end

        # @return [Gem::Version, nil] version of Puma in the application
        def puma
          locked("puma") || installed("puma")
        end

        # @return [String] the text of a file; empty if it cannot be read
        def text(path)
          # Reading a named pipe could block forever.
          return "" unless file?(path)

          text = File.read(File.join(@root, path), encoding: Encoding::UTF_8)
          text.valid_encoding? ? text : ""
        rescue SystemCallError
          ""
        end

        # @return [Boolean]
        def file?(path) = File.file?(File.join(@root, path))

        # The number of the first line that matches, and the match.
        def line_of(path, pattern)
          text(path).each_line.with_index(1) do |line, number|
            found = line.match(pattern) and return [number, found]
          end
          nil
        end

        # @return [Gem::Version, nil] version of a gem in `Gemfile.lock`
        def locked(gem)
          version = text("Gemfile.lock")[/^    #{gem} \((\d[\w.]*)/, 1]
          Gem::Version.new(version) if version && Gem::Version.correct?(version)
        end

        private

        def rails_version
          version = locked("railties") and return version.segments.first(2).join(".")

          text(APPLICATION)[/^\s*config\.load_defaults\s+["']?(\d+\.\d+)/, 1]
        end

        def setting(name, value)
          SETTINGS.each do |file|
            line, = line_of(file, /^\s*config\.#{name}\b\s*(?:=|<<|\.concat)\s*#{value}/)
            return Sight.new("#{file}:#{line}", "config.#{name}") if line
          end
          nil
        end

        def installed(gem)
          Gem::Specification.find_all_by_name(gem).map(&:version).max
        end
      end
    end
  end
end
