# frozen_string_literal: true

# The compiled extension. RubyGems from 3.4.6 on installs it as proxy/proxy.so, older ones as proxy.so.
begin
  require "proxy/proxy"
rescue LoadError => error
  raise unless error.path == "proxy/proxy"

  begin
    require "proxy.#{RbConfig::CONFIG.fetch("DLEXT")}"
  rescue LoadError => error
    raise unless error.path == "proxy.#{RbConfig::CONFIG.fetch("DLEXT")}"

    raise LoadError, "the extension of the gem proxy is not compiled: run `rake compile` in #{File.expand_path("../..", __dir__)}, " \
                     "or install the gem, which compiles it", cause: nil
  end
end
