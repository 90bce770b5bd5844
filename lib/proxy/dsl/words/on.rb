# frozen_string_literal: true

require_relative "../../blocks/event"

module Proxy
  class DSL
    module Words
      # Lets a Ruby block hear of events.
      class On < Word::Setting
        prose <<~TEXT
          Calls a Ruby block at events: `:backend_down` (checks or failed requests have taken a backend out, or it was
          set down), `:backend_up` (it is back), `:reload` (another configuration is in use) and `:certificate_expiring`
          (a certificate of a `bind` ends soon: told at the start, at every reload, and every day; or one of `acme` that
          could not be renewed: told after a failure, once a day). May be written several times.
        TEXT
        details <<~TEXT
          The block runs on a thread of Ruby, for one event after the other; nothing waits for it. Up to 1,000 events
          wait for it. Of those that wait and are about the same thing, only the latest is told. `event.name` is the
          Symbol; a backend's event has `upstream`, `backend`, `why` and `since`, a certificate's `names` and `expires`,
          and either its `bind` or, with `acme`, `why` it was not renewed.
        TEXT
        example <<~'RUBY'
          on :backend_down, :backend_up do |event|
            warn "#{event.upstream}/#{event.backend} #{event.why}"
          end
        RUBY
        example <<~'RUBY', "Certificates"
          on :certificate_expiring, days: 30 do |event|
            warn "#{event.names.join(", ")} expires at #{event.expires}"
          end
        RUBY

        EVENT = Types::Name.new("name, …", %w[backend_down backend_up reload certificate_expiring])
        DAYS = Types::Number.new("number", "a number of days, such as 14", what: "number of days")

        takes EVENT, as: :names, many: true
        default "none"

        option :days, DAYS, "How many days before its end a certificate is told of. For `:certificate_expiring` only."

        # The type of the word's method, with its block, in RBS.
        def signature
          super.sub(/ -> nil\z/, " { (::Proxy::Blocks::Event) -> void } -> nil")
        end

        # The handler of a block, as the engine calls it.
        class Hearing
          def initialize(block)
            @block = block
          end

          def call(facts, _call)
            @block.call(::Proxy::Blocks::Event.new(facts))
            nil
          end
        end

        private

        def run(call)
          place = call.place
          return unless call.draft.top_level?(place)

          names = heard(call.arguments.flatten, place)
          given, sound = read(call.options, place)
          place.error("has no block: write on :backend_down do |event| … end") unless call.block
          return if !call.block || names.equal?(INVALID) || !sound

          unheard(given, names, place)
          number = call.draft.add_block(Hearing.new(call.block))
          call.draft.add_event("names" => names, "block" => number, "at" => place.at, **given)
        end

        def heard(values, place)
          return place.error("there is no event: write #{takes.hint}") if values.empty?

          names = values.map { |name| takes.read(name, place) }
          names.include?(INVALID) ? INVALID : names.uniq
        end

        def unheard(given, names, place)
          return if !given.key?("days") || names.include?("certificate_expiring")

          place.within(:days).error("is for certificates only: write on :certificate_expiring, or leave it out")
        end
      end
    end
  end
end
