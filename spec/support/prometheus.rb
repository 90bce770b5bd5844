# frozen_string_literal: true

require "fileutils"
require "json"
require "net/http"
require "open3"
require "uri"
require_relative "child_process"
require_relative "free_ports"

# A Prometheus that scrapes one URL, and its tools.
class Prometheus
  # What `promtool check metrics` says of a text: nothing, if it is content.
  def self.complaints(text)
    output, status = Open3.capture2e("promtool", "check", "metrics", stdin_data: text)
    status.success? ? output : "#{output}\n#{status}"
  end

  def initialize(url, directory)
    target = URI(url)
    @port = FreePorts.one
    FileUtils.mkdir_p(directory)
    config = File.join(directory, "prometheus.yml")
    job = { "job_name" => "proxy", "metrics_path" => target.path,
            "static_configs" => [{ "targets" => ["#{target.host}:#{target.port}"] }] }
    rhythm = { "scrape_interval" => "1s", "scrape_timeout" => "1s" }
    File.write(config, JSON.generate("global" => rhythm, "scrape_configs" => [job]))
    @process = ChildProcess.new("prometheus", "--config.file=#{config}", "--web.listen-address=127.0.0.1:#{@port}",
                                "--storage.tsdb.path=#{directory}/data")
    @process.await_output(/Server is ready to receive web requests/)
  end

  # The value of a query as text; nil as long as there is none.
  def value(query)
    uri = URI("http://127.0.0.1:#{@port}/api/v1/query?#{URI.encode_www_form(query: query)}")
    JSON.parse(Net::HTTP.get(uri)).dig("data", "result", 0, "value", 1)
  end

  # Errors of the last scrape of every target.
  def errors
    targets = JSON.parse(Net::HTTP.get(URI("http://127.0.0.1:#{@port}/api/v1/targets")))
    targets.dig("data", "activeTargets").map { |target| target.fetch("lastError") }
  end

  def stop
    @process.stop
  end
end
