# frozen_string_literal: true

module Proxy
  class DSL
    module Words
      # Sets the DNS servers that resolve the names of backends.
      class Resolver < Word::Setting
        prose "DNS servers, each `ADDRESS` or `ADDRESS:PORT`."
        example <<~RUBY
          resolver "127.0.0.1:53", "10.0.0.2"
        RUBY

        SERVERS = Types::Texts.new("String, …", 'DNS servers, such as "127.0.0.1:53"')

        takes SERVERS, as: :servers, many: true
        default "the system's"
      end
    end
  end
end
