# frozen_string_literal: true

require_relative "dsl"
require_relative "native"

module Proxy
  # Listening sockets that the program has opened, for `listeners:` of {Proxy.start}: an Array of them, which replaces
  # the binds of the configuration, or a Hash from the URL of a bind to its socket.
  # @api private
  class Listeners
    # A socket as it was given, so that a number that is used again for something else is not taken for it.
    Given = Struct.new(:io, :inode, :url) do
      # The IO for the engine; false once it is closed.
      def open_io
        !io.closed? && io.stat.ino == inode ? io : false
      rescue SystemCallError, IOError
        false
      end
    end
    private_constant :Given

    # The listeners of an argument; nil if there are none.
    def self.of(argument)
      case argument
      when nil, [], {} then nil
      when Passed then argument
      when Array, Hash then new(argument)
      else
        raise ArgumentError, "listeners must be an Array of sockets, or a Hash from the URL of a bind to its socket, " \
                             "not #{DSL::Format.kind(argument)}"
      end
    end

    def initialize(argument)
      @by_url = argument.to_h { |url, io| [url, given(io)] } if argument.is_a?(Hash)
      @given = @by_url&.values || argument.map { |io| given(io) }
      twice = @given.map(&:inode).tally.find { |_, count| count > 1 }
      return unless twice

      raise ArgumentError, "listeners: #{@given.find { |one| one.inode == twice.first }.url} is given twice: " \
                           "leave one of them out"
    end

    # The binds to use: those of an Array in place of `binds`; `added` are given beside the configuration.
    def binds(binds, added)
      return binds if @by_url && binds.any?
      return [{ "url" => Native.defaults.dig(:bind, :url) }] if @by_url

      @given.map { |one| { "url" => one.url } } + (added ? binds : [])
    end

    # For each bind its socket: an IO, false if it is closed by now, nil if there is none.
    def sockets(binds)
      return @given.map(&:open_io) unless @by_url

      left = @by_url.dup
      binds.map { |bind| left.delete(bind["url"])&.open_io }
    end

    # Raises an ArgumentError if a socket is for a bind that does not exist.
    def check(binds)
      urls = binds.map { |bind| bind["url"] }
      unknown = @by_url&.keys.to_a - urls
      return if unknown.empty?

      raise ArgumentError, "listeners: no bind has the URL #{unknown.first.inspect}: write one of " \
                           "#{urls.map(&:inspect).join(", ")}, or bind #{unknown.first.inspect} in the configuration"
    end

    private

    def given(socket)
      io = io_of(socket)
      Given.new(io, io.stat.ino, Native.listening_url(io))
    rescue SystemCallError, IOError
      raise ArgumentError, "listeners: #{socket.inspect} is closed: write one that is open"
    rescue ArgumentError => error
      raise if error.message.start_with?("listeners:")

      raise ArgumentError, "listeners: #{socket.inspect} #{error.message}"
    end

    def io_of(socket)
      return IO.for_fd(socket, autoclose: false) if socket.is_a?(Integer)
      return socket.to_io if socket.respond_to?(:to_io)

      raise ArgumentError, "listeners: #{DSL::Format.show(socket)} is #{DSL::Format.kind(socket)}: write a socket " \
                           "that listens, such as TCPServer.new(\"127.0.0.1\", 0), or its number"
    end
  end
end

require_relative "listeners/passed"
