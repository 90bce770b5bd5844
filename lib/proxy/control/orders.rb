# frozen_string_literal: true

require "json"

module Proxy
  module Control
    # Takes the orders of the control API that only Ruby can carry out, on a thread of its own, and hands each to a
    # handler.
    # @api private
    class Orders
      # The way back to who gave an order. It may be used on any thread, once.
      class Reply
        def initialize(native, id)
          @native = native
          @id = id
        end

        # Answers by a status of HTTP and a Hash.
        def tell(status, facts)
          @native.answer_order(@id, status, JSON.generate(facts))
        end
      end

      # `handler` has `call(name, body, reply)`.
      def initialize(native, handler)
        @native = native
        @handler = handler
      end

      # Starts the thread, unless it runs already.
      def start
        return if @thread&.alive?

        @thread = Thread.new do
          Thread.current.name = "proxy-orders"
          Thread.current.report_on_exception = false
          while (id, name, body = @native.next_order)
            carry_out(name, body, Reply.new(@native, id))
          end
        end
      end

      private

      def carry_out(name, body, reply)
        @handler.call(name, JSON.parse(body), reply)
      # An order must not end the thread: a configuration that is read again may raise anything.
      rescue StandardError, ScriptError, SystemExit => error
        reply.tell(500, Outcome.failure("#{name}: #{error.class}: #{error.message}"))
      end
    end

    # What becomes of a reload, for who has asked for it.
    # @api private
    module Outcome
      module_function

      # The body for a configuration that is in use now.
      def success(config)
        { result: "ok", file: config.file, routes: config.route_count, problems: problems(config.warnings) }
      end

      # The body for a failure.
      def failure(message, list = [])
        { error: Problem.text(message.to_s), problems: problems(list) }
      end

      # Status and body for an order that another process has to carry out. Its sockets are those of that one already:
      # the same order, given again, reaches it.
      def moved(name, pid)
        [409, { **failure("#{name}: PID #{pid} serves now: ask it"), successor: pid }]
      end

      # Problems as `proxy check --json` prints them, each also as the line that `proxy check` prints.
      def problems(list)
        list.map { |problem| { **problem.to_h, text: problem.to_s } }
      end

      # What `GET /status` says of the last reload.
      def note(result, list, message = nil)
        note = { result: result, at: Time.now.to_f, problems: problems(list) }
        message ? { **note, error: Problem.text(message.to_s) } : note
      end
    end

    # Orders to a server that a program has started itself.
    # @api private
    class OwnOrders
      def initialize(server)
        @server = server
      end

      def call(name, _body, reply)
        case name
        when "reload" then reload(reply)
        when "stop" then stop(reply)
        else reply.tell(409, Outcome.failure("#{name}: this proxy runs inside of a program: ask the program"))
        end
      end

      private

      def reload(reply)
        @server.reload
        reply.tell(200, { result: "ok", file: @server.source.path, problems: Outcome.problems(@server.warnings) })
      rescue ConfigurationError, BindError => error
        reply.tell(422, Outcome.failure("the old configuration stays", error.problems))
      end

      def stop(reply)
        reply.tell(202, { stopping: true })
        Thread.new { @server.stop }
      end
    end
  end
end
