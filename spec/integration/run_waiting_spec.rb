# frozen_string_literal: true

require "support/supervised"

RSpec.describe "requests to proxy run", :supervised do
  # A request that is sent now; `value` is its response.
  def request(method = "GET", body = nil)
    client = RawClient.connect(url, limit: 20)
    client.send_request(method, "/", {}, body)
    in_background { client.read_response }
  end

  [[], %w[--socket --app 127.0.0.1:0]].each do |options|
    context options.empty? ? "with an application that opens its port itself" : "with one that gets its socket" do
      it "wait while the application starts" do
        boot = gate("boot")
        start_run(*options, env: { "GATE" => boot })
        responses = [request, request("POST", "body")]
        process.await_output(/app starts/)
        expect(responses.map(&:alive?)).to eq([true, true])
        open_gate(boot)
        expect(responses.map { |response| response.value.status }).to eq([200, 200])
      end

      it "wait while an application that was killed starts again" do
        boot = gate("boot")
        start_run(*options, "--restart", env: { "GATE" => boot })
        open_gate(boot)
        await_ready
        first = get.body
        Process.kill(:KILL, app)
        process.await_output(/^The application was ended by SIGKILL; it starts again\.$/)
        responses = [request, request("POST", "body")]
        process.await_output(/app starts\n(.*\n)*app starts/)
        expect(responses.map(&:alive?)).to eq([true, true])
        open_gate(boot)
        bodies = responses.map { |response| response.value.body }
        expect(bodies.uniq).to match([/\Apid \d+\z/])
        expect(bodies).not_to include(first)
      end

      it "get 503 at once when the application is not ready within --boot-timeout, and 200 once it is" do
        boot = gate("boot")
        start_run(*options, "--boot-timeout", "0.5", env: { "GATE" => boot })
        process.await_output(/^The application is not ready after 0\.5 seconds: nothing answers at 127\.0\.0\.1:\d+: /)
        expect(get.status).to eq(503)
        open_gate(boot)
        await_ready
        eventually { expect(get.status).to eq(200) }
      end
    end
  end

  it "wait until the page of --ready answers without an error" do
    start_run("--ready", "/up")
    process.await_output(/app starts/)
    response = request
    expect(response.join(0.5)).to be_nil
    File.write("#{directory}/ready", "")
    expect(response.value.status).to eq(200)
    await_ready
  end

  it "get their error response when the application ends while they wait" do
    gate = gate("gate")
    start_run(command: ["sh", "-c", "echo app starts; cat gate; exit 3"])
    process.await_output(/app starts/)
    response = request
    expect(response.join(0.3)).to be_nil
    open_gate(gate)
    expect(response.value.status).to eq(502)
    expect(finish).to eq(3)
  end

  it "are never refused while the application is killed again and again" do
    start_run("--restart")
    await_ready
    statuses, stop = Queue.new, false
    clients = 4.times.map do |number|
      in_background do
        method, body = number.odd? ? ["GET", nil] : %w[POST body]
        statuses << RawClient.request(url, method, "/", {}, body).status until stop
      end
    end
    3.times do
      pid = get.body[/\d+/].to_i
      Process.kill(:KILL, pid)
      eventually(limit: 10) { expect(get.body).not_to eq("pid #{pid}") }
    end
    stop = true
    clients.each(&:value)
    answers = Array.new(statuses.length) { statuses.pop }
    # A request that the application had begun when it was killed has no answer; POST is not sent again.
    expect(answers.tally.keys - [200, 502]).to eq([])
    expect(answers.count(502)).to be <= 3 * 4
    expect(answers.count(200)).to be > answers.count(502)
  end

  it "find an application that ends at once again and again after a growing pause" do
    start_run("--restart", command: ["sh", "-c", "exit 3"])
    process.await_output(/ended with status 3; it starts again\.\nThe application ended with status 3; it starts again in 1 second\./)
    process.signal(:TERM)
    expect(finish).to eq(3)
  end
end
