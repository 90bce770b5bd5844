# frozen_string_literal: true

module Proxy
  module CLI
    class Run < Serving
      # The program of a command, looked up as a shell does. So a mistake is told before anything is started.
      class Program
        # Exit status: the program was found and cannot be run.
        NOT_EXECUTABLE = 126
        # Exit status: there is no such program.
        NOT_FOUND = 127

        # @return [Integer] the exit status that says what is wrong with it
        attr_reader :status

        def initialize(name)
          @name = name
          found = candidates.select { |path| File.exist?(path) }
          program = found.find { |path| File.file?(path) && File.executable?(path) }
          @interpreter = missing_interpreter(program) if program
          return if program && !@interpreter

          @status = found.empty? ? NOT_FOUND : NOT_EXECUTABLE
          @place = program || found.first
        end

        # What is wrong with it; nil if it can be run.
        def problem
          case status
          when NOT_EXECUTABLE then "#{@place} #{blocked}"
          when NOT_FOUND then "there is no program #{@name.inspect}#{where}"
          end
        end

        private

        def candidates
          return [@name] if @name.include?("/")
          return [] if @name.empty?

          ENV.fetch("PATH", "/usr/local/bin:/usr/bin:/bin").split(":").map { |folder| File.join(folder, @name) }
        end

        # The interpreter that the first line of a script names, if it is not there: with a carriage return, say.
        def missing_interpreter(path)
          name = File.binread(path, 256).to_s[/\A#![ \t]*([^ \t\n]+)/n, 1]
          name unless name.nil? || name.include?("\0") || File.exist?(name)
        # A program may be executable and not readable.
        rescue SystemCallError
          nil
        end

        def blocked
          if @interpreter
            return "names #{@interpreter.inspect} in its first line, which is not there: correct that line"
          end
          return "is a folder: name the program in it" if File.directory?(@place)

          "may not be executed: `chmod +x #{@place}` allows it"
        end

        def where
          if @name.match?(/\s/)
            return ": write the command without quotes, each word by itself, as in `proxy run -- bundle exec puma`"
          end
          return ": write the path from here, or cd to its folder first" if @name.include?("/")
          return ": write ./#{@name}, it is not in PATH" if File.file?(@name)
          return ": write bin/#{@name}, it is not in PATH" if File.file?("bin/#{@name}")

          " in PATH: install it, or write its path"
        end
      end
      private_constant :Program
    end
  end
end
