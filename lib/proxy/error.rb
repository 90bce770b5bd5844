# frozen_string_literal: true

require_relative "problem"

module Proxy
  # Base class of the errors that this gem raises.
  class Error < StandardError
  end

  # An error with a list of problems.
  # @api private
  module WithProblems
    # @return [Array<Problem>] all problems, by file and line
    attr_reader :problems

    # @api private
    def initialize(problems)
      @problems = problems.dup.freeze
      super(problems.join("\n"))
    end
  end

  # The configuration is wrong. Nothing was bound. The message has one line for each problem, all of them at once.
  #
  # @example
  #   begin
  #     Proxy.start("Proxyfile")
  #   rescue Proxy::ConfigurationError => error
  #     error.problems.each { |problem| warn "line #{problem.line}: #{problem.message}" }
  #   end
  class ConfigurationError < Error
    include WithProblems

    # @api private
    def self.from_native(hashes)
      new(Problem.sort(Problem.from_native(hashes).select(&:error?)))
    end
  end

  # An address could not be bound: it is in use, it is no address of this machine, or it needs more rights. Nothing
  # stays bound.
  #
  # @example
  #   begin
  #     Proxy.start { bind "http://127.0.0.1:8080"; proxy to: "http://127.0.0.1:3000{path}{query}" }
  #   rescue Proxy::BindError => error
  #     warn error.message
  #   end
  class BindError < Error
    include WithProblems

    # @api private
    def self.from_native(hashes)
      new(Problem.from_native(hashes))
    end
  end

  # A deploy has failed: the old backends serve on. The message has the reason of the last check.
  #
  # @example
  #   begin
  #     server.deploy("app", to: "127.0.0.1:3002")
  #   rescue Proxy::DeployError => error
  #     warn error.message
  #   end
  class DeployError < Error
  end
end
