# frozen_string_literal: true

module Proxy
  module CLI
    class Init
      # The report of `proxy init`: what was found in the folder, and the next steps.
      # @api private
      class Account
        def initialize(folder, proxyfile, path)
          @folder = folder
          @proxyfile = proxyfile
          @path = path
        end

        # The lines to be printed.
        def lines
          ["Wrote #{@path}, for what was found here:", *table(seen), *notes, "Next:", *table(steps)]
        end

        # What there is to be done by hand.
        def notes
          forced = @folder.force_ssl
          notes = []
          if forced && !@folder.assume_ssl?
            notes << "Rails sends everybody to HTTPS (#{forced.place}): in #{@path}, take the # from the lines for " \
                     "your case."
          end
          if rails? && @folder.leaves_files?
            notes << "In production, start Rails with RAILS_SERVE_STATIC_FILES=1, so that it serves public/."
          end
          notes
        end

        private

        def rails? = @folder.kind == :rails

        def seen
          application, health = @folder.application, @folder.health
          [[application.place, application.text],
           [@folder.listening.place, listening],
           ([health.place, "#{health.text} is its health check"] if health && !@folder.hosts),
           ([@folder.page, "is shown while it is down"] if @folder.page)].compact
        end

        def listening
          address, variable = @folder.listening.address, @folder.listening.variable
          return "assumed to listen on #{address}: change `backends` if that is wrong" if @folder.listening.guessed?

          doubt = " unless #{variable} is set, and here it is: change `backends` if that is wrong" if variable
          "it listens on #{address}#{doubt}"
        end

        def steps
          option = Init.option(@path)
          [["#{rails? ? "bin/rails server" : "puma"}#{" -e production" if @folder.listening.production?}",
            "the application, if it does not run yet"],
           ["proxy check#{option}", "says whether the file is right"],
           ["proxy start#{option}", "then http://localhost:#{@proxyfile.port}/"]]
        end

        def table(rows)
          width = rows.map { |first, _| first.length }.max
          rows.map { |first, second| "  #{first.ljust(width)}   #{second}" }
        end
      end
    end
  end
end
