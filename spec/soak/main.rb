# frozen_string_literal: true

require "optparse"
require_relative "needs"

# The command bin/soak. The soak runs in a process group of its own: so Ctrl-C reaches it and none of its servers, and
# whatever it left behind can be found and ended.
module Main
  NAME = "bin/soak"

  def self.run(arguments)
    minutes = options(arguments)
    missing = Needs.missing
    missing.each { |line| warn "#{NAME}: #{line}" }
    exit 1 if missing.any?

    alive, ours = IO.pipe
    group = fork do
      ours.close
      soak(minutes, alive)
    end
    %w[INT TERM HUP].each { |signal| trap(signal) { Process.kill(:INT, group) } }
    _, status = Process.wait2(group)
    left = end_group(group)
    warn "#{NAME}: these processes were left behind, and are ended:", left if left.any?
    exit(left.any? ? 1 : status.exitstatus || 1)
  end

  def self.options(arguments)
    minutes = 10.0
    parser = OptionParser.new do |options|
      options.banner = <<~TEXT
        Usage: #{NAME} [--minutes NUMBER]

        Sends every kind of request through a proxy for a while: HTTP/1.1, HTTP/2, WebSocket and gRPC, small, large and
        slow. Meanwhile the proxy reloads and hands over to new processes, a backend is killed, and its access log meets
        a full disk and a reader that stands still. Idle connections exhaust the open files of a second proxy.

        Says what failed and what happened around it, and how memory and open files grow. The exit code is 0 if nothing
        failed and nothing grew, else 1. Ctrl-C ends it early: then it is 130 in place of 0. A second Ctrl-C ends it at once.

        Needs bin/setup --test and a compiled extension (rake compile).

      TEXT
      options.on("--minutes NUMBER", Float, "How long it takes (10)") do |number|
        raise OptionParser::InvalidArgument, "is not above 0" unless number.positive?

        minutes = number
      end
    end
    rest = parser.parse(arguments)
    return minutes if rest.empty?

    abort "#{NAME}: #{rest.first} is no option: see #{NAME} --help"
  rescue OptionParser::ParseError => error
    abort "#{NAME}: #{error.message}: see #{NAME} --help"
  end

  # Ends early when the other end of the pipe `alive` is gone: then nobody else looks after the group.
  def self.soak(minutes, alive)
    Process.setpgrp
    Thread.new { alive.read.then { Process.kill(:INT, Process.pid) } }
    require_relative "soak"
    soak = Soak.new(minutes * 60)
    trap("INT") { soak.interrupt }
    good = soak.run
    exit(soak.interrupted? && good ? 130 : good)
  rescue Interrupt
    exit 130
  end

  # Kills all processes of the group, and returns their command lines.
  def self.end_group(group)
    left = Dir.glob("/proc/[0-9]*/stat").filter_map do |path|
      state, _, process_group = File.read(path).rpartition(")").last.split
      next if process_group.to_i != group || state == "Z"

      File.read("#{File.dirname(path)}/cmdline").tr("\0", " ")
    rescue SystemCallError
      nil
    end
    Process.kill(:KILL, -group)
    left
  rescue Errno::ESRCH
    left
  end
end

Main.run(ARGV)
