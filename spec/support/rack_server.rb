# frozen_string_literal: true

require "tmpdir"
require_relative "child_process"
require_relative "raw_client"

# A Puma that runs a config.ru, in a separate process. The config.ru can use the gem.
class RackServer
  LIB = File.expand_path("../../lib", __dir__)
  private_constant :LIB

  # @return [String] URL, without a path
  attr_reader :url
  # @return [ChildProcess]
  attr_reader :process

  # `rackup` is the text of the config.ru; `config` that of a config/puma.rb. `tls` is a pair of files. The options are
  # Puma's: `threads: "1:3", workers: 2`.
  def initialize(rackup, config: "", tls: nil, unix: false, environment: {}, **options)
    @directory = Dir.mktmpdir("rack")
    File.write("#{@directory}/config.ru", rackup)
    File.write("#{@directory}/puma.rb", config)
    bind = unix ? "unix://#{@directory}/puma.sock" : "tcp://127.0.0.1:0"
    bind = "ssl://127.0.0.1:0?cert=#{tls.first}&key=#{tls.last}" if tls
    options = { threads: "1:3", **options }.flat_map { |name, value| ["--#{name}", value == true ? nil : value.to_s] }
    @process = ChildProcess.new({ "RUBYLIB" => LIB, "RACK_ENV" => "none", **environment }, "puma", "--config",
                                "#{@directory}/puma.rb", "--bind", bind, *options.compact, "config.ru",
                                chdir: @directory)
    @url = @process.await_output(%r{Listening on ((?:http|ssl)://\S+|unix://\S+)}, limit: 60)[1].split("?").first
    @process.await_output(/Ctrl-C/, limit: 60)
    last = options[options.index("--workers") + 1].to_i - 1 if options.include?("--workers")
    @process.await_output(/Worker #{last} .*booted/) if last
  end

  def connect = RawClient.connect(url)

  def stop
    # Workers end with their master.
    @process.signal(:TERM)
    @process.wait
  rescue Wire::Late, Errno::ESRCH
    @process.stop
  ensure
    FileUtils.rm_rf(@directory)
  end
end
