# frozen_string_literal: true

require_relative "integration"

# Files of examples/ in front of real backends. They stay as they stand, but that their backends are looked for at an address of
# this test's own, so that no two tests want the same port.
module ExampleFiles
  # A backend that answers with its port. Asked for its health, it says what it was told to say.
  class Application
    attr_reader :backend
    attr_accessor :health

    def initialize(health_path)
      @health = "200 OK"
      @health_path = health_path
    end

    def run(connection)
      while (request = connection.read_request)
        next connection.answer("", status: health) if request.target == @health_path

        connection.answer(connection.io.local_address.ip_port.to_s)
      end
    end
  end

  # Where the backends of this example are.
  def host = @host ||= "127.#{rand(1..254)}.#{rand(256)}.#{rand(1..254)}"

  # The proxy with the file's configuration. `changes` replaces further text in it, which must be there.
  def start_example(name, changes = {})
    text = File.read(File.expand_path("../../examples/#{name}", __dir__))
    { /(?:127\.0\.0\.1|localhost)(?=:\d)/ => host, **changes }.each do |from, to|
      raise "#{name} holds no #{from.inspect}" unless text.match?(from)

      text = text.gsub(from, to)
    end
    path = File.join(directory, name)
    File.write(path, text)
    start_proxy(file: path)
  end

  # An application at each of these ports.
  def start_applications(*ports, health: "/healthz")
    ports.to_h do |port|
      application = Application.new(health)
      start_backend(host: host, port: port) { |connection| application.run(connection) }
      [port, application]
    end
  end

  # A backend whose answers wait: each request is answered when the returned queue gets something.
  def start_holding(port)
    gate = Queue.new
    backend = start_backend(host: host, port: port) do |connection|
      while connection.read_request
        gate.pop
        connection.answer(port.to_s)
      end
    end
    [backend, gate]
  end

  # How often each port answered `count` requests.
  def answers(count, &request) = Array.new(count, &request).map(&:body).tally
end

RSpec.configure { |config| config.include ExampleFiles, :integration }
