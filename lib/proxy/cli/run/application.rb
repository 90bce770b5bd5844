# frozen_string_literal: true

require "socket"

module Proxy
  module CLI
    class Run < Serving
      # The application of the command: where it listens, and how requests are sent to it.
      class Application
        # Requests that wait while the application starts.
        QUEUE = 1024
        # The first Puma that answers as fast on kept connections as on new ones.
        GOOD_AT_KEEPING = Gem::Version.new("7")

        # The place that an address of `--app` names.
        # @raise [OptionParser::InvalidArgument] if it is none
        def self.place(address)
          case address
          when /\Aunix:(.+)\z/ then Puma::Place.new(path: $1, sole: false, environment: {})
          when /\A(?:(?<host>\[[\h:.]+\]|[\w.-]+):)?(?<port>\d+)\z/
            host = { nil => "127.0.0.1", "localhost" => "127.0.0.1" }.fetch($~[:host], $~[:host])
            Puma::Place.new(host: host, port: $~[:port].to_i, sole: false, environment: {})
          else
            raise OptionParser::InvalidArgument, "#{address}: write an address, such as 127.0.0.1:3000 or " \
                                                 "unix:tmp/puma.sock"
          end
        end

        # @return [TCPServer, nil] the listening socket that the application gets; nil if it opens its own
        attr_reader :socket

        # `place` is where it listens, if that was given; `pass` whether it gets its socket, nil if we are to find that
        # out.
        def initialize(command, place, pass)
          @puma = Puma.new(command)
          @place = place || @puma.place || Puma::Place.new(host: "127.0.0.1", environment: {})
          @pass = pass.nil? ? @place.sole && Readiness.waiting_known? : pass
          @given = !place.nil?
        end

        # Opens the socket, or finds a port.
        # @raise [Error] if the address is taken
        def prepare
          return if @place.path

          unknown if @place.port&.zero? && !(@given && @pass)
          if @pass
            @socket = TCPServer.new(@place.host.delete("[]"), @place.port || 0)
          elsif @place.port.nil?
            @port = TCPServer.open(@place.host.delete("[]"), 0) { |server| server.local_address.ip_port }
          else
            taken if listening?
          end
        rescue SystemCallError => error
          raise Error, "the application cannot listen on #{@place.host}:#{@place.port} (#{error.class.new.message}): " \
                       "write another address with --app, or end what is there"
        end

        # @return [Integer, nil] its port
        def port = @socket ? @socket.local_address.ip_port : @port || @place.port

        # @return [String] where it is reached, as an entry of `backends`
        def address
          return "unix:#{File.expand_path(@place.path)}" if @place.path

          "#{{ "0.0.0.0" => "127.0.0.1", "[::]" => "127.0.0.1" }.fetch(@place.host, @place.host)}:#{port}"
        end

        # @return [Hash{String => String}] the variables that it gets
        def environment = { **@place.environment, **(port ? { "PORT" => port.to_s } : {}) }

        # The options of each pool of backends that it is in.
        def pool(boot_timeout)
          { "hold" => true, "queue" => QUEUE, "queue_timeout" => boot_timeout, **keepalive }
        end

        # What the command knows of its address, as a part of a sentence.
        def described
          return "with its socket, #{@place.host}:#{port}" if @socket
          return "which listens on #{@place.path}" if @place.path

          @given || @place.port ? "which listens on port #{port}" : "with PORT=#{port}"
        end

        # What to do if it does not listen where it is expected.
        def remedy
          return "write --app with the address where it listens" if @given || @place.path || @place.port

          "it has to listen on the port that the variable PORT says, or write --app with its address"
        end

        private

        # Nothing is known of a program that is not Puma, and Puma is the only one that suffers from kept connections.
        def keepalive
          version = @puma.version if @puma.kind || Init::Folder.new.file?("Gemfile.lock")
          return {} unless @puma.kind || version

          version && version >= GOOD_AT_KEEPING ? {} : { "keepalive" => 0 }
        end

        def listening?
          Socket.tcp(address.rpartition(":").first.delete("[]"), @place.port, connect_timeout: 1).close
          true
        rescue SystemCallError
          false
        end

        def unknown
          raise Error, "the application listens on port 0, which means any, so that nobody knows where: write a port " \
                       "into its command"
        end

        def taken
          raise Error, "#{address}, where the application is to listen, has a server already: end that one, or write " \
                       "another address with --app"
        end
      end
      private_constant :Application
    end
  end
end
