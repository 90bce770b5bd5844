# frozen_string_literal: true

require "fileutils"
require "tmpdir"

module Proxy
  module Puma
    # The private folder of the sockets between the front and Puma: in tmp/sockets of the application if there is one.
    # A restart (`exec`) keeps the folder, since it keeps the process.
    # @api private
    module Folder
      # Longest path of a folder, in bytes, with which the path of a socket in it fits into a socket address (108).
      LONGEST = 85
      # Parent folder in an application.
      PARENT = "tmp/sockets"
      private_constant :LONGEST, :PARENT

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

      # A new folder, in place of one that a killed process with the same number has left.
      def self.make(path)
        FileUtils.rm_rf(path)
        Dir.mkdir(path, 0o700)
        path
      rescue SystemCallError
        Dir.mktmpdir("proxy-")
      end
      private_class_method :make

      # Removes folders of processes that have ended without removing them.
      def self.sweep(parent)
        Dir.glob("proxy-*", base: parent).each do |name|
          pid = name[/\Aproxy-(\d+)\z/, 1] or next
          Process.kill(0, pid.to_i)
        rescue Errno::ESRCH
          FileUtils.rm_rf(File.join(parent, name))
        rescue SystemCallError
          next
        end
      end
      private_class_method :sweep
    end
  end
end
