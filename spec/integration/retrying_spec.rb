# frozen_string_literal: true

require "support/integration"

RSpec.describe "retrying" do
  # Reads each request in whole and closes without an answer.
  def closing_backend = start_backend(&:read_request)

  it "takes any number as the number of retries" do
    backends = [refusing_backend, backend_answering("second")]
    proxy = start_proxy(to: backends, backend_priority: "ordered", retries: 2**32)
    expect(proxy.get.body).to eq("second")
  end

  it "does not replay a body longer than retry_buffer" do
    second = backend_answering("second")
    proxy = start_proxy(to: [closing_backend, second], backend_priority: "ordered", retry_buffer: 1000)
    expect(proxy.request("PUT", "/", {}, "x" * 50_000).status).to eq(502)
    expect(second.requests).to be_empty
  end

  it "makes no further attempt with retries: 0" do
    first = closing_backend
    second = backend_answering("second")
    proxy = start_proxy(to: [first, second], backend_priority: "ordered", retries: 0)
    expect(proxy.get.status).to eq(502)
    expect(second.connections).to eq(0)
  end
end
