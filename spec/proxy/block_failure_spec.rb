# frozen_string_literal: true

require "proxy/blocks/failure"

RSpec.describe Proxy::Blocks::Failure do
  def message
    yield
  rescue StandardError => error
    described_class.message(error)
  end

  it "says what was raised, and where, in one line" do
    expect(message { raise IOError, "no\nconnection" }).to match(/\Araised IOError: no \(.*_spec.rb:\d+\)\z/)
  end

  it "shows nothing of the object that lacks a method, since it may be a secret" do
    keeper = Class.new { def initialize = @token = "s3cret" }.new

    ["s3cret", %w[s3cret], { key: "s3cret" }, keeper].each do |object|
      told = message { object.missing }
      expect(told).to match(/undefined method .missing. for an instance of #{Regexp.escape(object.class.to_s)} \(/)
      expect(told).not_to include("s3cret")
    end
  end

  it "leaves other texts about names as they are" do
    expect(message { nil.missing }).to match(/undefined method .missing. for nil/)
    expect(message { NoSuchThing }).to include("raised NameError: uninitialized constant")
    expect(message { raise NameError, "no receiver" }).to include("raised NameError: no receiver")
  end
end
