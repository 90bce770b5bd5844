# frozen_string_literal: true

module Proxy
  module CLI
    class Serving < Command
      # Orders of the control API, as events for the main thread: each does what a signal does.
      class ControlOrders
        # `upgrades`: whether the command can be replaced by a new process.
        def initialize(signals, upgrades:)
          @signals = signals
          @upgrades = upgrades
        end

        def call(name, _body, reply)
          case name
          when "reload" then @signals.push(:reload, reply)
          when "stop" then stop(reply)
          when "upgrade" then upgrade(reply)
          else reply.tell(409, Control::Outcome.failure("#{name}: this version does not know how"))
          end
        end

        private

        # A second order does not force the end, as a second signal does: nobody who waits would expect it.
        def stop(reply)
          reply.tell(202, { stopping: true })
          @signals.push(:stop, Signal.list.fetch("TERM")) unless @stopped
          @stopped = true
        end

        def upgrade(reply)
          return @signals.push(:upgrade, reply) if @upgrades

          reply.tell(409, Control::Outcome.failure("upgrade: only `proxy start` can be replaced while it runs: " \
                                                   "stop this one and start it anew"))
        end
      end
      private_constant :ControlOrders
    end
  end
end
