# frozen_string_literal: true

require "fileutils"

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

      # What is written where there is no application.
      TEMPLATE = File.expand_path("template/Proxyfile", __dir__)

      private

      def declare(options)
        config_option(options)
      end

      def perform
        path = @path || Config::FILES.first
        folder = Folder.new
        proxyfile = Proxyfile.new(folder, path) if folder.kind
        write(path, proxyfile&.to_s || File.read(TEMPLATE))
        @out.puts(*(proxyfile ? Account.new(folder, proxyfile, path).lines : "Wrote #{path}. Edit it, then: proxy check, proxy start"))
        OK
      rescue Errno::EEXIST
        @err.puts "proxy init: #{path} is already there and was left as it is: remove it, or write another with -c PATH"
        FAILED
      rescue SystemCallError => error
        @err.puts "proxy init: #{path} cannot be written (#{error.class.new.message}): choose another with -c PATH"
        FAILED
      end

      def write(path, text)
        FileUtils.mkdir_p(File.dirname(path))
        # Exclusive, so that a file which appears meanwhile is not overwritten either.
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
