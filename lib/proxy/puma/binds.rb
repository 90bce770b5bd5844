# frozen_string_literal: true

require "uri"

module Proxy
  module Puma
    # What Puma was told to listen on (`bind`, `port`, `ssl_bind`, `-b`, `-p`, PORT), as addresses of the proxy.
    # @api private
    class Binds
      # Parameters of `ssl://` that hold anyway.
      GRANTED = %w[no_tlsv1 no_tlsv1_1 low_latency reuse backlog cert key cert_pem key_pem ca verify_mode].freeze
      private_constant :GRANTED

      # `file` is config/puma.rb, `folder` the private folder, `store` Puma's certificates in memory.
      def initialize(file, folder, store)
        @file = file
        @folder = folder
        @store = store
        @problems = []
      end

      # @return [Array<Problem>]
      attr_reader :problems

      # The addresses in the engine's form, each with its name in Puma as "name".
      def read(urls)
        urls.filter_map { |url| one(url) }
      end

      private

      def one(url)
        scheme, rest = url.split("://", 2)
        rest, _, query = rest.to_s.partition("?")
        given = URI.decode_www_form(query).to_h
        case scheme
        when "tcp" then address("http", with_port(rest), url, given, %w[low_latency backlog])
        when "unix" then unix(rest.gsub("%20", " "), url, given)
        when "ssl" then https(rest, url, given)
        else wrong(url, "#{scheme} is no scheme of Puma's: write bind inside proxy do … end")
        end
      end

      # Puma takes a free port if there is none.
      def with_port(rest) = rest.match?(/:\d+\z/) ? rest : "#{rest}:0"

      def unix(path, url, given)
        return wrong(url, "the proxy listens on no abstract socket: write a path") if path.start_with?("@")

        address("unix", File.expand_path(path), url, given, %w[umask mode backlog])
      end

      def address(scheme, rest, url, given, known)
        (given.keys - known).each do |name|
          wrong(url, "#{name} is no option of #{url[/\A\w+/]}:// for the proxy: leave it out")
        end
        backlog = given["backlog"]&.to_i
        mode = scheme == "unix" ? mode_of(url, given) : nil
        at = { "file" => @file, "line" => line_of(url) } if line_of(url)
        { "url" => "#{scheme}://#{rest}", "name" => url, "backlog" => backlog, "mode" => mode, "at" => at }.compact
      end

      # Puma lets everybody connect, unless `mode` or `umask` says otherwise.
      def mode_of(url, given)
        given["mode"]&.to_i(8) || (0o777 & ~Integer(given.fetch("umask", "0")))
      rescue ArgumentError
        wrong(url, "umask=#{given["umask"]} is no number: write umask=0077")
      end

      def https(rest, url, given)
        refuse(url, given.keys - GRANTED)
        bind = address("https", with_port(rest), url, given.slice("backlog"), %w[backlog])
        { **bind, "certificate" => pem(given, "cert"), "key" => pem(given, "key"), **client_ca(given) }.compact
      end

      # The path of a PEM file; Puma may have its content in memory.
      def pem(given, name)
        path = given[name]
        return path && File.expand_path(path) unless path.to_s.start_with?("store:")

        file = File.join(@folder, "#{name}-#{path.delete_prefix("store:")}.pem")
        File.write(file, @store[Integer(path.delete_prefix("store:"))], perm: 0o600)
        file
      end

      def client_ca(given)
        verify = { "peer" => "optional", "force_peer" => "require" }[given["verify_mode"]]
        verify ? { "client_ca" => File.expand_path(given["ca"].to_s), "verify" => verify } : {}
      end

      def refuse(url, names)
        names.each do |name|
          wrong(url, "#{name} is an option of Puma's own TLS, and the proxy ends TLS here: " \
                     "leave it out, or write bind inside proxy do … end")
        end
      end

      def wrong(url, message)
        @problems << Problem.new(file: @file, line: line_of(url), directive: "bind", message: message)
        nil
      end

      # The line of config/puma.rb that has the URL; nil if it comes from elsewhere.
      def line_of(url)
        File.foreach(@file).with_index(1) { |text, line| return line if text.include?(url) } if File.file?(@file.to_s)
        nil
      end
    end
  end
end
