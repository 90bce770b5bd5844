# frozen_string_literal: true

require_relative "proxyfiles"

RSpec.describe "proxy init" do
  include Proxyfiles

  application = "module Shop\n  class Application < Rails::Application\n    config.load_defaults 7.1\n  end\nend\n"

  # A Rails application of these files, or what else they make of it.
  def folder(rails: true, **files)
    write("config/application.rb", RSpec.current_example.metadata[:application]) if rails
    write("config.ru", "run Rails.application\n")
    files.each { |name, text| write(name.to_s, text) }
  end

  # What `proxy init` prints and writes. The file passes the check without a warning.
  def init(*arguments, path: "Proxyfile")
    out, err, status = run_command("init", *arguments)
    expect([err, status]).to eq(["", 0])
    expect(run_command("check", "-c", path)).to eq(["#{path} is fine: 1 bind, 1 route\n", "", 0])
    [out, File.read(File.join(directory, path))]
  end

  # The options of `proxy` in what was written.
  def options(path: "Proxyfile")
    without_lines(Proxy::Config.load(File.join(directory, path)).to_h).fetch("routes").last.fetch("proxy")
  end

  def addresses = options["pool"]["backends"].map { |backend| backend["address"] }

  context "in a folder of Rails", application: application do
    it "says what it saw, and what to do next" do
      folder("config/puma.rb": "# port 1\n\nport ENV.fetch(\"PORT\", 3000)\n", "public/500.html": "oh no\n",
             "Gemfile.lock": "    puma (6.4.0)\n    railties (8.0.1)\n",
             "config/routes.rb": "Rails.application.routes.draw do\n  get \"up\" => \"rails/health#show\", as: " \
                                 ":rails_health_check\nend\n")
      out, text = init

      expect(out).to eq(<<~TEXT)
        Wrote Proxyfile, for what was found here:
          config/application.rb   a Rails 8.0 application
          config/puma.rb:3        it listens on 127.0.0.1:3000
          config/routes.rb:2      /up is its health check
          public/500.html         is shown while it is down
        Next:
          bin/rails server   the application, if it does not run yet
          proxy check        says whether the file is right
          proxy start        then http://localhost:8080/
      TEXT
      expect(text).to include("Puma 6.4.0 answers sooner")
      expect(options)
        .to include("preserve_host" => true,
                    "pool" => include("keepalive" => 0, "health_check" => include("path" => "/up")))
      expect(options.dig("error_response", "custom"))
        .to include("status" => 503, "html" => { "file" => "#{directory}/public/500.html" })
    end

    {
      "port 4000" => "127.0.0.1:4000",
      "port ENV.fetch('PORT') { 4000 }" => "127.0.0.1:4000",
      "port(Integer(ENV['PORT'] || '4000'))" => "127.0.0.1:4000",
      "bind 'tcp://0.0.0.0:4000'" => "127.0.0.1:4000",
      "bind 'tcp://10.0.0.7:4000?low_latency=false'" => "10.0.0.7:4000",
      "bind 'tcp://[::1]:4000'" => "[::1]:4000",
      "port 4000\nbind 'unix:///run/app/puma.sock?umask=0111'" => "unix:/run/app/puma.sock",
      "bind 'ssl://0.0.0.0:4001?key=a&cert=b'\nport 4000" => "127.0.0.1:4000"
    }.each do |puma, address|
      it "finds where Puma listens in #{puma.inspect}" do
        folder("config/puma.rb": "#{puma}\n")
        init

        expect(addresses).to eq([address])
      end
    end

    it "names a socket in the folder by its path from the file" do
      folder("config/puma.rb": "app = File.expand_path('..', __dir__)\nbind \"unix://\#{app}/tmp/sockets/puma.sock\"\n",
             "public/503.html": "down\n")
      _, text = init
      _, inner = init("-c", "config/proxy.rb", path: "config/proxy.rb")

      expect(text).to include('proxy backends: ["unix:tmp/sockets/puma.sock"],', 'html: { file: "public/503.html" },')
      expect(inner)
        .to include('proxy backends: ["unix:../tmp/sockets/puma.sock"],', 'html: { file: "../public/503.html" },')
      expect(addresses).to eq(["unix:#{directory}/tmp/sockets/puma.sock"])
    end

    it "runs nothing of the folder, and says what it takes to be so" do
      folder("config/puma.rb": "File.write('ran', '')\nport Shop.port\n")
      out, = init

      expect(out).to include("\n  config/puma.rb:2 says it when it runs   assumed to listen on 127.0.0.1:3000: " \
                             "change `backends` if that is wrong\n")
      expect(File.exist?("#{directory}/ran")).to be(false)
      expect(addresses).to eq(["127.0.0.1:3000"])
    end

    it "reads files that are no Ruby, or no text" do
      folder("config/puma.rb": "port (", "config/routes.rb": "\xff\n")
      init

      expect(addresses).to eq(["127.0.0.1:3000"])
    end

    it "says which variable makes Puma listen elsewhere, if it is set" do
      folder("config/puma.rb": "port ENV.fetch('SHOP_PORT') { 3000 }\n")
      out, = init
      File.unlink("#{directory}/Proxyfile")
      ENV["SHOP_PORT"] = "3001"
      there, = init

      expect(out).to include("  it listens on 127.0.0.1:3000\n")
      expect(there).to include("  it listens on 127.0.0.1:3000 unless SHOP_PORT is set, and here it is: change " \
                               "`backends` if that is wrong\n")
    ensure
      ENV.delete("SHOP_PORT")
    end

    it "starts the application as Puma's file for production wants it" do
      folder("config/puma/production.rb": "port 4000\n")

      expect(init.first).to include("\n  bin/rails server -e production   the application, if it does not run yet\n")
    end

    it "looks at the Procfile where Puma's file says no address" do
      folder("config/puma.rb": "threads 5\n", Procfile: "worker: x -p 1\nweb: bundle exec puma -C config/puma.rb -p " \
                                                        "5000\n")
      out, = init

      expect(out).to include("  Procfile:2              it listens on 127.0.0.1:5000\n")
    end

    it "listens elsewhere if the application has port 8080" do
      folder("config/puma.rb": "port 8080\n")
      out, text = init

      expect(out).to end_with("then http://localhost:8000/\n")
      expect(text).to include("\nbind \"http://0.0.0.0:8000\"\n")
    end

    it "checks that somebody listens where no route says how all is" do
      folder("config/routes.rb": "  # get 'up' => 'rails/health#show'\n")
      init

      expect(options["pool"]["health_check"]).to include("tcp" => true)
    end

    it "asks for health as over HTTPS where Rails sends everybody there, and says what that takes" do
      folder("config/routes.rb": "get('healthz', to: 'rails/health#show')\n",
             "config/environments/production.rb": "  config.force_ssl = true\n")
      out, = init

      expect(out).to include("\nRails sends everybody to HTTPS (config/environments/production.rb:1): in Proxyfile, " \
                             "take the # from the lines for your case.\n")
      expect(options["pool"]["health_check"])
        .to include("path" => "/healthz", "headers" => [%w[X-Forwarded-Proto https]])
    end

    it "asks for no page where Rails answers for some hosts alone" do
      folder("config/routes.rb": "get 'up' => 'rails/health#show'\n",
             "config/environments/production.rb": "config.hosts << 'example.com'\n")
      out, = init

      expect(out).not_to include("/up")
      expect(options["pool"]["health_check"]).to include("tcp" => true)
    end

    it "has nothing to say of connections to Puma 7" do
      folder("Gemfile.lock": "    puma (7.0.1)\n")
      init

      expect(options["pool"]).not_to have_key("keepalive")
    end

    it "writes lines for a load balancer that are right too" do
      folder("config/puma.rb": "port 3000\n")
      text = init.last.sub(/^# (trusted_proxies .*)/, '\1')
      write("Proxyfile", text)
      expect(run_command("check")).to eq(["Proxyfile is fine: 1 bind, 1 route\n", "", 0])

      write("Proxyfile", text.sub(/^bind .*\n/, "").sub(/^# (bind .*proxy_protocol: true)$/, '\1'))
      expect(run_command("check")).to eq(["Proxyfile is fine: 1 bind, 1 route\n", "", 0])

      write("Proxyfile", text.sub(/^# bind "https.*$/) { |line| "#{line[/bind "[^"]+"/].sub("0.0.0.0", "localhost")}" })
      expect(run_command("check")).to eq(["Proxyfile is fine: 2 binds, 1 route\n", "", 0])
    end
  end

  it "writes what fits another Rack application" do
    folder(rails: false, "config.ru": "run ->(env) {}\n", "Gemfile.lock": "    puma (7.0.1)\n")
    out, text = init

    expect(out).to eq(<<~TEXT)
      Wrote Proxyfile, for what was found here:
        config.ru            a Rack application
        no file says where   assumed to listen on 127.0.0.1:9292: change `backends` if that is wrong
      Next:
        puma          the application, if it does not run yet
        proxy check   says whether the file is right
        proxy start   then http://localhost:8080/
    TEXT
    expect(text).not_to include("Rails")
    expect(options).to include("preserve_host" => true)
  end

  ["rails", "action_controller/railtie", "action_cable"].each do |library|
    it "takes a config.ru with #{library} in it to listen where Rails does" do
      folder(rails: false, "config.ru": "require \"#{library}\"\nrun Application\n")

      expect(init.first).to include("  config.ru            a Rack application with Rails in it\n" \
                                    "  no file says where   assumed to listen on 127.0.0.1:3000: ")
    end
  end

  it "names the file where that has another name" do
    folder(rails: false)
    out, = init("-c", "front.rb", path: "front.rb")

    expect(out).to include("\n  proxy start -c front.rb   then http://localhost:8080/\n")
  end

  {
    "a port that is none" => "port 70000\nbind \"tcp://0.0.0.0:70000\"\n",
    "a host that is none" => "bind 'tcp://a\"b:3001'\n",
    "an encoding that is none" => "# encoding: nonsense\nport 3001\n",
    "bytes that are no text" => "bind \"tcp://\xff:3001\"\n",
    "an expression that is deeper than anything" => "port #{"foo(" * 5000}1#{")" * 5000}\n",
    "a text that grows without end" => "a = \"aaaa\"\n#{"a = \"\#{a}\#{a}\"\n" * 40}port a\n"
  }.each do |what, text|
    it "assumes a port where config/puma.rb has #{what}" do
      folder(rails: false, "config/puma.rb": text)
      expect(init.first).to include("assumed to listen on 127.0.0.1:9292")
      expect(addresses).to eq(["127.0.0.1:9292"])
    end
  end

  it "waits for no pipe, and takes no lock file for right that is not" do
    folder(rails: false, "Gemfile.lock": "    puma (6..4)\n")
    File.mkfifo(File.join(directory, "Procfile"))
    expect(init.first).to include("assumed to listen on 127.0.0.1:9292")
  end

  it "names the file as a shell takes it, also where there is no application" do
    expect(run_command("init", "-c", "my front.rb").first).to eq("Wrote my front.rb. Edit it, then: proxy check -c " \
                                                                 "my\\ front.rb, proxy start -c my\\ front.rb\n")
    expect(run_command("init", "-c", "config/proxy.rb").first).to eq("Wrote config/proxy.rb. Edit it, then: proxy " \
                                                                     "check, proxy start\n")
  end

  it "names config/proxy.rb where a Proxyfile would be read in its place" do
    write("Proxyfile", "")
    expect(run_command("init", "-c", "config/proxy.rb").first).to include("proxy check -c config/proxy.rb")
  end

  it "writes no Proxyfile that would be read in place of config/proxy.rb, unless it is asked for" do
    write("config/proxy.rb", "")
    expect(run_command("init")).to eq(["", "proxy init: config/proxy.rb is already there, and a Proxyfile would be " \
                                           "read in its place: remove it, or write another " \
                                           "with -c PATH\n", 1])
    expect(File.exist?("#{directory}/Proxyfile")).to be(false)
    expect(run_command("init", "-c", "Proxyfile").last).to eq(0)
  end

  {
    "." => "is a directory: name a file in it, as in -c ./Proxyfile",
    "folder/" => "is a directory: name a file in it, as in -c folder/Proxyfile",
    "file" => "is already there and was left as it is: remove it, or write another with -c PATH",
    "link" => "is already there and was left as it is: remove it, or write another with -c PATH",
    "file/Proxyfile" => "cannot be written (Not a directory): choose another with -c PATH"
  }.each do |path, message|
    it "says why nothing is written to #{path}" do
      write("file", "")
      Dir.mkdir("#{directory}/folder")
      File.symlink("gone", "#{directory}/link")

      expect(run_command("init", "-c", path)).to eq(["", "proxy init: #{path} #{message}\n", 1])
      expect(File.read("#{directory}/file")).to eq("")
    end
  end
end
