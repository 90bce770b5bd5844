# frozen_string_literal: true

require "socket"
require_relative "request"
require_relative "response"

module Proxy
  class Application
    # One request: it is read, the application is called, and its response is written.
    class Exchange
      # What an application may raise without an end of its thread.
      SURVIVED = [StandardError, ScriptError, NoMemoryError, SystemStackError].freeze
      FAILURE = [500, { "content-type" => "text/plain" }, ["Internal Server Error\n"]].freeze
      # Lines of a backtrace that say nothing of the application.
      OWN = /\A#{Regexp.escape(__dir__)}/.freeze
      private_constant :SURVIVED, :FAILURE, :OWN

      # `place` is the place of the request in the inbox.
      def initialize(descriptor, app, prefix, place)
        @place = place
        @socket = UNIXSocket.for_fd(descriptor)
        @app = app
        @prefix = prefix
        @pid = Process.pid
        @kept = false
      end

      def perform
        request = Request.read(@socket, @prefix)
        @env = request.env
        @response = Response.new(@socket, request)
        offer
        answer
      rescue Gone
        # The client has gone away while it sent its request.
      ensure
        # In a process that the application has forked the connection is the parent's.
        unless @kept || @pid != Process.pid
          hang_up
          request&.close
        end
        @place.done unless @tunnel
      end

      private

      # Puts into the environment what the application may do beside answering.
      def offer
        @env["rack.hijack"] = method(:hijack)
        @env["rack.early_hints"] = @response.method(:hint)
        @env["rack.response_finished"] = @finished = []
      end

      # Full hijack: the application has the connection from now on.
      def hijack
        @kept = true
        @env["rack.hijack_io"] = @socket
      end

      def answer
        triple = @app.call(@env)
        return if @kept || @pid != Process.pid

        status, headers, body = Response.check(triple)
        @kept = @response.write(status, headers, body)
        tunnel(status, headers, body) if @kept == :tunnel
      rescue Gone => error
        # The client has gone away, which is no failure.
      rescue Exception => error # rubocop:disable Lint/RescueException
        raise if @pid != Process.pid

        fail_with(error)
        raise unless SURVIVED.any? { |kind| kind === error }
      ensure
        finish(status, headers, body, error) unless @tunnel || @pid != Process.pid
      end

      # A tunnel gets a thread of its own: it may last for hours, and the proxy does not count it as a request any more.
      def tunnel(status, headers, body)
        @tunnel = Thread.new do
          @response.tunnel(body)
        rescue Gone => error
          # The client has gone away.
        rescue *SURVIVED => error
          log(error)
        ensure
          finish(status, headers, body, error)
          @place.done
        end
        @tunnel.name = "proxy app tunnel"
        @tunnel.report_on_exception = false
        @tunnel.thread_variable_set(:fork_safe, true)
        @place.leave
      end

      def fail_with(error)
        log(error)
        return if @kept || @response.begun?

        @response.write(*FAILURE)
      rescue Gone
        # Nobody waits for it.
      end

      def log(error)
        place = error.backtrace.to_a.grep_v(OWN).first(3).join(", ")
        message = message_of(error).dup.force_encoding(Encoding::UTF_8).scrub
        id = @env["HTTP_X_REQUEST_ID"]&.dup&.force_encoding(Encoding::UTF_8)&.scrub
        @place.failed(id, "#{error.class}: #{message[0, 1000]}#{" (#{place})" unless place.empty?}")
      end

      # The message of an error, whose own method may raise.
      def message_of(error)
        error.message.to_s
      rescue *SURVIVED => late
        "without a message, since that raised #{late.class}"
      end

      # Closes the body and tells those who asked to be told, whatever any of them raises.
      def finish(status, headers, body, error)
        [-> { body.close if body.respond_to?(:close) },
         *@finished.reverse.map { |told| -> { told.call(@env, status, headers, error) } }].each do |step|
          step.call
        rescue *SURVIVED => late
          log(late)
        end
      end

      # Ends the connection in every process that holds it: a program that the application has started may have a copy.
      def hang_up
        @socket.shutdown
      rescue SystemCallError, IOError
        # It has ended.
      ensure
        @socket.close
      end
    end
    private_constant :Exchange
  end
end
