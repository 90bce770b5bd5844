# frozen_string_literal: true

require "socket"
require "tmpdir"
require_relative "child_process"

# A real Puma with a `config.ru`, in a separate process.
class PumaBackend
  # The application most tests use: see its own comments.
  ECHO = File.expand_path("apps/echo.ru", __dir__)

  attr_reader :address

  # `rackup` is a path. With `unix`, Puma listens there, else at `bind`.
  def initialize(rackup = ECHO, unix: nil, bind: "127.0.0.1:0", environment: {})
    @process = ChildProcess
               .new(environment, "puma", "--no-config", "--threads", "0:16", "--bind",
                    unix ? "unix://#{unix}" : "tcp://#{bind}",
                    rackup,
                    chdir: File.dirname(rackup))
    # A large application such as Rails starts slowly on a busy machine.
    listening = @process.await_output(%r{Listening on (?:http://(\S+)|(unix://\S+))}, limit: 60)
    @process.await_output(/Ctrl-C/)
    @address = unix ? "unix:#{unix}" : listening[1]
  end

  def stop = @process.stop
end

# A real nginx with the given content of its `server` block, in a separate process.
class NginxBackend
  attr_reader :address

  # With `http2` it speaks HTTP/2: over TLS after ALPN, without TLS with prior knowledge only.
  def initialize(server, tls: false, http2: false, proxy_protocol: false)
    @parameters = [(" ssl" if tls), (" http2" if http2), (" proxy_protocol" if proxy_protocol)].join
    @directory = Dir.mktmpdir("nginx")
    @listener = TCPServer.new("127.0.0.1", 0)
    @address = "127.0.0.1:#{@listener.local_address.ip_port}"
    File.write("#{@directory}/nginx.conf", configuration(server))
    # nginx inherits an open listener, as in a binary upgrade, so that no free port must be guessed and no start
    # awaited.
    @process = ChildProcess
               .new({ "NGINX" => "#{@listener.fileno};", "PATH" => "#{ENV.fetch("PATH")}:/usr/sbin" }, "nginx", "-p",
                    @directory,
                    "-c", "nginx.conf", "-e", "error.log",
                    @listener => @listener)
  end

  # Writes a file below the folder of `root html;`.
  def write(path, content)
    file = File.join(@directory, "html", path)
    FileUtils.mkdir_p(File.dirname(file))
    File.write(file, content)
  end

  def stop
    @process.signal(:TERM) # Its worker ends with it.
    @process.wait
    @listener.close
    FileUtils.rm_rf(@directory)
  end

  private

  def configuration(server)
    <<~CONF
      #{"user root;" if Process.uid.zero?}
      daemon off;
      worker_processes 1;
      pid nginx.pid;
      events { worker_connections 1024; }
      http {
        access_log off;
        client_body_temp_path body;
        proxy_temp_path proxy;
        fastcgi_temp_path fastcgi;
        uwsgi_temp_path uwsgi;
        scgi_temp_path scgi;
        client_max_body_size 0;
        root html;
        server {
          listen #{address}#{@parameters};
          #{server}
        }
      }
    CONF
  end
end

# A real HAProxy with the given lines of a `listen` section, in a separate process. `bind` has the options of its bind
# line.
class HaproxyPeer
  attr_reader :address

  def initialize(*lines, bind: "")
    @directory = Dir.mktmpdir("haproxy")
    @listener = TCPServer.new("127.0.0.1", 0)
    @address = "127.0.0.1:#{@listener.local_address.ip_port}"
    File.write("#{@directory}/haproxy.cfg", <<~CONF)
      global
        maxconn 100
      defaults
        mode http
        timeout client 10s
        timeout connect 5s
        timeout server 10s
      listen peer
        bind fd@#{@listener.fileno} #{bind}
        #{lines.join("\n  ")}
    CONF
    # HAProxy inherits an open listener, so that no free port must be guessed and no start awaited.
    path = "#{ENV.fetch("PATH")}:/usr/sbin"
    @process = ChildProcess
               .new({ "PATH" => path }, "haproxy", "-q", "-db", "-f", "#{@directory}/haproxy.cfg",
                    @listener => @listener)
  end

  def stop
    @process.stop
    @listener.close
    FileUtils.rm_rf(@directory)
  end
end
