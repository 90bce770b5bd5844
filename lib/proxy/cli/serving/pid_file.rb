# frozen_string_literal: true

module Proxy
  module CLI
    class Serving < Command
      # The file of `--pid`. It is locked as long as the proxy runs. So the lock tells a running proxy from a stale
      # file, even if another process has the PID by now.
      class PidFile
        # @return [String]
        attr_reader :path

        # Touches nothing before {#claim}. `path` is made absolute now, since a configuration may change the working
        # directory.
        # @raise [OptionParser::InvalidArgument] if the user of a `~user/…` path is unknown
        def initialize(path)
          @path = File.expand_path(path)
        rescue ArgumentError => error
          raise OptionParser::InvalidArgument, "#{path}: #{error.message}: write the whole path"
        end

        # @return [File, nil] the locked file, for the process that takes the place of this one
        def io = @file

        # Whether the number of this process was written.
        def written? = @written

        # Locks the file before anything is bound. Its content stays until {#write}. `locked` is the file of the process
        # before, whose lock counts as ours.
        # @raise [Error] if another proxy holds the lock, or the file cannot be written
        def claim(locked = nil)
          return if locked && inherit(locked)

          loop do
            open
            refuse unless lock
            # The previous owner may have removed the file after we opened it: our PID would be in a deleted file.
            break if there?

            @file.close
          end
          # A symbolic link stays; its target is written and removed.
          @real = File.realpath(path)
          spare
        rescue Errno::ENOENT
          raise Error, "--pid #{path}: the directory does not exist: create it first"
        rescue SystemCallError => error
          raise Error, "--pid #{path}: it cannot be written (#{reason(error)}): write another path, or give yourself " \
                       "the right to"
        end

        # Writes the PID, once the addresses are bound.
        # @raise [Error] if the file cannot be written
        def write
          @file.truncate(0)
          @file.pwrite("#{Process.pid}\n", 0)
          @written = true
        rescue SystemCallError => error
          raise Error, "--pid #{path}: it cannot be written (#{reason(error)})"
        end

        # Removes the file, unless it was replaced or has other content: then it belongs to another process.
        def remove
          return unless @file

          File.unlink(@real) if (@written || @created) && ours?
        rescue SystemCallError
          # A file that cannot be removed is a stale file without a lock: that does no harm.
        ensure
          @file&.close
          @file = nil
        end

        private

        # Goes on with the file of the process before. `false` if that is another file.
        def inherit(locked)
          @file = locked
          return @real = File.realpath(path) if there?

          @file = nil
          locked.close
          false
        rescue SystemCallError
          @file = nil
          false
        end

        def open
          @created = !File.exist?(path)
          @file = File.open(path, File::RDWR | File::CREAT | File::NONBLOCK, 0o644)
          raise Error, "--pid #{path}: it is not a regular file: write the path of one" unless @file.stat.file?
        end

        # Without locks in the file system, the file counts as free.
        def lock
          @file.flock(File::LOCK_EX | File::LOCK_NB)
        rescue Errno::ENOTSUP, Errno::ENOLCK, Errno::ENOSYS
          true
        end

        def refuse
          pid = @file.read(20)[/\A\d+/]
          @file.close
          @file = nil
          raise Error, "--pid #{path}: a running proxy has written it#{" (PID #{pid})" if pid}: stop that one first, " \
                       "or write another path"
        end

        # Refuses a file that does not begin with a number: it is no PID file and may be a Proxyfile.
        def spare
          text = @file.pread(20, 0)
          unless text.match?(/\A\s*(\d+\s|\d+\z|\z)/n)
            raise Error, "--pid #{path}: it holds something other than a process number: write another path, or " \
                         "remove it"
          end
        rescue EOFError
          # The file is empty or new.
        end

        # Whether the open file is still the one at the path.
        def there?
          there = File.stat(path)
          mine = @file.stat
          [there.dev, there.ino] == [mine.dev, mine.ino]
        rescue Errno::ENOENT
          false
        end

        def ours?
          there? && @file.pread(20, 0) == "#{Process.pid}\n"
        rescue EOFError
          # Nothing was started, and nothing was written.
          !@written
        end

        def reason(error) = error.message[/\A[^@]+/].strip
      end
      private_constant :PidFile
    end
  end
end
