# frozen_string_literal: true

module Proxy
  class DSL
    module Words
      # Sets the time from a client's half-close until its request is given up, if the response has not begun.
      class HalfCloseTimeout < Word::Setting
        prose <<~TEXT
          A client that has closed its side, and whose response has not begun after this time, is assumed to be gone:
          its request is given up. One that waits in a queue, or for a connection, goes after a tenth of a second.
          `false`: it is still served.
        TEXT
        example <<~RUBY
          half_close_timeout false
        RUBY

        SECONDS_OR_FALSE = Types::SecondsOrFalse.new("seconds, false",
                                                     "a number of seconds, such as 1 or 0.5, or false")

        takes SECONDS_OR_FALSE, as: :seconds
      end
    end
  end
end
