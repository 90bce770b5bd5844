# frozen_string_literal: true

require "fileutils"
require "socket"
require "tmpdir"

module Proxy
  module Puma
    # The private folder of the sockets between the front and Puma: in tmp/sockets of the application if there is one.
    # A restart (`exec`) keeps the folder, since it keeps the process.
    # @api private
    module Folder
      # Longest path of a folder, in bytes, with which the path of a socket in it fits into a socket address (108).
      LONGEST = 80
      # Seconds within which a new folder gets its first socket.
      NEW = 60
      # Parent folder in an application.
      PARENT = "tmp/sockets"
      private_constant :LONGEST, :NEW, :PARENT

      # The folder of this process: the one that `url`, which was inherited over `exec`, names, or a new one.
      def self.find(inherited)
        return inherited if inherited && File.directory?(inherited)

        parent = File.expand_path(PARENT)
        path = File.join(parent, "proxy-#{Process.pid}")
        return Dir.mktmpdir("proxy-") unless File.directory?(parent) && path.bytesize <= LONGEST && path.match?(/\A[\w\/. -]+\z/)

        sweep(parent)
        make(path)
      end

      def self.remove(path)
        FileUtils.rm_rf(path)
      end

      # A new folder, in place of one that a killed process with the same number has left. In another container a
      # process may have that number too.
      def self.make(path)
        FileUtils.rm_rf(path) unless used?(path)
        Dir.mkdir(path, 0o700)
        path
      rescue SystemCallError
        Dir.mktmpdir("proxy-")
      end
      private_class_method :make

      # Removes folders of processes that have ended without removing them.
      def self.sweep(parent)
        Dir.glob("proxy-*", base: parent).grep(/\Aproxy-\d+\z/).each do |name|
          path = File.join(parent, name)
          FileUtils.rm_rf(path) unless used?(path)
        end
      end
      private_class_method :sweep

      # Whether a Puma listens in a folder, or is about to. Process numbers say nothing: containers may share a folder.
      def self.used?(path)
        address = Socket.sockaddr_un("#{path}/puma.sock")
        Socket.open(:UNIX, :STREAM) { |socket| socket.connect_nonblock(address, exception: false) }
        true
      rescue Errno::ECONNREFUSED
        false
      rescue Errno::ENOENT
        File.directory?(path) && Time.now - File.mtime(path) < NEW
      rescue SystemCallError
        true
      end
      private_class_method :used?
    end
  end
end
