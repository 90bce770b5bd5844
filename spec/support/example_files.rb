# frozen_string_literal: true

require_relative "integration"

# Files of examples/ in front of real backends. They stay as they stand, but that their backends are looked for at an
# address of this test's own, so that no two tests want the same port.
module ExampleFiles
  # A backend that answers with its port. Asked for its health, it says what it was told to say.
  class Application
    attr_accessor :health

    # With `held`, an answer waits until it is let go.
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

    # How many requests have come, checks of its health aside.
    def count = @requests.size

    # Lets so many answers go.
    def release(count) = count.times { @gate << true }
  end

  # Where the backends of this example are.
  def host = @host ||= "127.#{rand(1..254)}.#{rand(256)}.#{rand(1..254)}"

  # The proxy with the file's configuration. `changes` replaces further text in it, which must be there.
  def start_example(name, changes = {}, **options)
    text = File.read(File.expand_path("../../examples/#{name}", __dir__))
    { /(?:127\.0\.0\.1|localhost)(?=:\d)/ => host, **changes }.each do |from, to|
      raise "#{name} holds no #{from.inspect}" unless text.match?(from)

      text = text.gsub(from, to)
    end
    path = File.join(directory, File.basename(name))
    # On one engine thread a request is no longer counted as in flight when its client has the answer.
    File.write(path, "threads 1\n#{text}")
    start_proxy(file: path, **options).tap { |proxy| await_first_checks(proxy) }
  end

  # Until then a backend that has a health check may get nothing.
  def await_first_checks(proxy)
    eventually do
      expect(proxy.stats[:backends].select { |backend| backend[:state] == "unchecked" && !backend[:check] }).to be_empty
    end
  end

  # An application at each of these ports.
  def start_applications(*ports, health: "/healthz", held: false)
    ports.to_h do |port|
      application = Application.new(health, held: held)
      start_backend(host: host, port: port) { |connection| application.run(connection) }
      [port, application]
    end
  end

  # So many requests at once, of which one is kept waiting by `slow`, and the others have their answers.
  def requests_of_which_one_waits(count, slow, &request)
    requests = Array.new(count) { in_background(&request) }
    eventually { expect([slow.count, requests.count(&:alive?)]).to eq([1, 1]) }
    requests
  end

  # How often each port answered `count` requests.
  def answers(count, &request) = Array.new(count, &request).map(&:body).tally
end

RSpec.configure { |config| config.include ExampleFiles, :integration }
