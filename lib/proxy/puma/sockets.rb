# frozen_string_literal: true

require "socket"

module Proxy
  module Puma
    # The unix sockets of Puma in the private folder: a shared one, and in cluster mode one for each worker. Puma's
    # master keeps them open, so that a connection that waits is not lost when a worker ends: the next worker takes it.
    # @api private
    class Sockets
      # Connections that may wait in the kernel.
      BACKLOG = 1024
      private_constant :BACKLOG

      # `workers` is 0 in single mode, and with `workers: :shared`. `threads` are those of all workers.
      def initialize(folder, workers, threads)
        @folder = folder
        @workers = workers
        @threads = threads
      end

      # @return [Integer] the number of sockets of workers
      attr_reader :workers

      # @return [String] the `bind` of Puma
      def shared_url = url("puma.sock")

      # The backends of the front while these workers accept requests, in the engine's form.
      def backends(up = 0...workers)
        own = up.map { |index| { "address" => "unix:#{path(index)}" } }
        shared = { "address" => "unix:#{@folder}/puma.sock", "max_connections" => @threads }
        own.empty? ? [shared] : [*own, { **shared, "backup" => true }]
      end

      # Opens the shared socket before Puma does, so that requests wait there while the application is loaded.
      def open_shared(binder)
        return if binder.inherited_fds.key?(shared_url)

        socket = UNIXServer.new("#{@folder}/puma.sock")
        socket.listen(BACKLOG)
        # Puma takes it for one of its life before a restart, and closes it.
        socket.autoclose = false
        binder.inherited_fds[shared_url] = socket.fileno
      end

      # Opens the sockets of workers that are not yet open, for the life of this process and of those after `exec`.
      def open(binder, up_to = workers)
        (0...up_to).each { |index| open_one(binder, index) }
        @workers = [workers, up_to].max
      end

      # Makes this process a worker that listens on its own socket, besides the shared one.
      def listen(binder, index)
        path = path(index)
        known = (0...[workers, index + 1].max).map { |other| path(other) }
        binder.ios.reject! { |io| known.include?(path_of(io)) }
        socket = binder.listeners.assoc(url("worker-#{index}.sock"))&.last || open_one(binder, index)
        # A copy: Puma closes what it listens on when the worker stops.
        copy = socket.dup.tap { |io| io.autoclose = false }
        binder.inherit_unix_listener(path, copy.fileno)
      end

      private

      def open_one(binder, index)
        url = url("worker-#{index}.sock")
        return if binder.listeners.assoc(url)

        fd = binder.inherited_fds.delete(url)
        File.unlink(path(index)) if fd.nil? && File.exist?(path(index))
        socket = fd ? UNIXServer.for_fd(fd) : UNIXServer.new(path(index))
        socket.listen(BACKLOG)
        binder.unix_paths << path(index)
        binder.listeners << [url, socket]
        socket
      end

      def path_of(io)
        io.is_a?(UNIXServer) ? io.path : nil
      end

      def path(index) = "#{@folder}/worker-#{index}.sock"

      # Puma reads `%20` in the path as a space.
      def url(name) = "unix://#{@folder.gsub(" ", "%20")}/#{name}"
    end
  end
end
