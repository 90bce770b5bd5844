# frozen_string_literal: true

require_relative "word"

module Proxy
  class DSL
    # The words of the language. Each has its own file with its meaning, options, examples and checks. To add a word,
    # add its file and its name in this list.
    # @api private
    module Words
      # The words in the order of the documentation.
      LIST = %i[
        bind acme threads trusted_proxies resolver shutdown_timeout tunnel_grace handshake_timeout client_header_timeout
        client_body_timeout half_close_timeout min_rate keepalive_timeout max_connections max_header_size log_level
        access_log control state metrics tracing on
        upstream proxy run puma static_files static_response redirect
        location host include
        request_headers response_headers rate_limit allow_list deny_list rewrite max_body etag cors compress
        log_requests maintenance split mirror cache
        redirect_http_to_https! auth_basic auth_api_key auth_jwt forward_auth authorize
      ].freeze

      # Loads the file of a word and makes an object of its class.
      def self.read(name)
        plain = name.to_s.delete_suffix("!")
        require_relative "words/#{plain}"
        const_get(plain.split("_").map(&:capitalize).join).new(name)
      end
      private_class_method :read

      BY_NAME = LIST.to_h { |name| [name, read(name)] }.freeze
      # All schemas: the words, and the Hashes that their options take.
      SCHEMAS = [*BY_NAME.values, *BY_NAME.values.flat_map(&:parts).uniq.sort_by(&:name)].freeze

      # The schema of a word, or of a Hash that an option takes, by name; nil for any other name.
      def self.schema(name)
        SCHEMAS.find { |schema| schema.name == name }
      end

      # All names of words and options.
      def self.names
        LIST + SCHEMAS.drop(LIST.length).map(&:name) + SCHEMAS.flat_map(&:names)
      end

      # All names that options accept as values.
      def self.named_values
        types = SCHEMAS.flat_map { |schema| [schema.takes, *schema.options.map(&:type)] }
        types.grep(Types::Name).flat_map(&:names).uniq
      end
    end
  end
end
