# frozen_string_literal: true

require "fileutils"

module Proxy
  module CLI
    # `proxy init`
    # @api private
    class Init < Command
      describe "write a first Proxyfile", <<~HELP
        proxy init [-c PATH]

        Writes a Proxyfile with comments that works as it stands: it listens on port
        8080 and forwards to an application on port 3000. A file that is already there
        is left alone.

          -c, --config PATH   write here instead of to Proxyfile
          -h, --help          this text

        What to do next:
          proxy init
          proxy check
          proxy start
      HELP

      # What is written.
      TEMPLATE = File.expand_path("template/Proxyfile", __dir__)

      private

      def declare(options)
        config_option(options)
      end

      def perform
        path = @path || Config::FILES.first
        FileUtils.mkdir_p(File.dirname(path))
        # Exclusive, so that a file which appears meanwhile is not overwritten either.
        File.open(path, File::WRONLY | File::CREAT | File::EXCL) { |file| file.write(File.read(TEMPLATE)) }
        @out.puts "Wrote #{path}. Edit it, then: proxy check, proxy start"
        OK
      rescue Errno::EEXIST
        @err.puts "proxy init: #{path} is already there and was left as it is: remove it, or write another with -c PATH"
        FAILED
      rescue SystemCallError => error
        @err.puts "proxy init: #{path} cannot be written (#{error.class.new.message}): choose another with -c PATH"
        FAILED
      end
    end
  end
end
