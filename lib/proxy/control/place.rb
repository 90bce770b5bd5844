# frozen_string_literal: true

require "digest"

module Proxy
  # The control API of a running proxy, as the Ruby side knows it.
  # @api private
  module Control
    # Where the socket of the control API is, if a configuration does not say it. The server makes it there, and a
    # client looks there, so that `proxy status` need not be told. The places, in this order: `tmp/pids/proxy.sock`
    # beside the configuration, if there is a folder `tmp`; a file of the user's own in `$XDG_RUNTIME_DIR/proxy` or
    # `/tmp/proxy-UID`, named by a digest of the configuration's path.
    # @api private
    class Place
      # Most bytes of a socket's path (`sockaddr_un`).
      LONGEST = 107
      private_constant :LONGEST

      # @return [String] the real path of the configuration, which need not exist
      attr_reader :file

      # `file` is the configuration's path, from the working directory; nil for a proxy without a file.
      def initialize(file = nil, directory: Dir.pwd)
        @file = real(File.expand_path(file || "Proxyfile", directory))
      end

      # @return [Array<String>] every path where the socket may be
      def candidates
        [beside, of_session, of_machine].compact.select { |path| path.bytesize <= LONGEST }
      end

      # Finds a place for a server's socket, and makes its folder. nil: there is none.
      # @return [String, nil]
      def choose
        candidates.find { |path| usable?(path) }
      end

      # Finds the socket of a running server: the first candidate that is one.
      # @return [String, nil]
      def find
        candidates.find { |path| File.socket?(path) && (path == beside || own?(File.dirname(path))) }
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

      def beside = File.join(folder, "tmp/pids/#{name}.sock")

      def of_session
        directory = ENV.fetch("XDG_RUNTIME_DIR", "")
        File.join(directory, "proxy", digest) if directory.start_with?("/")
      end

      def of_machine = File.join("/tmp/proxy-#{Process.euid}", digest)

      def digest = "#{Digest::SHA256.hexdigest(@file)[0, 16]}.sock"

      def usable?(path)
        directory = File.dirname(path)
        make(directory, path == beside ? 0o777 : 0o700)
        File.writable?(directory) && (path == beside || own?(directory))
      rescue SystemCallError
        false
      end

      # Makes the last folder of the path if it is missing.
      def make(directory, mode)
        Dir.mkdir(directory, mode) unless File.directory?(directory)
      rescue Errno::EEXIST
        nil
      end

      # Whether the folder belongs to this user, and to nobody else: in /tmp anybody may have made it.
      def own?(directory)
        stat = File.lstat(directory)
        stat.directory? && stat.owned? && stat.mode.nobits?(0o077)
      rescue SystemCallError
        false
      end
    end
  end
end
