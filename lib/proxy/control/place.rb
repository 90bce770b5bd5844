# frozen_string_literal: true

require "digest"

module Proxy
  # The control API of a running proxy, as the Ruby side knows it.
  # @api private
  module Control
    # Where the socket of the control API is, if a configuration does not say it. The server makes it there, and a
    # client looks there, so that `proxy status` need not be told. The places, in this order: `tmp/pids/proxy.sock`
    # beside the configuration, if there is a folder `tmp`; a file named by a digest of the configuration's path, in
    # `$RUNTIME_DIRECTORY`, which systemd makes for a service, or a folder of the user's own: `$XDG_RUNTIME_DIR/proxy`
    # or `/tmp/proxy-UID`.
    #
    # A client looks at more: in `/run/proxy`, which only root can have made for a service, and, as root, in the folders
    # of the users to whom the configuration and its folder belong. They decide what that proxy does anyway. A socket in
    # the folder of anybody else may be another program's, which would be believed: it is asked only if it is named.
    # @api private
    class Place
      # Most bytes of a socket's path (`sockaddr_un`).
      LONGEST = 107
      # A path where the socket may be: the user to whom its folder has to belong (nil: anybody), and the rights that
      # the folder must not give to others.
      Candidate = Struct.new(:path, :owner, :forbidden) do
        def folder = File.dirname(path)

        # Whether the folder belongs to that user, and nobody else could have put the socket there: in /tmp anybody may
        # have made it.
        def safe?
          return true unless owner

          stat = File.lstat(folder)
          stat.directory? && stat.uid == owner && stat.mode.nobits?(forbidden)
        rescue SystemCallError
          false
        end
      end
      private_constant :LONGEST, :Candidate

      # @return [String] the real path of the configuration, which need not exist
      attr_reader :file

      # `file` is the configuration's path, from the working directory; nil for a proxy without a file. `root` is the
      # folder that has `/run` and `/tmp`.
      def initialize(file = nil, directory: Dir.pwd, root: "")
        @file = real(File.expand_path(file || "Proxyfile", directory))
        @root = root
      end

      # @return [Array<String>] every path where a server of this user may make its socket
      def candidates = own.map(&:path)

      # Finds a place for a server's socket, and makes its folder. nil: there is none.
      # @return [String, nil]
      def choose
        own.find { |candidate| usable?(candidate) }&.path
      end

      # @return [Array<String>] the sockets of servers that run, or ran once
      def found
        [*own, *of_service, *of_owners].select { |place| File.socket?(place.path) && place.safe? }.map(&:path).uniq
      end

      # @return [Array<String>] sockets for this configuration in folders of which it is not known whose they should be
      def doubtful
        Dir.glob(%w[run/* run/user/*/proxy tmp/proxy-*].map { |folder| "#{@root}/#{folder}/#{digest}" })
           .select { |path| File.socket?(path) } - found
      end

      private

      # The path with symbolic links resolved, as far as it exists.
      def real(path)
        File.realdirpath(path)
      rescue SystemCallError
        path
      end

      # The folder that belongs to the configuration: of `config/proxy.rb` the one above.
      def folder
        folder = File.dirname(@file)
        File.basename(folder) == "config" ? File.dirname(folder) : folder
      end

      # A folder may have several configurations, each with a proxy of its own.
      def name
        plain = File.basename(@file).delete_suffix(".rb")
        plain == "Proxyfile" ? "proxy" : plain
      end

      def own = [beside, *of_unit, of_session, of_machine].compact.select { |one| one.path.bytesize <= LONGEST }

      def beside = Candidate.new(File.join(folder, "tmp/pids/#{name}.sock"))

      # The folders that systemd has made for the service.
      def of_unit
        ENV.fetch("RUNTIME_DIRECTORY", "").split(":").grep(%r{\A/}).map do |directory|
          Candidate.new(File.join(directory, digest), Process.euid, 0o022)
        end
      end

      def of_session
        directory = ENV.fetch("XDG_RUNTIME_DIR", "")
        Candidate.new(File.join(directory, "proxy", digest), Process.euid, 0o077) if directory.start_with?("/")
      end

      def of_machine(user = Process.euid) = Candidate.new("#{@root}/tmp/proxy-#{user}/#{digest}", user, 0o077)

      # The folder of a unit with `RuntimeDirectory=proxy`, whoever its user is.
      def of_service
        run = File.stat("#{@root}/run")
        return [] unless [0, Process.euid].include?(run.uid) && run.mode.nobits?(0o022)

        directory = File.realpath("#{@root}/run/proxy")
        [Candidate.new(File.join(directory, digest), File.stat(directory).uid, 0o022)]
      rescue SystemCallError
        []
      end

      # The folders of others whose proxy it can be, for root.
      def of_owners
        return [] unless Process.euid.zero?

        users = [@file, folder].filter_map { |path| File.stat(path).uid if File.exist?(path) }.uniq - [Process.euid]
        users.flat_map do |user|
          [Candidate.new("#{@root}/run/user/#{user}/proxy/#{digest}", user, 0o077), of_machine(user)]
        end
      end

      def digest = "#{Digest::SHA256.hexdigest(@file)[0, 16]}.sock"

      def usable?(candidate)
        make(candidate)
        File.writable?(candidate.folder) && candidate.safe?
      rescue SystemCallError
        false
      end

      # Makes the last folder of the path if it is missing, unless it is systemd's.
      def make(candidate)
        mode = { nil => 0o777, 0o077 => 0o700 }[candidate.forbidden]
        Dir.mkdir(candidate.folder, mode) if mode && !File.directory?(candidate.folder)
      rescue Errno::EEXIST
        nil
      end
    end
  end
end
