# frozen_string_literal: true

module Proxy
  module CLI
    class Start
      # The file of `--pid`. It is locked as long as the proxy runs: whether it is that of one which is still there, or
      # was left by one that was killed, the system knows, and no number that another process has by now can mislead
      # anybody.
      class PidFile
        # @return [String]
        attr_reader :path

        # Nothing is touched before {#claim}. `path` is that of this moment, wherever a configuration goes.
        # @raise [OptionParser::InvalidArgument] if nobody knows whose folder that is, as in `~nobody/proxy.pid`
        def initialize(path)
          @path = File.expand_path(path)
        rescue ArgumentError => error
          raise OptionParser::InvalidArgument, "#{path}: #{error.message}: write the whole path"
        end

        # Takes the file, before anything is bound. What stands in it stays until {#write}.
        # @raise [Error] if another proxy has it, or it cannot be written
        def claim
          loop do
            open
            refuse unless lock
            # Whoever had it may have removed it since it was opened: then nobody would find what is written there.
            break if there?

            @file.close
          end
          # A link stays, and what it leads to is written and removed.
          @real = File.realpath(path)
          spare
        rescue Errno::ENOENT
          raise Error, "--pid #{path}: the directory does not exist: create it first"
        rescue SystemCallError => error
          raise Error, "--pid #{path}: it cannot be written (#{reason(error)}): write another path, or give yourself " \
                       "the right to"
        end

        # Says who runs, once the addresses are bound.
        # @raise [Error] if it cannot be written
        def write
          @file.truncate(0)
          @file.pwrite("#{Process.pid}\n", 0)
          @written = true
        rescue SystemCallError => error
          raise Error, "--pid #{path}: it cannot be written (#{reason(error)})"
        end

        # Removes the file, unless it is another one by now or says something else: then it is somebody else's.
        def remove
          return unless @file

          File.unlink(@real) if (@written || @created) && ours?
        rescue SystemCallError
          # It is as good as one that was left behind.
        ensure
          @file&.close
          @file = nil
        end

        private

        def open
          @created = !File.exist?(path)
          @file = File.open(path, File::RDWR | File::CREAT | File::NONBLOCK, 0o644)
          raise Error, "--pid #{path}: it is not a regular file: write the path of one" unless @file.stat.file?
        end

        # A file system without locks knows no better than that nobody has one.
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
                       "or write " \
                       "another path"
        end

        # A file that does not begin with a number was not written for this: it may be a Proxyfile.
        def spare
          text = @file.pread(20, 0)
          unless text.match?(/\A\s*(\d+\s|\d+\z|\z)/n)
            raise Error, "--pid #{path}: it holds something other than a process number: write another path, or " \
                         "remove it"
          end
        rescue EOFError
          # It is empty, or new.
        end

        # Whether the file is still the one of that path.
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
