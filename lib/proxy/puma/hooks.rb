# frozen_string_literal: true

require_relative "folder"
require_relative "worker"

module Proxy
  module Puma
    # What the plugin does at the events of Puma's life: workers that come and go, and the end.
    # @api private
    class Hooks
      # `tells_address`: the front says in X-Real-IP who the client is.
      def initialize(launcher, supervisor, sockets, folder, logs, tells_address)
        @logs = logs
        @tells_address = tells_address
        @launcher = launcher
        @options = launcher.options
        @events = launcher.events
        @binder = launcher.binder
        @supervisor = supervisor
        @sockets = sockets
        @folder = folder
        @puma = Process.pid
      end

      def add
        # A connection that the front has made is served, even if Puma is about to stop.
        @options[:drain_on_shutdown] = true if @options[:drain_on_shutdown].nil?
        client_address
        cluster if @options[:workers].to_i.positive?
        event(:after_booted, :on_booted) { take_signals if Process.pid == @puma }
        event(:after_stopped, :on_stopped) { stop if Process.pid == @puma }
      end

      private

      # `REMOTE_ADDR` is the client's address, as in Puma alone: the front's X-Real-IP, unless `set_remote_address` says
      # otherwise. For a unix socket Puma presets it. Where a request may lack the header it stays 127.0.0.1: Puma 7 and
      # 8 would answer 500.
      def client_address
        if @options[:remote_address] == :socket
          return unless @tells_address

          @options[:remote_address] = :header
          @options[:remote_address_header] = "HTTP_X_REAL_IP"
        end
        @events.register(:state) do |name|
          @binder.envs.each_value { |env| env.delete("REMOTE_ADDR") } if name == :booting
        end
      end

      # Names of events and hooks: those of Puma 7 and newer, and those of older ones.
      def event(*names, &block)
        @events.public_send(names.find { |name| @events.respond_to?(name) }, &block)
      end

      def hook(*names, &block)
        @launcher.config.configure do |user, *|
          user.public_send(names.find { |name| user.respond_to?(name) }, &block)
        end
      end

      def cluster
        each = @sockets.workers.positive?
        # Who is less busy is chosen by the front.
        @options[:wait_for_less_busy_worker] = 0 if each && !chosen?(:wait_for_less_busy_worker)
        hook(:before_worker_fork, :on_worker_fork) { |index| @sockets.open(@binder, index + 1) } if each
        hook(:before_worker_boot, :on_worker_boot) do |index|
          @supervisor.leave
          @worker&.forget
          @sockets.listen(@binder, index) if each
          @worker = Worker.new(@supervisor.path, index) if each
        end
        @events.register(:state) { |name| @worker&.state(name) } if each
      end

      def chosen?(option)
        [@options.user_options, @options.file_options].any? { |level| level.key?(option) }
      end

      # A signal that ends Puma lets the front finish its requests first: Puma is needed for them.
      def take_signals
        return if @trapped

        @trapped = true
        %w[TERM INT].each do |name|
          take(name) { |number, before| ending(name, number, before) }
        end
        take("HUP") { |number, before| hang_up(number, before) } if @logs.any?
      end

      # Puts the block in front of Puma's own handler of a signal, which it gets.
      def take(name, &block)
        before = Signal.trap(name) { |number| block.call(number, before) }
        Signal.trap(name, before) unless before.is_a?(Proc)
      end

      # Puma opens its log files anew.
      def hang_up(number, before)
        @supervisor.reopen if Process.pid == @puma
        before.call(number)
      end

      # The second signal ends Puma at once.
      def ending(name, number, before)
        return before.call(number) if @ending || Process.pid != @puma

        @ending = true
        Thread.new do
          @supervisor.drain
          Process.kill(name, @puma)
        end
      end

      def stop
        @supervisor.stop
        Folder.remove(@folder)
      end
    end
  end
end
