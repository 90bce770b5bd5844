# frozen_string_literal: true

require "json"
require "socket"

# A control API that follows a script, on a unix socket or a port. The block gets the method, the path with its query,
# and the body, and returns the status and the content of the answer: a Hash for JSON, or a String as it is sent. It
# may write to the connection itself and return nil.
class StandIn
  Request = Struct.new(:verb, :path, :fields, :body, :connection)

  attr_reader :requests

  def initialize(listener, &script)
    @listener = listener
    @script = script
    @requests = []
    @errors = []
    @thread = Thread.new { loop { serve(@listener.accept) } }
    @thread.report_on_exception = false
  end

  def stop
    @thread.kill.join
    @listener.close
    raise @errors.first if @errors.any?
  end

  private

  def serve(connection)
    request = read(connection) or return
    @requests << request
    status, content = @script.call(request)
    return unless status

    text = content.is_a?(String) ? content : JSON.generate(content)
    connection.write("HTTP/1.1 #{status} Whatever\r\nContent-Type: application/json\r\n" \
                     "Content-Length: #{text.bytesize}\r\n\r\n#{text}")
  rescue Errno::EPIPE, Errno::ECONNRESET
    # The client has gone, as some do.
    nil
  rescue StandardError => error
    @errors << error
  ensure
    connection.close
  end

  def read(connection)
    line = connection.gets("\r\n", chomp: true) or return
    method, path, = line.split
    fields = {}
    until (field = connection.gets("\r\n", chomp: true)).to_s.empty?
      name, value = field.split(": ", 2)
      fields[name.downcase] = value
    end
    body = connection.read(fields["content-length"].to_i)
    Request.new(method, path, fields, (JSON.parse(body, symbolize_names: true) unless body.empty?), connection)
  end
end
