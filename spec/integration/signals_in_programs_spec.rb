# frozen_string_literal: true

require "open3"
require "support/integration"

RSpec.describe "signals in a program that runs a server" do
  it "a program whose directory was deleted reloads its block" do
    script = <<~RUBY
      Dir.chdir(Dir.mktmpdir)
      body = "old"
      server = Proxy.start { bind "http://127.0.0.1:0"; static_response body: body }
      Dir.rmdir(Dir.pwd)
      body = "new"
      server.reload
      puts Net::HTTP.get(URI(server.urls.first))
      other = Proxy.start { bind "http://127.0.0.1:0"; static_response body: "another" }
      puts Net::HTTP.get(URI(other.urls.first))
      [server, other].each(&:stop)
    RUBY
    out, = Open3.capture2e(RbConfig.ruby, "-I#{ProxyProcess::LIB}", "-rproxy", "-rnet/http", "-rtmpdir", "-e", script)
    expect(out).to eq("new\nanother\n")
  end

  describe "in a program" do
    # The configuration has an upstream that nobody uses.
    def without_warnings(out) = out.lines.grep_v(/\Awarning: /).join

    def in_program(body)
      script = <<~RUBY
        require "timeout"
        server = Proxy.start { bind "http://127.0.0.1:0"; upstream("app", backends: ["127.0.0.1:1"]); static_response body: "x" }
        said = Queue.new
        #{body}
      RUBY
      out, status = Open3.capture2e(RbConfig.ruby, "-I#{ProxyProcess::LIB}", "-rproxy", "-rnet/http", "-e", script)
      [out, status.exitstatus]
    end

    ["SYSTEM_DEFAULT", "EXIT"].each do |action|
      it "SIGPIPE cannot end it because a client hangs up, even if the program asks for that (#{action})" do
        pair = certs.server("localhost")
        script = <<~RUBY
          trap("PIPE", #{action.inspect})
          server = Proxy.start do
            bind "https://localhost:0", certificate: #{pair.certificate_file.inspect}, key: #{pair.key_file.inspect}
            bind "http://127.0.0.1:0"
            static_response body: "y" * 3_000_000
          end
          Array.new(60) do |n|
            url = URI(server.urls[n % 2])
            socket = TCPSocket.new("127.0.0.1", url.port)
            if n.even?
              context = OpenSSL::SSL::SSLContext.new
              context.verify_mode = OpenSSL::SSL::VERIFY_NONE
              tls = OpenSSL::SSL::SSLSocket.new(socket, context).tap(&:connect)
            end
            (tls || socket).write("GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
            (tls || socket).readpartial(100) if n % 4 < 2
            # Without a farewell of TLS.
            socket.close
          end
          server.stop(timeout: 0)
          puts "alive"
        RUBY
        out, = Open3
               .capture2(RbConfig.ruby, "-I#{ProxyProcess::LIB}", "-rproxy", "-rsocket", "-ropenssl", "-ruri", "-e",
                         script,
                         err: File::NULL)
        expect(out).to eq("alive\n")
      end
    end

    it "every method may be called in a handler" do
      out, status = in_program(<<~RUBY)
        calls = { reload: -> { server.reload }, other: -> { server.reload { bind "http://127.0.0.1:0"; static_response body: "y" } },
                  stats: -> { server.stats }, urls: -> { server.urls }, drain: -> { server.drain("app") }, ready: -> { server.ready("app") },
                  reopen: -> { server.reopen_logs }, inspect: -> { server.inspect }, stop: -> { server.stop(timeout: 1) } }
        calls.delete(:ready) if calls.delete(:drain) # nobody uses that upstream: there is no such backend
        calls.each do |name, call|
          trap("USR1") { said << begin; call.call; name; rescue Exception => error; error; end }
          Process.kill(:USR1, Process.pid)
          answer = Timeout.timeout(10) { said.pop }
          abort "\#{name}: \#{answer.inspect}" unless answer == name
        end
        puts "fine"
      RUBY
      expect([without_warnings(out), status]).to eq(["fine\n", 0])
    end

    it "a handler that interrupts a reload has another one follow" do
      out, status = in_program(<<~RUBY)
        read = 0
        handled = Queue.new
        trap("USR1") { server.reload; handled << true }
        server.reload do
          read += 1
          if read == 1
            Process.kill(:USR1, Process.pid)
            sleep 0.01 while handled.empty?
          end
          bind "http://127.0.0.1:0"
          static_response body: "y"
        end
        Timeout.timeout(10) { sleep 0.01 until read >= 2 && Net::HTTP.get(URI(server.urls.first)) == "y" }
        puts "fine"
        server.stop(timeout: 0)
      RUBY
      expect([without_warnings(out), status]).to eq(["fine\n", 0])
    end

    it "errors of a reload are raised in the handler" do
      out, status = in_program(<<~RUBY)
        trap("USR1") { said << begin; server.reload { nonsense }; rescue Proxy::ConfigurationError => error; error.class; end }
        Process.kill(:USR1, Process.pid)
        puts Timeout.timeout(10) { said.pop }
        server.stop(timeout: 0)
      RUBY
      expect([without_warnings(out), status]).to eq(["Proxy::ConfigurationError\n", 0])
    end
  end
end
