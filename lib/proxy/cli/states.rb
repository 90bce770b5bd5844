# frozen_string_literal: true

module Proxy
  module CLI
    # Base of the commands that change the state of backends.
    # @api private
    class States < Asking
      # What stands for backends, for the help texts.
      NAMES = <<~TEXT
        NAME is UPSTREAM/BACKEND as in `proxy status`, an upstream for all its backends,
        or the address of a backend alone if only one upstream has it.
      TEXT

      private

      def obey(*names)
        return usage("write what: a backend such as app/127.0.0.1:3001, or an upstream") if names.empty?

        change(names)
        told(names)
      end

      def told(names) = answer({ state: state, names: names }) { said(names) }

      def said(names) = "#{DSL::Format.list(names)} #{names.one? ? "is" : "are"} #{state}."
    end

    # Base of the commands that give backends nothing new, and may wait for what they still do.
    # @api private
    class Withdrawal < States
      # The option, for the help texts.
      WAITING = <<~TEXT
        --wait SECONDS      wait until nothing is in flight there; exits with 1 if
                            something still is when the time is over
      TEXT

      private

      def declare(options)
        super
        number_option(options, "--wait SECONDS") { |number| @wait = number }
      end

      def told(names)
        return super unless @wait

        @err.puts "#{said(names)} Waiting up to #{limit} until nothing is in flight."
        wait(names)
      end

      def wait(names)
        left = nil
        return answer({ state: state, names: names, in_flight: 0 }) { "Nothing is in flight there." } if
          control.idle?(*names, within: @wait) { |number| left = number }

        raise Control::NoAnswer, "#{count(left, "request")} still in flight after #{limit}: " \
                                 "`proxy #{name}` goes on without waiting, and nothing was cut"
      end

      def limit = (@wait % 1).zero? ? Amounts.span(@wait) : "#{@wait} s"
    end

    # `proxy drain`
    # @api private
    class Drain < Withdrawal
      describe "let backends finish, and send them nothing new", <<~HELP
        proxy drain NAME... [--wait SECONDS] [--json]

        Drains backends of a running proxy: requests in flight finish, and new ones come
        only from sticky clients. It lasts until `proxy ready`.

        NAMES

              WAITING
          NAMING
              --json              print one JSON object instead
          -h, --help              this text

        Examples:
          proxy drain app/127.0.0.1:3001 --wait 30 && systemctl restart app@3001
          proxy drain app
      HELP

      private

      def state = "draining"

      def change(names) = control.drain(*names)
    end

    # `proxy down`
    # @api private
    class Down < Withdrawal
      describe "take backends out of service", <<~HELP
        proxy down NAME... [--wait SECONDS] [--json]

        Takes backends of a running proxy out of service: they get no new requests, not
        even from sticky clients. Requests in flight finish. It lasts until
        `proxy ready`.

        NAMES

              WAITING
          NAMING
              --json              print one JSON object instead
          -h, --help              this text

        Examples:
          proxy down app/127.0.0.1:3001
          proxy down app --socket /run/proxy/control.sock
      HELP

      private

      def state = "down"

      def change(names) = control.down(*names)
    end

    # `proxy ready`
    # @api private
    class Ready < States
      describe "put backends into service again", <<~HELP
        proxy ready NAME... [--json]

        Puts backends of a running proxy into service again after `proxy drain` and
        `proxy down`: gradually if the upstream has a slow_start. One with a health
        check gets requests once that finds it healthy.

        NAMES

          NAMING
              --json              print one JSON object instead
          -h, --help              this text

        Examples:
          proxy ready app/127.0.0.1:3001
      HELP

      private

      def state = "ready"

      def change(names) = control.ready(*names)
    end
  end
end

require_relative "amounts"
