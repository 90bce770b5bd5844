# frozen_string_literal: true

module Proxy
  module CLI
    # `proxy version`
    # @api private
    class Version < Command
      describe "print the version", <<~HELP
        proxy version

        Prints the version of the gem, of Ruby and of the platform it was built for.
      HELP

      private

      def perform
        @out.puts "proxy #{VERSION} (#{RUBY_ENGINE} #{RUBY_VERSION}, #{RUBY_PLATFORM})"
        OK
      end
    end
  end
end
