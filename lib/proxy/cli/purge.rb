# frozen_string_literal: true

module Proxy
  module CLI
    # `proxy purge`
    # @api private
    class Purge < Asking
      describe "make stored responses stale, or remove them", <<~HELP
        proxy purge URL [--hard] [--cache NAME] [--json]
        proxy purge --tag TAG
        proxy purge --all

        Makes responses that a `cache` has stored stale: each is validated before its
        next use. In a URL, * stands for any text. One that begins with / is a path,
        for every host.

              --tag TAG           those with a tag in Surrogate-Key or Cache-Tag
              --all               all of them
              --hard              remove them
              --cache NAME        in one cache only
          NAMING
              --json              print one JSON object instead
          -h, --help              this text

        Examples:
          proxy purge https://example.com/blog/
          proxy purge '/assets/*' --hard
          proxy purge --tag post-1
      HELP

      private

      def declare(options)
        super
        options.on("--tag TAG") { |tag| @tag = tag }
        options.on("--all") { @all = true }
        options.on("--hard") { @hard = true }
        options.on("--cache NAME") { |cache| @cache = cache }
      end

      def obey(url = nil, *more)
        return unexpected(more.first) if more.any?
        return usage("write a URL, --tag or --all, as in `proxy purge '/blog/*'`") unless [url, @tag, @all].one?

        told = control.purge(url, **{ tag: @tag, all: @all, hard: @hard, cache: @cache }.compact)
        answer(told) { "#{told[:purged]} #{told[:purged] == 1 ? "response is" : "responses are"} #{done}." }
      end

      def done = @hard ? "removed" : "stale"
    end
  end
end
