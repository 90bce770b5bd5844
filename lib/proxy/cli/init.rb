# frozen_string_literal: true

require "fileutils"
require "shellwords"

module Proxy
  module CLI
    # `proxy init`
    # @api private
    class Init < Command
      describe "write a first Proxyfile", <<~HELP
        proxy init [-c PATH]

        Writes a Proxyfile with comments that works as it stands. It looks at the folder
        first, and runs nothing of it: for a Rails or a Rack application the file says
        where its Puma listens (config/puma.rb, Procfile), how its health is asked (/up
        if config/routes.rb has it) and which page is shown while it is down. Anywhere
        else it listens on port 8080 and forwards to port 3000. A file that is already
        there is left alone.

          -c, --config PATH   write here instead of to Proxyfile
          -h, --help          this text

        What to do next:
          proxy init
          proxy check
          proxy start
      HELP

      # The Proxyfile for a folder without an application.
      TEMPLATE = File.expand_path("template/Proxyfile", __dir__)

      # ` -c PATH` for other commands; empty if they find the file by themselves.
      def self.option(path)
        " -c #{Shellwords.escape(path)}" unless Config.find == path
      end

      private

      def declare(options)
        config_option(options)
      end

      def perform
        path = @path || Config::FILES.first
        return refuse(shadowed) if shadowed

        folder = Folder.new
        proxyfile = Proxyfile.new(folder, path) if folder.kind
        write(path, proxyfile&.to_s || File.read(TEMPLATE))
        option = Init.option(path)
        @out.puts(*(proxyfile ? Account.new(folder, proxyfile, path).lines : "Wrote #{path}. Edit it, then: proxy " \
          "check#{option}, proxy start#{option}"))
        OK
      rescue SystemCallError => error
        refuse("#{path} #{trouble(path, error)}")
      end

      # The existing configuration file that a new Proxyfile would hide, if no path was given.
      def shadowed
        there = Config::FILES.drop(1).find { |file| File.exist?(file) } unless @path || File.exist?(Config::FILES.first)
        if there
          "#{there} is already there, and a #{Config::FILES.first} would be read in its place: remove it, or write " \
          "another with -c PATH"
        end
      end

      # The reason why nothing was written.
      def trouble(path, error)
        if File.directory?(path)
          return "is a directory: name a file in it, as in " \
                 "-c #{Shellwords.escape(File.join(path, Config::FILES.first))}"
        end
        if File.exist?(path) || File.symlink?(path)
          return "is already there and was left as it is: remove it, or write another with -c PATH"
        end

        # A folder could not be made because a file has its name.
        error = Errno::ENOTDIR.new if error.is_a?(Errno::EEXIST)
        "cannot be written (#{error.class.new.message}): choose another with -c PATH"
      end

      def refuse(message)
        @err.puts "proxy init: #{message}"
        FAILED
      end

      def write(path, text)
        FileUtils.mkdir_p(File.dirname(path))
        # EXCL: a file that appeared in the meantime is not overwritten.
        File.open(path, File::WRONLY | File::CREAT | File::EXCL) { |file| file.write(text) }
      end
    end
  end
end

require_relative "init/ruby_source"
require_relative "init/listening"
require_relative "init/folder"
require_relative "init/proxyfile"
require_relative "init/account"
