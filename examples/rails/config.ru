# frozen_string_literal: true

# A Rails application in one file, with what a proxy can get wrong: Action Cable, streams, uploads, CSRF protection,
# cookie sessions over two Pumas, and `force_ssl` behind a load balancer. From the top of the repository:
#
#   export SECRET_KEY_BASE=$(ruby -rsecurerandom -e 'puts SecureRandom.hex(64)')
#   puma -e production -b tcp://127.0.0.1:3001 examples/rails/config.ru &
#   puma -e production -b tcp://127.0.0.1:3002 examples/rails/config.ru &
#   proxy start -c examples/rails/Proxyfile
#
# Then look at http://127.0.0.1:8080/. With FORCE_SSL=1 in front of `puma`, Rails sends everybody to HTTPS, unless the
# load balancer that the Proxyfile trusts says that the visitor came that way.

require "action_controller/railtie"
require "action_cable/engine"

class Application < Rails::Application
  config.load_defaults Rails::VERSION::STRING[/\A\d+\.\d+/]
  config.root = __dir__
  config.eager_load = false
  config.consider_all_requests_local = false
  # The same for both Pumas: each has to read the cookies of the other.
  config.secret_key_base = ENV.fetch("SECRET_KEY_BASE")
  config.session_store :cookie_store, key: "_example"
  config.force_ssl = ENV["FORCE_SSL"] == "1"
  config.logger = Logger.new($stderr)
  config.log_level = :warn

  routes.append do
    root to: "pages#show"
    get "up" => "pages#up"
    get "who" => "pages#who"
    get "events" => "events#index"
    post "uploads" => "uploads#create"
    mount ActionCable.server => "/cable"
  end
end

class ApplicationController < ActionController::Base
  protect_from_forgery with: :exception
end

class PagesController < ApplicationController
  # A page with a form. Who sees it has a session.
  def show
    session[:visitor] ||= SecureRandom.hex(4)
    session[:visits] = session.fetch(:visits, 0) + 1
    render inline: <<~ERB
      <!doctype html>
      <title>Rails behind the proxy</title>
      <p>Visit <%= session[:visits] %> of <%= session[:visitor] %>, by Puma <%= Process.pid %>.</p>
      <form action="/uploads" method="post" enctype="multipart/form-data">
        <input type="hidden" name="authenticity_token" value="<%= form_authenticity_token %>">
        <input type="file" name="file"> <button>Send</button>
      </form>
    ERB
  end

  # What Rails makes of the fields that proxies add.
  def who
    render json: { url: request.url, ssl: request.ssl?, remote_ip: request.remote_ip, request_id: request.request_id }
  end

  def up
    head :ok
  end
end

class UploadsController < ApplicationController
  def create
    file = params.require(:file)
    render json: { name: file.original_filename, size: file.size, sha256: Digest::SHA256.file(file.path).hexdigest }
  end
end

class EventsController < ApplicationController
  include ActionController::Live

  # Events until the visitor has gone.
  def index
    response.headers["Content-Type"] = "text/event-stream"
    # Without it, Rack::ETag would wait for the end of a stream that has none.
    response.headers["Last-Modified"] = Time.now.httpdate
    (1..).each do |number|
      response.stream.write("data: #{number}\n\n")
      sleep 0.1
    end
  rescue ActionController::Live::ClientDisconnected
    nil
  ensure
    response.stream.close
  end
end

module ApplicationCable
  # A WebSocket belongs to the visitor whose session it brings.
  class Connection < ActionCable::Connection::Base
    identified_by :visitor

    def connect
      self.visitor = (cookies.encrypted["_example"] || {})["visitor"] or reject_unauthorized_connection
    end
  end
end

class ChatChannel < ActionCable::Channel::Base
  def subscribed
    stream_from "chat"
  end

  def speak(data)
    ActionCable.server.broadcast("chat", { by: visitor, text: data["text"] })
  end
end

# Within one Puma. Messages from one to the other take Redis or a database, as in every application: see Action Cable's
# adapters.
ActionCable.server.config.cable = { "adapter" => "async" }
ActionCable.server.config.logger = Rails.logger

run Application.initialize!
