# frozen_string_literal: true

require "proxy/cli"
require_relative "proxyfiles"

RSpec.describe Proxy::DSL::Sandbox do
  include Proxyfiles

  # Every name that could be found by accident.
  names = [Proxy, Proxy::DSL, Proxy::DSL::Words, Proxy::DSL::Types, Proxy::DSL::Draft, Proxy::CLI,
           *Proxy::DSL.included_modules]
          .flat_map { |owner| owner.constants(false) }.uniq - Object.constants

  it "finds the constants of the application and none of the gem" do
    text = names.map { |name| "raise '#{name} is ours' if defined?(#{name})\n" }.join
    expect(names).to include(:Config, :Server, :Error, :Types, :Words, :Problem, :VERSION, :RateLimit, :Place)
    expect(problems_of("#{text}static_response body: ''\n")).to eq([])
    write("part.rb", text)
    expect(problems_of("include 'part.rb'\ninstance_eval(File.read('#{directory}/part.rb'), 'x.rb')\nstatic_response " \
                       "body: ''\n")).to eq([])
  end

  it "has no local variable around a configuration" do
    write("part.rb", "raise local_variables.inspect if local_variables.any?\n")
    text = "#{File.read("#{directory}/part.rb")}include 'part.rb'\ninstance_eval('raise local_variables.inspect if " \
           "local_variables.any?')\n"
    expect(problems_of("#{text}static_response body: ''\n")).to eq([])
    %w[path source draft dsl text line].each do |name|
      expect(problems_of("static_response body: \"\#{#{name}}\"\n").first)
        .to match(/\AProxyfile:1: #{name}: (unknown variable or directive|is a value of each request)/)
    end
  end

  it "knows its file and its line" do
    write("helper.rb", "class SandboxHelper; end\n")
    path = write("Proxyfile", <<~RUBY)
      require_relative "helper"
      raise "no helper" unless defined?(SandboxHelper)
      raise __FILE__ unless __FILE__ == "#{directory}/Proxyfile"
      raise __dir__ unless __dir__ == "#{directory}"
      raise __LINE__.to_s unless __LINE__ == 5
      LIST = [1, 2]
      def first = LIST.first
      class Inner; def list = LIST; end
      static_response body: "\#{first} \#{Inner.new.list}"
    RUBY
    2.times { expect(Proxy.check(path).map(&:to_s)).to eq([]) }
    expect([Object.const_defined?(:LIST), Object.private_method_defined?(:first), Proxy::DSL.method_defined?(:first)])
      .to eq([false, false, false])
  end

  it "leaves names of variables and methods to the configuration" do
    text = "@draft = @path = 1\ndef static_response(**) = super\ndef app(name) = proxy(backends: [name])\ndef " \
           "puts(text) = nil\n"
    expect(problems_of("#{text}location('/a') { static_response body: '' }\napp 'a:1'\nputs 1\n")).to eq([])
    expect(problems_of("def call(*) = nil\ndef read(name) = name\ndef place = 'a'\nstatic_response body: " \
                       "read(place)\n")).to eq([])
  end

  it "shows nothing of what was read" do
    config = Proxy::Config.load(write("Proxyfile", "auth_api_key keys: ['hunter22hunter22']\nstatic_response body: " \
                                                   "''\n"))
    expect(config.inspect).to eq("#<Proxy::Config #{directory}/Proxyfile>")
    expect(problems_of("raise inspect\n")).to eq(["Proxyfile:1: raised RuntimeError: #<Proxy::DSL Proxyfile>"])
  end
end
