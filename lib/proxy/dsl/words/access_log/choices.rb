# frozen_string_literal: true

module Proxy
  class DSL
    module Words
      class AccessLog < Word::Setting
        # Which requests are logged, and what of them.
        module Choices
          # A part of all requests.
          class Share < Types::Number
            def read(value, place)
              share = super
              return share if share.equal?(INVALID) || (share.positive? && share <= 1)

              meant = share / 100 if share > 1 && share < 100
              remedy = meant ? "write #{meant} for #{Format.show(value)} per cent" : "write #{hint}"
              place.error("#{Format.show(value)} is no share: #{remedy}")
            end
          end

          # Status codes. A range may have no end.
          class Statuses < Types::Statuses
            private

            def pair(entry, place)
              return super unless entry.is_a?(Range) && entry.begin.nil? != entry.end.nil?

              super((entry.begin || 100)..(entry.end || 999), place)
            end
          end

          # Names of parameters, or none.
          class Parameters < Types::Words
            def read(value, place) = value == [] ? [] : super
          end

          # The Hash that `keep:` takes.
          class Keep < Schema
            engine :access_log_keep
            prose "The Hash that `keep:` of `access_log` takes."

            option :status, Statuses.new("Integer, Range, Array", "a status code, a range such as 500.., or an Array"),
                   "Status codes of requests that are kept: a code, a range, or an Array of them.", default: "none"
            option :slower_than, Types::Seconds.new("seconds", "a number of seconds, such as 1 or 0.5"),
                   "Requests that took so many seconds or more are kept.", default: "none", unset: true
          end

          SHARE = Share.new("number", "a number above 0, up to 1, such as 0.1", what: "share")
          KEEP = Types::Part.new("Hash", "a Hash, such as { status: 500.., slower_than: 1 }", Keep.new(:keep))
          FIELDS = Types::Words.new("Array", 'names of fields, such as ["time", "path", "status"]')
          PATHS = Types::List.new("Array", 'paths, such as ["/up", "/assets/*"]')
          PARAMETERS = Parameters.new("Array", 'names of parameters, such as ["session"]')
        end
      end
    end
  end
end
