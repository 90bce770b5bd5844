# frozen_string_literal: true

module Proxy
  class Listeners
    # Listening sockets that were open when the process began: of systemd (`LISTEN_FDS`, sd_listen_fds(3)), or of the
    # process whose place this one takes. Each serves the bind at its address; a bind without one opens its own.
    # @api private
    class Passed
      # The first descriptor.
      FIRST = 3
      # The variables that tell of them.
      VARIABLES = %w[LISTEN_FDS LISTEN_PID LISTEN_FDNAMES].freeze
      # What the names of sockets begin with that a service manager keeps open, if a process passes them on.
      KEPT = "kept/"
      # What the names of sockets begin with where the control API was served.
      CONTROL = "control/"

      # A socket: its IO, its name, and whether a service manager has it too.
      One = Struct.new(:io, :name, :kept)
      private_constant :One

      # The sockets that were passed to this process; nil if there are none. Children find no trace of them.
      # `inherited`: the process before has passed them, which cannot know our number.
      def self.take(env = ENV, inherited: false)
        count = Integer(env["LISTEN_FDS"] || "", 10, exception: false)
        return unless count&.between?(1, 1024) && (inherited || env["LISTEN_PID"] == Process.pid.to_s)

        names = env.fetch("LISTEN_FDNAMES", "").split(":", -1)
        VARIABLES.each { |name| env.delete(name) }
        new(Array.new(count) { |number| one(FIRST + number, names[number].to_s, inherited) }.compact)
      end

      # The name under which a socket is passed on.
      def self.name_of(url, kept)
        "#{KEPT if kept}#{escaped(url)}"
      end

      # The same for a socket where the control API is served.
      def self.name_of_control(url) = "#{CONTROL}#{escaped(url)}"

      def self.escaped(url) = url.gsub("%", "%25").gsub(":", "%3A")
      private_class_method :escaped

      def self.one(number, name, inherited)
        io = IO.for_fd(number)
        io.close_on_exec = true
        One.new(io, name.delete_prefix(KEPT), !inherited || name.start_with?(KEPT))
      rescue SystemCallError
        # There are fewer than was said.
        nil
      end
      private_class_method :one

      def initialize(sockets)
        control, others = sockets.partition { |one| !one.kept && one.name.start_with?(CONTROL) }
        @control = control.map(&:io)
        @sockets, @strays = others.partition { |one| url(one) }
      end

      # The sockets where the process before has served the control API.
      def control = @control.reject(&:closed?)

      # The binds to use: those of the configuration. If it has none, what systemd has opened is meant.
      def binds(binds, _added)
        return binds if binds.any?

        kept = open.select(&:kept).map { |one| { "url" => url(one) } }
        kept.any? ? kept : [{ "url" => Native.defaults.dig(:bind, :url) }]
      end

      # For each bind its socket: an IO, in an Array if it is of the process before; nil if there is none.
      def sockets(binds)
        assigned(binds).map { |one| one && (one.kept ? one.io : [one.io]) }
      end

      # Nothing is wrong with a socket that is for no bind: {#settle} says so.
      def check(_binds)
      end

      # To be called once the server has sockets of its own. Closes what is for no bind, and what only the server is to
      # keep open. Returns a text for each socket of systemd that is for no bind.
      def settle(binds)
        used = assigned(binds).compact
        strays = @strays + open.reject { |one| used.include?(one) }
        complaints = strays.select(&:kept).map { |one| complaint(one) }
        (strays + used.reject(&:kept)).each { |one| one.io.close }
        @control.each(&:close)
        complaints
      end

      # The places of the sockets that a bind has, in the order in which they were passed.
      def used(binds) = assigned(binds).compact.map { |one| one.io.fileno - FIRST }

      # Whether a service manager has this socket open too.
      def kept?(inode) = open.any? { |one| one.kept && one.io.stat.ino == inode }

      def close
        (@sockets + @strays).each { |one| one.io.close }
        @control.each(&:close)
      end

      private

      def open = @sockets.reject { |one| one.io.closed? }

      def assigned(binds)
        free = open
        Native.assign(binds.map { |bind| bind["url"] }, free.map(&:io), free.map(&:name))
              .map { |number| number && free.fetch(number) }
      end

      # nil if it does not listen.
      def url(one)
        Native.listening_url(one.io)
      rescue ArgumentError
        nil
      end

      def complaint(one)
        name = " (#{one.name})" unless one.name.empty? || one.name == "unknown"
        where = url(one)
        unless where
          return "descriptor #{one.io.fileno}#{name} was passed and is no listening socket of TCP or with a path: it " \
                 "is closed, and can be left out of the .socket unit"
        end

        "no bind is for the socket#{name} that was passed and listens at #{where}: it is closed; write bind " \
          "#{where.inspect}, or leave it out of the .socket unit"
      end
    end
  end
end
