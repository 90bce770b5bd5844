# frozen_string_literal: true

require_relative "integration"

# Runs files of examples/ in front of real backends. Only the backends' host is replaced, by a loopback address of this
# test, so that no two tests need the same port.
module ExampleFiles
  # A backend that answers with its port. A test sets the answer to health checks.
  class Application
    attr_accessor :health

    # With `held`, answers wait for {#release}.
    def initialize(health_path, held: false)
      @health = "200 OK"
      @health_path = health_path
      @held = held
      @gate = Queue.new
      @requests = Queue.new
    end

    def run(connection)
      while (request = connection.read_request)
        next connection.answer("", status: health) if request.target == @health_path

        @requests << request
        @gate.pop if @held
        connection.answer(connection.io.local_address.ip_port.to_s)
      end
    end

    # Number of requests so far, without health checks.
    def count = @requests.size

    # Lets `count` held answers go.
    def release(count) = count.times { @gate << true }
  end

  # Loopback address of this example's backends.
  def host = @host ||= "127.#{rand(1..254)}.#{rand(256)}.#{rand(1..254)}"

  # Starts the proxy with the file's configuration. `changes` replaces further text, which must be in the file.
  def start_example(name, changes = {}, **options)
    text = File.read(File.expand_path("../../examples/#{name}", __dir__))
    { /(?:127\.0\.0\.1|localhost)(?=:\d)/ => host, **changes }.each do |from, to|
      raise "#{name} holds no #{from.inspect}" unless text.match?(from)

      text = text.gsub(from, to)
    end
    path = File.join(directory, File.basename(name))
    # With one engine thread, a request is not counted as in flight any more when its client has the answer.
    File.write(path, "threads 1\n#{text}")
    start_proxy(file: path, **options).tap { |proxy| await_first_checks(proxy) }
  end

  # Waits for the first health checks. Before them a backend with a health check may get no requests.
  def await_first_checks(proxy)
    eventually do
      expect(proxy.stats[:backends].select { |backend| backend[:state] == "unchecked" && !backend[:check] }).to be_empty
    end
  end

  # Starts an application on each of these ports.
  def start_applications(*ports, health: "/healthz", held: false)
    ports.to_h do |port|
      application = Application.new(health, held: held)
      start_backend(host: host, port: port) { |connection| application.run(connection) }
      [port, application]
    end
  end

  # Sends `count` requests at once. The backend `slow` holds one of them; waits for the answers to the others.
  def requests_of_which_one_waits(count, slow, &request)
    requests = Array.new(count) { in_background(&request) }
    eventually { expect([slow.count, requests.count(&:alive?)]).to eq([1, 1]) }
    requests
  end

  # Number of answers from each port, for `count` requests.
  def answers(count, &request) = Array.new(count, &request).map(&:body).tally
end

RSpec.configure { |config| config.include ExampleFiles, :integration }
