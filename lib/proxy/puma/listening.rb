# frozen_string_literal: true

require "etc"
require "socket"

module Proxy
  module Puma
    # The public sockets: those that Puma was told to listen on, or those of the `bind` words of the proxy. Puma opens
    # them and keeps them open, so that no client is refused while a front starts anew or Puma restarts.
    # @api private
    class Listening
      # A socket, its name for a restart, and its address with options in the engine's form.
      Socket = Struct.new(:key, :io, :bind)
      # Connections that may wait in the kernel, unless the address says otherwise.
      BACKLOG = 1024
      private_constant :BACKLOG

      # Opens the sockets of binds, or takes them from systemd or from this Puma's life before its restart.
      def self.open(binds, binder)
        new(binds.flat_map { |bind| Opening.new(bind, binder).sockets })
      end

      # @return [Array<Socket>]
      attr_reader :sockets

      def initialize(sockets)
        @sockets = sockets
      end

      # The sockets by their URL.
      def by_url = sockets.to_h { |socket| [socket.bind.fetch("url"), socket.io] }

      # The addresses in the engine's form.
      def binds = sockets.map(&:bind)

      # What is listened on, for the log.
      def urls = binds.map { |bind| bind.fetch("url") }

      def close
        sockets.each { |socket| socket.io.close unless socket.io.closed? }
      end

      # Opens the sockets of one address.
      class Opening
        # The parts of an address, each as the engine reads it.
        URL = %r{\A([a-z+]+):(?://)?(.*)\z}
        HOST_AND_PORT = %r{\A\[?(.*?)\]?(?::(\d+))?/?\z}
        # The ports of addresses without one.
        PORTS = { "http" => 80, "https" => 443 }.freeze

        def initialize(bind, binder)
          @bind = bind.except("name")
          @binder = binder
          @scheme, @rest = bind.fetch("url").match(URL).captures
          @key = bind.fetch("name", bind.fetch("url"))
        end

        # One socket; for `localhost` one for each of its addresses.
        def sockets
          return [unix] if @scheme.end_with?("unix")

          host, port = @rest.match(HOST_AND_PORT).captures
          port ||= PORTS.fetch(@scheme)
          hosts = { "localhost" => loopback, "*" => ["0.0.0.0"] }.fetch(host, [host])
          hosts.map do |address|
            tcp(address, port, hosts.one? ? @key : @key.sub("localhost", bracketed(address))).tap do |socket|
              # All addresses of `localhost` get the same free port.
              port = socket.io.local_address.ip_port.to_s
            end
          end
        rescue SystemCallError => error
          file, line = @bind.fetch("at", {}).values_at("file", "line")
          why = "the proxy in front of Puma cannot listen on #{@key}: #{error.class.new.message}"
          raise BindError, [Problem.new(file: file, line: line, directive: "bind", message: why)]
        end

        private

        def tcp(host, port, key)
          io = kept_before(key, TCPServer)
          io ||= @binder.activated_sockets.delete([:tcp, bracketed(host), port.to_i]) || TCPServer.new(host, port.to_i)
          io.listen(@bind.fetch("backlog", BACKLOG))
          kept(key, io, "#{@scheme}://#{bracketed(host)}:#{io.local_address.ip_port}")
        end

        def unix
          path = @rest.start_with?("/") ? @rest : File.expand_path(@rest)
          io = kept_before(@key, UNIXServer) || @binder.activated_sockets.delete([:unix, path]) || new_unix(path)
          io.listen(@bind.fetch("backlog", BACKLOG))
          @binder.unix_paths << path
          kept(@key, io, @bind.fetch("url"))
        end

        # A socket file, in place of one that nobody listens on.
        def new_unix(path)
          if File.socket?(path)
            begin
              UNIXSocket.new(path).close
              raise Errno::EADDRINUSE
            rescue Errno::ECONNREFUSED
              File.unlink(path)
            end
          end
          io = UNIXServer.new(path)
          mode, owner, group = @bind.values_at("mode", "owner", "group")
          File.chown(owner && number(owner, :getpwnam, :uid), group && number(group, :getgrnam, :gid), path)
          File.chmod(mode, path) if mode
          io
        end

        def number(name, method, field)
          name.match?(/\A\d+\z/) ? name.to_i : Etc.public_send(method, name).public_send(field)
        rescue ArgumentError
          raise Errno::ENOENT
        end

        # The socket of this process before its restart.
        def kept_before(key, kind)
          fd = @binder.inherited_fds.delete(key)
          kind.for_fd(fd) if fd
        end

        # Notes the socket where Puma closes it at its end and passes it on over its restart.
        def kept(key, io, url)
          @binder.listeners << [key, io]
          Socket.new(key, io, { **@bind.except("backlog", "mode", "owner", "group"), "url" => url })
        end

        def bracketed(host) = host.include?(":") ? "[#{host}]" : host

        def loopback
          ::Socket.ip_address_list.select { |address| address.ipv4_loopback? || address.ipv6_loopback? }
                  .map(&:ip_address).uniq
        end
      end
      private_constant :Opening
    end
  end
end
