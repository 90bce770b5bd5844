# frozen_string_literal: true

# A `proxy start` that commands steer, in the folder of Proxyfiles.
module CommandedProxy
  # The folder of a Proxyfile with this text, in which `proxy start` runs.
  def start(text)
    FileUtils.mkdir_p("#{directory}/tmp")
    write("Proxyfile", "bind 'http://127.0.0.1:0'\n#{text}\n")
    @process = started(ChildProcess.new(*Proxyfiles::COMMAND, "start", chdir: directory))
    @url = @process.await_output(%r{http://127\.0\.0\.1:\d+})[0]
    @process.await_output(/Ctrl-C/)
  end

  def get(path = "/") = RawClient.request(@url, "GET", path)

  def json(*arguments) = JSON.parse(run_command(*arguments, "--json").first, symbolize_names: true)

  # The state of each backend, by its address.
  def states
    json("status")[:upstreams].flat_map { |upstream| upstream[:backends] }
                              .to_h { |backend| [backend[:address], backend[:state]] }
  end
end
