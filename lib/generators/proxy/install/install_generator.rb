# frozen_string_literal: true

require "rails/generators/base"
require "proxy/cli"
require_relative "container"

module Proxy
  # Generators for Rails.
  module Generators
    # `rails generate proxy:install`: what an application needs to start behind the proxy, in production too. It changes
    # only what it knows, and can be run again. `rails destroy proxy:install` takes all of it back.
    class InstallGenerator < ::Rails::Generators::Base
      desc <<~TEXT
        Writes a Proxyfile and bin/proxy, and has the Dockerfile start the application with
        `bin/proxy run`, in place of bin/thrust if that is there. Files that are there already, and a
        Dockerfile that it does not know, are left alone.
      TEXT
      class_option :puma, type: :boolean, default: false, desc: "Write `plugin :proxy` into config/puma.rb instead"

      # A program for the version of the gem that the Gemfile names.
      BINSTUB = <<~'RUBY'
        #!/usr/bin/env ruby
        # frozen_string_literal: true

        ENV["BUNDLE_GEMFILE"] ||= File.expand_path("../Gemfile", __dir__)
        require "bundler/setup" if File.file?(ENV["BUNDLE_GEMFILE"])
        load Gem.bin_path("proxy", "proxy")
      RUBY
      # The line of config/puma.rb.
      PLUGIN = /^\s*plugin[\s(]+["':]proxy\b/
      PUMA = "config/puma.rb"
      private_constant :PLUGIN, :PUMA

      # @api private
      def write_plugin
        return unless options[:puma]
        return say("There is no #{PUMA}: write `plugin :proxy` into your own.") unless inside?(PUMA)
        return say_status(:identical, PUMA, :blue) if behavior == :invoke && read(PUMA).match?(PLUGIN)

        append_to_file PUMA, "\n# HTTP/2, buffering and more in front of Puma: see the documentation of the gem " \
                             "proxy.\nplugin :proxy\n"
      end

      # @api private
      def write_proxyfile
        return if options[:puma]

        there = Proxy::Config::FILES.find { |path| inside?(path) }
        return create_file(proxyfile_path, proxyfile.to_s) if !there || read(there) == proxyfile.to_s || replace?(there)

        say_status(:keep, there, :yellow)
        @kept = there if behavior == :invoke && !read(there).match?(/:app\b/)
      end

      # @api private
      def write_binstub
        return if options[:puma]

        create_file "bin/proxy", BINSTUB
        chmod "bin/proxy", 0o755, verbose: false if behavior == :invoke && inside?("bin/proxy")
      end

      # @api private
      def change_container
        return if options[:puma]

        container.changes(behavior).each do |path, text|
          say_status(behavior == :invoke ? :update : :revert, path)
          File.write(File.join(destination_root, path), text) unless options[:pretend]
        end
      end

      # @api private
      def say_what_is_next
        return if behavior == :revoke

        (options[:puma] ? [] : [*kept, *container.remedies, *account.notes]).each { |line| say(line) }
        return say("Next: bin/rails server") if options[:puma]

        say "Next: bin/proxy check, then bin/proxy run -- bin/rails server and http://localhost:#{proxyfile.port}/"
      end

      private

      # What a Proxyfile of the person's own has to say.
      def kept
        @kept && "#{@kept}: write backends: [:app] where your application stands: `proxy run` starts it."
      end

      def proxyfile_path = Proxy::Config::FILES.first

      # Whether a file that is there may be replaced: the Proxyfile, if the person says so.
      def replace?(path) = path == proxyfile_path && behavior == :invoke && options[:force]

      def folder = @folder ||= Proxy::CLI::Init::Folder.new(destination_root)

      def proxyfile
        @proxyfile ||= Proxy::CLI::Init::Proxyfile.new(folder, File.join(destination_root, proxyfile_path), run: true)
      end

      def account = Proxy::CLI::Init::Account.new(folder, proxyfile, proxyfile_path)

      def container = @container ||= Container.new(destination_root)

      def inside?(path) = File.file?(File.join(destination_root, path))

      def read(path) = File.read(File.join(destination_root, path), encoding: Encoding::UTF_8)
    end
  end
end
