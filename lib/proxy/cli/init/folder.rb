# frozen_string_literal: true

module Proxy
  module CLI
    class Init
      # What a folder shows of the application in it. Nothing of it is run.
      # @api private
      class Folder
        # Where something was seen, and what that says.
        Sight = Struct.new(:place, :text)

        # Files by what they tell.
        APPLICATION = "config/application.rb"
        ROUTES = "config/routes.rb"
        # Rails' settings for where it serves.
        SETTINGS = ["config/environments/production.rb", APPLICATION].freeze
        # Pages that fit an application which is down, the best first.
        PAGES = %w[public/503.html public/502.html public/500.html].freeze

        # @return [String] its whole path
        attr_reader :root

        def initialize(root = ".")
          @root = File.expand_path(root)
        end

        # @return [Symbol, nil] `:rails`, `:rack`, or nil for anything else
        def kind
          return @kind if defined?(@kind)

          rails = text(APPLICATION).include?("Rails::Application")
          @kind = rails ? :rails : (:rack if file?("config.ru"))
        end

        # @return [Boolean] whether Rails, or a part of it, is in there: a config.ru may have all of an application
        def rails?
          kind == :rails ||
            text("config.ru").match?(%r{^\s*require ["'](?:rails|action_(?:cable|controller))(?:/[\w/]+)?["']})
        end

        # @return [Sight] how that was told
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

        # @return [Sight, nil] the path that says whether the application is well
        def health
          line, found =
            line_of(ROUTES, %r{^\s*get[\s(]+["'](?<path>/?[\w./-]+)["']\s*(?:=>|,\s*(?:to:|:to\s*=>))\s*["']rails/health#show["']})
          Sight.new("#{ROUTES}:#{line}", "/#{found[:path].delete_prefix("/")}") if found
        end

        # @return [String, nil] a page for visitors while the application is down
        def page
          PAGES.find { |path| file?(path) }
        end

        # @return [Sight, nil] where Rails is told to send everybody to HTTPS
        def force_ssl
          setting("force_ssl", "true")
        end

        # @return [Boolean] whether Rails takes every request for one over HTTPS
        def assume_ssl?
          !setting("assume_ssl", "true").nil?
        end

        # @return [Sight, nil] where Rails is told which hosts it answers for
        def hosts
          setting("hosts", nil)
        end

        # @return [Boolean] whether Rails leaves the files of `public/` to somebody else unless it is told to serve them
        def leaves_files?
          text(SETTINGS.first)
            .match?(/^\s*config\.public_file_server\.enabled = ENV\[["']RAILS_SERVE_STATIC_FILES["']\]/)
        end

        # @return [Gem::Version, nil] of the Puma that serves
        def puma
          locked("puma") || installed("puma")
        end

        # @return [String] the text of a file, empty if there is none to be read
        def text(path)
          # A pipe that stands there would never end.
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

        def locked(gem)
          version = text("Gemfile.lock")[/^    #{gem} \((\d[\w.]*)/, 1]
          Gem::Version.new(version) if version && Gem::Version.correct?(version)
        end

        def installed(gem)
          Gem::Specification.find_all_by_name(gem).map(&:version).max
        end
      end
      private_constant :Folder
    end
  end
end
