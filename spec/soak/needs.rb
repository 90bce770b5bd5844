# frozen_string_literal: true

# What the soak takes, and how to get what is missing.
module Needs
  EXTENSION = File.expand_path("../../lib/proxy/proxy.{so,bundle}", __dir__)
  GEMS = %w[grpc puma rspec-core rspec-expectations].freeze
  PROGRAMS = %w[curl nginx prlimit puma].freeze

  # Lines to print; none if everything is there.
  def self.missing
    wanted = PROGRAMS.reject { |name| program?(name) }
    wanted += GEMS.reject { |name| gem?(name) }.map { |name| "the gem #{name}" }
    wanted << "HTTP/2 in curl" if program?("curl") && !`curl --version`.include?("HTTP2")
    lines = []
    lines << "this is no Linux: /proc and /dev/full are missing" unless File.exist?("/dev/full")
    lines << "#{wanted.uniq.join(", ")} missing: run bin/setup --test" if wanted.any?
    lines << "the extension is not compiled: run rake compile" if Dir[EXTENSION].empty?
    lines
  end

  def self.program?(name)
    "#{ENV.fetch("PATH", "")}:/usr/sbin".split(":").any? { |folder| File.executable?("#{folder}/#{name}") }
  end

  def self.gem?(name) = Gem::Specification.find_all_by_name(name).any?
end
