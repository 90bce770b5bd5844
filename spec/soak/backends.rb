# frozen_string_literal: true

require "socket"

# What the soak proxies to, beside nginx: a backend that echoes tunnels, and one that is killed again and again. Run
# with the number of a listening descriptor and a role.
listener = TCPServer.for_fd(Integer(ARGV.fetch(0)))
role = ARGV.fetch(1)

def head(socket) = socket.gets("\r\n\r\n")

def answer(socket)
  while head(socket)
    socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
  end
end

def echo(socket)
  return unless head(socket)

  socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
  while (message = socket.read(9))
    socket.write(message)
  end
end

loop do
  Thread.new(listener.accept) do |socket|
    role == "echo" ? echo(socket) : answer(socket)
  rescue SystemCallError, IOError
    nil
  ensure
    socket.close
  end
end
