# frozen_string_literal: true

require "open3"
require "rbconfig"
require "tmpdir"
require "support/console_run"
require "support/page"
require_relative "reference_tables"

RSpec.describe "the documentation" do
  # Debian installs nginx and HAProxy there.
  let(:peers) { { "PATH" => "#{ENV.fetch("PATH")}:/usr/sbin" } }

  it "has the tables of all options, as the code has them (`rake docs:reference` writes them)" do
    text = File.read(ReferenceTables::PAGE)
    names = %w[server proxy run puma static_files static_response redirect errors error_response filters location
               upstream policies backend health_check body_file certificate acme eab dns dns_key on_demand_limits keep
               compression_levels]

    expect(ReferenceTables.found(text).keys).to match_array(names)
    expect(ReferenceTables.fill(text)).to eq(text)
  end

  it "has a README that a person finishes" do
    expect(File.readlines("README.md").length).to be <= 250
  end

  it "makes a site without a warning, in which everything is described", time_limit: 60 do
    output, status =
      Open3.capture2e("yard", "stats", "--load", "rakelib/yard_words.rb", "--list-undoc", "--no-save",
                      "--fail-on-warning")

    expect(status.success?).to be(true), output
    expect(output).to match(/^ *100\.00% documented$/)
  end

  it "asks for the Rust that the crates ask for" do
    version = File.read("Cargo.toml")[/^rust-version = "(.*)"$/, 1]

    expect(["README.md", "docs/operation.md"].map { |path| File.read(path)[/Rust (\d[\d.]*\d) or newer/, 1] })
      .to eq([version] * 2)
  end

  it "lists the headers that are added to a request" do
    listed = File.read("docs/headers.md")[/These are added.*?(?=^These are removed)/m].scan(/^\| `([\w-]+)` \|/).flatten
    TCPServer.open("127.0.0.1", 0) do |origin|
      target = "http://127.0.0.1:#{origin.local_address.ip_port}"
      sent = [true, :rfc7239].flat_map do |forwarded|
        config = proc do
          bind "http://127.0.0.1:0"
          proxy to: target, forwarded_headers: forwarded
        end
        Proxy.run(config) { |server| sent_to(origin, server) }
      end

      expect(sent.uniq).to match_array(listed)
    end
  end

  pages = Page.all
  anchors = pages.to_h { |page| [page.path, page.anchors] }

  pages.each do |page|
    describe page.path do
      it "has no paragraph of more than five lines" do
        paragraphs = page.prose.split(/\n{2,}|\n(?=- )/).reject { |text| text.start_with?("|", "<!--") }

        expect(paragraphs.select { |text| text.lines.length > 5 }).to eq([])
      end

      it "has links that lead somewhere" do
        page.links.grep_v(/\Ahttps?:/).each do |link|
          file, anchor = link.split("#")
          path = file.to_s.empty? ? page.path : File.join(File.dirname(page.path), file).delete_prefix("./")
          expect(File).to exist(path), link
          expect(anchors.fetch(path)).to include(anchor), link if anchor
        end
      end

      it "has no block of code that nobody runs" do
        expect(page.blocks.map(&:language) - %w[ruby console nginx haproxy]).to eq([])
      end

      # One reader reads the page from top to bottom, in one folder.
      it "shows what happens", time_limit: 90 do
        reader = ConsoleRun.new
        page.blocks.each do |block|
          wrong = read(block, reader)
          expect(wrong).to be_nil, "#{page.path}:#{block.line}: #{wrong}"
        end
        expect(reader.late).to be_nil
      ensure
        reader&.stop
      end
    end
  end

  # Names of the headers that a backend gets for a request without headers.
  def sent_to(origin, server)
    Socket.tcp("127.0.0.1", server.port) do |client|
      client.write "GET / HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n"
      connection = origin.accept
      names = connection.gets("\r\n\r\n").lines.drop(1).grep(/:/).map { |line| line[/\A[^:]+/] }
      connection.write "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
      client.read
      names
    ensure
      connection&.close
    end
  end

  # The difference between the result of a block and its text, or nil.
  def read(block, reader)
    case block.language
    when "console" then reader.run(block)
    when "nginx" then nginx(block.text, reader)
    when "haproxy" then haproxy(block.text, reader)
    else ruby(block.text, reader)
    end
  end

  def ruby(text, reader)
    case text
    when /RSpec\.describe/ then program(text, reader, "-S", "rspec", "--options", "/dev/null")
    when /Minitest::Test/ then program(text, reader, "-rminitest/autorun")
    when /\A# config\.ru/
      program("require \"rack\"\nRack::Builder.new do\n#{text}\nend.to_app\n", reader)
    when %r{require "proxy[/"]} then program(checked(text), reader)
    when %r{\A# config/puma\.rb} then puma(text, reader)
    when %r{\A# config/application\.rb} then program(rails(text), reader)
    else proxyfile(text, reader)
    end
  end

  def proxyfile(text, reader)
    wrong = reader.late and return wrong
    name = text[%r{\A# (sites/\S+\.rb)$}, 1] || "Proxyfile"
    reader.write(name, text)
    return if text.include?("# with a mistake")

    # As `proxy check` does it, which knows that a file with `:app` is for `proxy run`.
    problems = Dir.chdir(reader.directory) { Proxy::Config.load(name, app: Proxy::Config::Unknown.new).problems }
    # Of a container, in which the tests may run.
    problems = problems.reject { |problem| problem.message.match?(/\Astorage: .* is in memory/) }
    problems.join("\n") unless problems.empty?
  end

  # Runs a program in the reader's folder, where a test finds the Proxyfile of the page.
  def program(text, reader, *command)
    Dir.mktmpdir do |directory|
      path = File.join(directory, "program_spec.rb")
      File.write(path, text)
      output, status = Open3.capture2e(RbConfig.ruby, "-I#{File.expand_path("lib")}", *command, path,
                                       chdir: reader.directory)
      output unless status.success?
    end
  end

  # An application with these lines in its class.
  def rails(text)
    <<~RUBY
      require "action_controller/railtie"
      require "proxy"

      class Application < Rails::Application
        config.eager_load = false
        config.logger = Logger.new(nil)
        config.secret_key_base = "0" * 64
        #{text}
      end
      Application.initialize!
      Rack::MockRequest.new(Application).get("/")
    RUBY
  end

  # `expression  # => value` becomes a check where the value is not one of many.
  def checked(text)
    text.gsub(/^(\S.*?) +# => (true: .*|".*")$/) do
      "raise #{$1.inspect} unless (#{$1}) == #{$2.start_with?("true") ? "true" : $2}"
    end
  end

  def puma(text, reader)
    reader.write("config/puma.rb", text)
    load = <<~'RUBY'
      require "puma"
      require "puma/configuration"
      words = Puma::Configuration.new(config_files: ARGV).load[:proxy] or exit
      words.close("config/puma.rb", [{ "address" => "unix:/run/puma.sock" }], { "max_connections" => 5 }, [])
      problems = words.read.problems
      abort problems.join("\n") if problems.any?
    RUBY
    output, status = Open3.capture2e(RbConfig.ruby, "-Ilib", "-e", load, File.join(reader.directory, "config/puma.rb"))
    output unless status.success?
  end

  # Content of nginx's `http { … }` block.
  def nginx(text, reader)
    reader.write("nginx.conf", "pid nginx.pid;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n#{text}}\n")
    output, status =
      Open3.capture2e(peers, "nginx", "-t", "-q", "-p", reader.directory, "-c", "nginx.conf", "-e", "stderr")
    output unless status.success?
  end

  def haproxy(text, reader)
    reader.write("haproxy.cfg", text)
    output, status = Open3.capture2e(peers, "haproxy", "-c", "-q", "-f", "haproxy.cfg", chdir: reader.directory)
    output unless status.success?
  end
end
