# frozen_string_literal: true

require "rbconfig"

module Proxy
  module CLI
    class Serving < Command
      # How this process was started, for another one that is started likewise. It is made before a configuration is
      # read, which may change the environment and the working directory.
      #
      # If the working directory was reached by a symbolic link, such as `current`, the other process begins where the
      # link points by then. What lies in the folder where it pointed before is looked for in the new one.
      class Launch
        # Variables that may have paths into the folder.
        PATHS = %w[BUNDLE_GEMFILE BUNDLE_BIN_PATH RUBYOPT RUBYLIB GEM_HOME GEM_PATH].freeze
        private_constant :PATHS

        # The program, its arguments, and the Ruby options before them can be given for a test.
        def initialize(program: $PROGRAM_NAME, arguments: ARGV, options: ruby_options(program, arguments), env: ENV)
          @directory = directory(env["PWD"])
          @real = Dir.pwd
          @program = program.dup
          @arguments = arguments.map(&:dup)
          @options = options
          @env = env.to_h.except(*own(env["WATCHDOG_PID"]))
        end

        # Starts the program with these variables; `descriptors` has for each number the IO or the number here. Returns
        # the process's number.
        # @raise [SystemCallError] if it cannot be started
        def spawn(variables, descriptors)
          Process.spawn({ **environment, **variables }, *command, **{ chdir: @directory, close_others: true,
                                                                      unsetenv_others: true }, **descriptors)
        end

        # The words of the command line.
        def command = [RbConfig.ruby, *@options, moved(@program, @program), *@arguments]

        # The variables, as far as the process had them when it began.
        def environment
          env = { **@env, "PWD" => @directory }
          PATHS.each { |name| env[name] = moved(env[name]) if env.key?(name) }
          gemfile = env["BUNDLE_GEMFILE"]
          # The new folder may need no Gemfile.
          env.delete("BUNDLE_GEMFILE") if gemfile != @env["BUNDLE_GEMFILE"] && !File.exist?(gemfile)
          env
        end

        private

        # The variables that systemd has meant for one process alone. What it has told another one than this is not for
        # the next one either: descriptors have other numbers there, and a sign of life is expected of that other one.
        def own(watched)
          ["WATCHDOG_PID", *("WATCHDOG_USEC" if watched && watched != Process.pid.to_s), *Listeners::Passed::VARIABLES]
        end

        # The working directory by the name that a shell has for it, if it is that.
        def directory(name)
          name && File.absolute_path?(name) && File.identical?(name, Dir.pwd) ? name : Dir.pwd
        end

        # A text with paths in the folder as it will be: `otherwise`, if given, where the file is not there.
        def moved(text, otherwise = nil)
          return text if @directory == @real

          there = text.gsub("#{@real}/") { "#{@directory}/" }
          otherwise && !File.exist?(there) ? otherwise : there
        end

        # The options of Ruby itself, such as -I, which Linux knows.
        def ruby_options(program, arguments)
          words = File.binread("/proc/self/cmdline").split("\0", -1)[1...-1].map { |word| word.force_encoding("UTF-8") }
          script = words.length - arguments.length - 1
          words[script] == program && words.drop(script + 1) == arguments ? words.take(script) : []
        rescue SystemCallError
          []
        end
      end
      private_constant :Launch
    end
  end
end
