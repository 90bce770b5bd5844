# frozen_string_literal: true

require_relative "../../proxy/puma"

# There is no method `config` here: Puma would drop the first option of config/puma.rb before it calls one.
Puma::Plugin.create do
  # Called before Puma loads the application and before it listens anywhere.
  def start(launcher)
    Proxy::Puma.start(launcher)
  end
end
