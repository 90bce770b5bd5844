# frozen_string_literal: true

# An application for `proxy run`: it listens on PORT, or on the socket that it gets, prints the signals that it gets and
# says its PID. With GATE it waits for a line from that FIFO before it listens. `/wait` waits for a line from the FIFO
# "answer"; `/up` is 503 until there is a file "ready"; `/orphan` starts a process that outlives its parent.
require "socket"

$stdout.sync = true
%w[USR1 USR2 TTIN TTOU URG WINCH HUP INT].each do |name|
  trap(name) { $stdout.syswrite("app got #{name}\n") }
end
trap("TERM", ENV.fetch("ON_TERM", "DEFAULT"))
$stdout.puts "app starts"
File.read(ENV["GATE"]) if ENV["GATE"]

passed = ENV["LISTEN_FDS"] == "1" && ENV["LISTEN_PID"] == Process.pid.to_s
listener = passed ? TCPServer.for_fd(3) : TCPServer.new("127.0.0.1", Integer(ENV.fetch("PORT")))

def answer(path)
  case path
  when "/wait"
    $stdout.puts "app waits"
    File.read("answer")
  when "/orphan"
    child = spawn("sh", "-c", "sleep 0.1 & echo $!", out: "orphan")
    Process.wait(child)
    File.read("orphan")
  when "/up" then ("up" if File.exist?("ready"))
  else "pid #{Process.pid}"
  end
end

loop do
  Thread.new(listener.accept) do |socket|
    while (head = socket.gets("\r\n\r\n"))
      body = answer(head[/\A\S+ (\S+)/, 1])
      status = body ? "200 OK" : "503 Service Unavailable"
      socket.write "HTTP/1.1 #{status}\r\nContent-Length: #{body.to_s.bytesize}\r\n\r\n#{body}"
    end
  end
end
