# frozen_string_literal: true

module Proxy
  module Puma
    # The files that Puma writes its output to (`stdout_redirect`). The front is forked before that, and opens them
    # itself.
    # @api private
    class Logs
      def initialize(options)
        @out, @err = options.values_at(:redirect_stdout, :redirect_stderr)
      end

      # Whether there is any; without one Puma stops on SIGHUP.
      def any?
        !(@out.nil? && @err.nil?)
      end

      # Opens the files, or opens them anew after they were renamed.
      def open
        $stdout.reopen(@out, "a") if @out
        $stderr.reopen(@err, "a") if @err
        [$stdout, $stderr].each { |io| io.sync = true }
      rescue SystemCallError => error
        warn "proxy: #{error.message}"
      end
    end
  end
end
