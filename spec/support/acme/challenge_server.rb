# frozen_string_literal: true

require "json"
require "net/http"
require_relative "go_program"

# Pebble's DNS server. It answers each question for an address with 127.0.0.1, and for TXT what the test adds.
class ChallengeServer
  # Its address for `resolver`, and for Pebble.
  attr_reader :address
  # URL where records are set, for other programs.
  attr_reader :management

  def initialize
    @program = GoProgram.new("pebble-challtestsrv", ports: 2) do |_, dns, management|
      @address = "127.0.0.1:#{dns}"
      @management = URI("http://127.0.0.1:#{management}")
      ["-dnsserver", @address, "-management", "127.0.0.1:#{management}", "-defaultIPv6", "",
       "-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", ""]
    end
    @values = Hash.new { |values, name| values[name] = [] }
    @changes = Mutex.new
  end

  # Adds a TXT record beside others of the same name. The pair `add` and `remove` is also a provider for `dns:`.
  def add(name, value)
    @changes.synchronize do
      @values[name] << value
      post("set-txt", host: absolute(name), value: value)
    end
  end

  # Removes the TXT record with this value.
  def remove(name, value)
    @changes.synchronize do
      @values[name].delete(value)
      post("clear-txt", host: absolute(name))
      @values[name].each { |other| post("set-txt", host: absolute(name), value: other) }
    end
  end

  # The TXT records that are there, by name.
  def records = @changes.synchronize { @values.reject { |_, values| values.empty? }.transform_values(&:dup) }

  # Makes `name` an alias of `target`.
  def alias_name(name, target) = post("set-cname", host: absolute(name), target: absolute(target))

  # Answers all questions for `name` with SERVFAIL.
  def fail_for(name) = post("set-servfail", host: absolute(name))

  # Sets the address of `name`.
  def point(name, address) = post("add-a", host: absolute(name), addresses: [address])

  # The types of the questions for `name` so far, such as 16 for TXT.
  def queries(name)
    (JSON.parse(post("dns-request-history", host: name)) || []).map { |query| query.dig("Question", "Qtype") }
  end

  def stop = @program.stop

  private

  def absolute(name) = "#{name.delete_suffix(".")}."

  def post(path, body)
    response = Net::HTTP.post(URI("#{@management}/#{path}"), JSON.generate(body))
    raise "#{path}: #{response.code} #{response.body}" unless response.is_a?(Net::HTTPSuccess)

    response.body
  end
end
