# frozen_string_literal: true

require_relative "binds"
require_relative "folder"
require_relative "hooks"
require_relative "listening"
require_relative "logs"
require_relative "sockets"
require_relative "supervisor"

module Proxy
  module Puma
    # The proxy in one Puma: its sockets, its processes and its hooks.
    # @api private
    class Integration
      # Puma before this version lets a thread wait for the next request on a keep-alive connection.
      GOOD_AT_KEEPING = 7
      # Scheme of the name under which the channel to a keeper survives a restart.
      SCHEME = "proxy-keeper"
      # Addresses from which `proxy run` asks the application that it has started.
      NEAR = %w[127.0.0.1 ::1 unix:].freeze
      # The variable by which it says so.
      RUN = "PROXY_RUN"
      private_constant :GOOD_AT_KEEPING, :SCHEME, :NEAR, :RUN

      def initialize(launcher)
        @launcher = launcher
        @options = launcher.options
        @binder = launcher.binder
        @file = launcher.config.config_files.last || "config/puma.rb"
      end

      # Called before Puma binds and loads the application.
      def start
        return refuse(["plugin :proxy: this Ruby cannot fork: run `proxy start` beside Puma"]) unless ::Puma.forkable?

        before = earlier
        @folder = Folder.find(before&.fetch(:folder))
        recording = configured
        listening = Listening.open(@binds, @binder)
        recording.listen(listening)
        @sockets.open_shared(@binder)
        @sockets.open(@binder)
        # The highest precedence: this replaces `bind`, `port`, `-b`, `-p` and PORT.
        @options[:binds] = [@sockets.shared_url]
        supervise(recording, listening)
        retire(before) if before
        tells_address = recording.target.tells_address? && listening.urls.none? { |url| url.include?("unix:") }
        Hooks.new(@launcher, @supervisor, @sockets, @folder, @logs, tells_address).add
        listening.urls.each { |url| log "* Proxy listening on #{url}" }
        log "! There are two proxies: `proxy run` has one in front already. Leave plugin :proxy out, or start Puma " \
            "by itself" if behind_run?
      rescue BindError => error
        refuse(error.problems.map(&:to_s))
      rescue StandardError
        clear
        raise
      end

      private

      def cluster? = @options[:workers].to_i.positive?

      # Whether `proxy run` has started this Puma. Its proxy is then believed: clients stay who they are.
      def behind_run? = ENV.key?(RUN)

      def log(line) = log_writer.log(line)

      def log_writer = @launcher.respond_to?(:log_writer) ? @launcher.log_writer : @launcher.events

      # The keeper of this process before its restart: its channel, its process and the folder.
      def earlier
        key = @binder.inherited_fds.keys.find { |name| name.start_with?("#{SCHEME}://") } or return
        pid, folder = key.delete_prefix("#{SCHEME}://").split("/", 2)
        channel = Channel.new(UNIXSocket.for_fd(@binder.inherited_fds.delete(key)))
        { channel: channel, pid: pid.to_i, folder: URI.decode_www_form_component("/#{folder}") }
      end

      # The front before the restart finishes its requests and ends, and its keeper with it.
      def retire(before)
        # Its workers have ended.
        Dir.glob("keeper-*.sock", base: @folder).each do |name|
          path = File.join(@folder, name)
          File.unlink(path) unless path == @supervisor.path
        end
        before[:channel].tell("retire")
        before[:channel].close
        reaper = Thread.new do
          Process.wait(before[:pid])
        rescue Errno::ECHILD
          nil
        end
        reaper.thread_variable_set(:fork_safe, true)
      end

      # The configuration, without a mistake: all mistakes are printed, and the process ends.
      def configured
        recording = @options[Words::OPTION] || Recording.new
        each = cluster? && recording.target.workers != "shared"
        slots = recording.target.max_connections || threads
        @sockets = Sockets.new(@folder, each ? @options[:workers].to_i : 0, slots * [@options[:workers].to_i, 1].max)
        recording.close(@file, @sockets.backends, defaults, behind_run? ? NEAR : [])
        binds = Binds.new(@file, @folder, @options[:store])
        @binds = recording.addresses.any? ? recording.addresses.dup : binds.read(@options[:binds])
        recording.addresses = @binds.map { |bind| bind.except("name") }
        config = recording.read
        problems = Problem.sort(binds.problems + config.errors)
        refuse(problems.map(&:to_s)) if problems.any?
        config.warnings.each { |warning| log "! #{warning}" }
        recording
      end

      # Requests that one worker works on at once.
      def threads = @options[:max_threads].to_i + @options[:max_io_threads].to_i

      def defaults
        keeps = ::Puma::Const::PUMA_VERSION.to_i >= GOOD_AT_KEEPING
        { "max_connections" => threads, "keepalive" => keeps ? 64 : 0 }
      end

      # Starts the keeper and its front, and waits until it serves.
      def supervise(recording, listening)
        path = "#{@folder}/keeper-#{Process.clock_gettime(Process::CLOCK_MONOTONIC, :millisecond)}.sock"
        @logs = Logs.new(@options.final_options)
        @supervisor = Supervisor.new(path, recording, @sockets, listening, @logs) { |line| log line }
        refuse(["The proxy has not started, and so Puma does not."]) unless @supervisor.start
        name = URI.encode_www_form_component(@folder).gsub("%2F", "/").delete_prefix("/")
        @binder.listeners << ["#{SCHEME}://#{@supervisor.pid}/#{name}", @supervisor.channel.io]
      end

      # Prints why Puma does not start, and ends the process: a Puma without its proxy would be worse.
      def refuse(lines)
        lines.each { |line| log_writer.stderr.puts line }
        clear
        exit 1
      end

      # Removes the files that were made so far.
      def clear
        Folder.remove(@folder) if @folder
        @binder.unix_paths.each { |path| File.unlink(path) if File.socket?(path) }
      end
    end
  end
end
