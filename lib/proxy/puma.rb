# frozen_string_literal: true

require_relative "../proxy"
require_relative "puma/recording"
require_relative "puma/words"
require_relative "puma/integration"

module Proxy
  # The proxy in front of Puma: `plugin :proxy` in config/puma.rb.
  #
  # A front, a process with the engine, listens where Puma was told to listen. Puma itself listens on unix sockets in a
  # private folder. Three processes take part:
  #
  # - Puma (the master in cluster mode) opens the public sockets and keeps them open, and checks the configuration;
  # - the keeper, forked before the application is loaded, starts the front anew if it dies, and tells it which workers
  #   accept requests;
  # - the front serves.
  # @api private
  module Puma
    # Puts the proxy in front of the Puma of a launcher. A wrong configuration ends the process with 1.
    def self.start(launcher)
      Integration.new(launcher).start
    end
  end
end
