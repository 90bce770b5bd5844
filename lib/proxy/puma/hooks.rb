# frozen_string_literal: true

require_relative "folder"
require_relative "worker"

module Proxy
  module Puma
    # What the plugin does at the events of Puma's life: workers that come and go, and the end.
    # @api private
    class Hooks
      def initialize(launcher, supervisor, sockets, folder)
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
        cluster if @options[:workers].to_i.positive?
        event(:after_booted, :on_booted) { stop_in_front_first if Process.pid == @puma }
        event(:after_stopped, :on_stopped) { stop if Process.pid == @puma }
      end

      private

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
      def stop_in_front_first
        return if @trapped

        @trapped = true
        %w[TERM INT].each do |name|
          before = Signal.trap(name) { |number| ending(name, number, before) }
          Signal.trap(name, before) unless before.is_a?(Proc)
        end
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
