# frozen_string_literal: true

# The compiled extension. A gem for one platform has one library for each version of Ruby, such as proxy/3.1/proxy.so.
# If the gem was compiled when it was installed, or by `rake compile`, there is one: proxy/proxy.so.
begin
  of_version = File.join(__dir__, RUBY_VERSION[/\A\d+\.\d+/], "proxy.#{RbConfig::CONFIG["DLEXT"]}")
  if File.exist?(of_version)
    require of_version
  else
    require "proxy/proxy"
  end
rescue LoadError => error
  root = File.expand_path("../..", __dir__)
  if error.path == "proxy/proxy"
    # Bundler does not compile a gem that is given by its path.
    raise LoadError, "the extension of the gem proxy is not compiled: run `rake compile` in #{root}, " \
                     "or install the gem, which compiles it", cause: nil
  end
  raise unless error.message.match?(/GLIBC|libc\.(so|musl)|ld-linux/)

  raise LoadError, "the gem proxy was compiled for a newer or another C library than this system's " \
                   "(#{error.message}): compile it here, " \
                   "with `gem install proxy --platform ruby` or `bundle config set force_ruby_platform true`",
        cause: nil
end
