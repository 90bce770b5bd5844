# frozen_string_literal: true

# The compiled extension. RubyGems from 3.4.6 on installs it as proxy/proxy.so, older ones as proxy.so.
begin
  require "proxy/proxy"
rescue LoadError => error
  raise unless error.path == "proxy/proxy"

  require "proxy.#{RbConfig::CONFIG.fetch("DLEXT")}"
end
