# frozen_string_literal: true

module Proxy
  module Puma
    # The words of a Proxyfile in config/puma.rb. Words that Puma has too mean Puma's there, such as `bind`; inside of
    # `proxy do … end` and of other blocks they are the proxy's.
    # @api private
    module Words
      # The option of Puma that holds the {Recording}.
      OPTION = :proxy

      # Names that mean Puma's own words.
      TAKEN = (::Puma::DSL.instance_methods(true) + ::Puma::DSL.private_instance_methods(true)).freeze

      # The names that a config/puma.rb gets.
      LIST = (DSL::Words::LIST - TAKEN).freeze

      LIST.each do |name|
        define_method(name) do |*values, **options, &block|
          recording = @options[OPTION] ||= Recording.new
          # A Puma without Bundler finds the gem only there (`prune_bundler`).
          (@options[:extra_runtime_dependencies] ||= []).then { |gems| gems << "proxy" unless gems.include?("proxy") }
          recording.call(name, values, options, block, caller_locations(1, 1).first.path)
        end
      end
    end
  end
end

Puma::DSL.include(Proxy::Puma::Words)
