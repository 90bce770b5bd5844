# Between a web server and Puma on one machine, over socket files on both sides.
#
#   puma -b unix:///tmp/app.sock &
#   proxy start -c examples/unix_socket.rb
#   curl --unix-socket /tmp/proxy.sock http://localhost/

bind "unix:///tmp/proxy.sock"

proxy to: "http://app{path}{query}",
      backends: ["unix:/tmp/app.sock"],
      # What the client asked for, instead of the host of `to`.
      preserve_host: true
