# frozen_string_literal: true

module Proxy
  class Server
    # What a server does for the process that takes the place of its own. That process gets copies of the sockets and
    # what {#state_to_pass} tells, and starts with both; then {#hand_over} ends this one.
    # @api private
    module Replacement
      # Copies of the listening sockets, in the order of {Server#urls}: `to_a` has the URL of each bind and the number
      # of the descriptor, and `close` closes them.
      def listening_copies = @native.listening_copies

      # The same of the sockets where the control API is served.
      def control_copies = @native.control_copies

      # JSON with secrets; nil once the server has ended. Changes at run time are refused from then on, since the other
      # process would not know them.
      def state_to_pass = @native.state_to_pass

      # Takes changes at run time again, since the other process does not come to serve.
      def stay = @native.cancel_hand_over

      # Begins to leave everything to the other process, and returns as soon as nothing is accepted here. What was begun
      # here is finished; idle connections are told with their next answer. Sockets whose places are in `closing` are
      # not the other's: they close.
      def leave(closing = [])
        @stop_by = [@stop_by, clock + @shutdown_timeout].compact.min
        @native.begin_hand_over(nil, closing)
      end

      # Returns when all that was begun here has ended.
      def finish
        wait
        @applications.each { |application| application.join(@stop_by) }
        @native.drained?
      end

      # Whether every engine thread has turned within so many seconds.
      def turns?(seconds) = @native.turns?(seconds)
    end
  end
end
