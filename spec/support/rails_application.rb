# frozen_string_literal: true

require "fileutils"
require "open3"
require "rbconfig"
require "securerandom"
require "socket"
require "tmpdir"
require_relative "free_ports"
require_relative "running_proxy"

# A new application, made by `rails new` from the system's packages, in its own folder, with a controller and a channel.
# It runs as deployed: with its Gemfile, its config/puma.rb, and in production.
class RailsApplication
  # Parts that the packages have no gem for, or that do not matter to a proxy.
  SKIPPED = %w[bundle git active-record active-storage action-mailer action-mailbox action-text active-job sprockets
               javascript
               spring listen bootsnap jbuilder test system-test].freeze

  FILES = {
    "config/routes.rb" => <<~RUBY,
      Rails.application.routes.draw do
        root to: "pages#show"
        post "uploads" => "pages#upload"
      end
    RUBY
    "app/controllers/pages_controller.rb" => <<~RUBY,
      class PagesController < ApplicationController
        def show
          session[:visits] = session.fetch(:visits, 0) + 1
          render plain: [session[:visits], root_url, form_authenticity_token].join(" ")
        end

        def upload
          render plain: Digest::SHA256.hexdigest(params.require(:file).read)
        end
      end
    RUBY
    "app/channels/echo_channel.rb" => <<~RUBY,
      class EchoChannel < ApplicationCable::Channel
        def echo(data)
          transmit({ text: data["text"] })
        end
      end
    RUBY
    # A single Puma needs no Redis.
    "config/cable.yml" => "production:\n  adapter: async\n"
  }.freeze

  attr_reader :directory

  # `options` are further ones of `rails new`; `parent` is a part of the name of the folder around the application.
  def initialize(*options, parent: "rails", files: FILES)
    @parent = Dir.mktmpdir(parent)
    @directory = File.join(@parent, "shop")
    run("rails", "new", "shop", "--quiet", *SKIPPED.map { |part| "--skip-#{part}" }, *options, chdir: @parent)
    files.each { |path, text| File.write(File.join(directory, path), text) }
    take_port
  end

  # Runs `proxy` in the folder, and returns its output.
  def proxy(*arguments) = run(RbConfig.ruby, "-I#{ProxyProcess::LIB}", ProxyProcess::EXE, *arguments)

  # Runs a program of the folder, such as `bin/rails`, and returns its output.
  def program(*command) = run(*command)

  # Starts a program of the folder that serves the application, and returns its URL.
  def serve(*command)
    @proxy = ChildProcess.new(environment, *command, chdir: directory)
    @proxy.await_output(%r{http://[^\s/]+:[1-9]\d*}, limit: 60)[0]
  end

  # Stops what `serve` has started, and returns its status.
  def terminate
    @proxy.signal(:TERM)
    @proxy.wait(limit: 30)
  end

  # Starts Puma with config/puma.rb.
  def start_puma
    @puma = ChildProcess.new(environment, "puma", chdir: directory)
    @puma.await_output(/Ctrl-C/, limit: 60)
  end

  # Starts the proxy with the folder's Proxyfile, on a free port, and returns its URL.
  def start_proxy
    @proxy = ChildProcess
             .new(RbConfig.ruby, "-I#{ProxyProcess::LIB}", ProxyProcess::EXE, "start", "-b", "http://127.0.0.1:0",
                  chdir: directory)
    @proxy.await_output(%r{http://[^\s/]+:[1-9]\d*})[0]
  end

  # What `serve` has printed.
  def output = @proxy.output

  def stop_puma
    @puma&.stop
  end

  def stop
    stop_puma
    @proxy&.stop
    FileUtils.rm_rf(@parent)
  end

  private

  def environment
    { "RAILS_ENV" => "production", "SECRET_KEY_BASE" => SecureRandom.hex(64), "RAILS_SERVE_STATIC_FILES" => "1" }
  end

  # Chooses a port in place of 3000, which may be in use.
  def take_port
    path = File.join(directory, "config/puma.rb")
    text = File.read(path)
    raise "config/puma.rb says no port 3000:\n#{text}" unless text.match?(/^port .*\b3000\b/)

    File.write(path, text.sub(/^(port .*)\b3000\b/) { "#{$1}#{FreePorts.one}" })
  end

  def run(*command, chdir: directory)
    output, status = Open3.capture2e(*command, chdir: chdir)
    raise "#{command.first} failed:\n#{output}" unless status.success?

    output
  end
end
