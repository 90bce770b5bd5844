# frozen_string_literal: true

require "support/acme"

# kill -9 at each step of an order, before and after the authority has done it; then a start with the same storage.
RSpec.describe "A kill in the middle of an order", :integration, :acme, time_limit: 120 do
  steps = { "/sign-me-up" => "new account", "/order-plz" => "new order", "/authZ/" => "authorization",
            "/chalZ/" => "challenge", "/finalize-order/" => "finalization", "/certZ/" => "download" }

  steps.each do |path, step|
    { "before" => false, "after" => true }.each do |moment, done|
      it "at its #{step}, #{moment} the authority has done it" do
        authority = start_authority
        front = start_front(authority)
        held = Queue.new
        if done
          front.alter(path) { |response| held.push(path) && sleep && response }
        else
          front.spoil(path) { held.push(path) && sleep }
        end
        process = start_managed_process(authority, "a.example.com", url: front.url)
        held.pop
        process.kill
        front.heal

        process.start
        authority.lead_to(process)
        # An attempt that was cut off before there was an order is made again after a minute, give or take a tenth.
        await_certificate(process, "a.example.com", limit: 80)

        puts format("%-14s %-7s %d accounts, %d orders, %d certificates", step, moment, authority.pebble.accounts,
                    authority.orders, authority.pebble.issued)
        expect(authority.pebble.issued).to eq(1)
        # Another order is needed if the answer with the first never came, and if the authority has looked for the
        # answer to a challenge while nobody was there.
        lost = done && ["new order", "challenge"].include?(step)
        expect(authority.orders).to be_between(1, lost ? 2 : 1)
      end
    end
  end
end
