# frozen_string_literal: true

# A Rails application with what the README's Proxyfile "Instead of nginx in front of Rails" is for: a page that is for
# everybody, one that is not, a long one, and a file of which the application decides who gets it. Its root is in
# CONTENT_ROOT.

require "action_controller/railtie"
require "proxy/railtie"

class Content < Rails::Application
  config.load_defaults Rails::VERSION::STRING[/\A\d+\.\d+/]
  config.root = ENV.fetch("CONTENT_ROOT")
  config.eager_load = false
  config.secret_key_base = "0" * 64
  config.logger = Logger.new(nil)
  config.hosts.clear
  config.proxy.x_sendfile = true

  routes.append do
    get "blog/:name" => "pages#post"
    get "count" => "pages#count"
    get "report" => "pages#report"
    get "blog/:name/report" => "pages#report"
    get "export" => "pages#export"
    post "upload" => "pages#upload"
  end
end

class PagesController < ActionController::Base
  protect_from_forgery with: :null_session

  COUNTS = Hash.new(0)

  # For everybody, for five minutes; at once outdated if its name is "brief".
  def post
    return head :internal_server_error if params[:name] == "brief" && File.exist?(Rails.root.join("broken"))

    expires_in params[:name] == "brief" ? 0 : 5.minutes, public: true
    render plain: "#{params[:name]} #{COUNTS[params[:name]] += 1}\n#{"All work and no play. " * 200}"
  end

  def count
    render plain: (COUNTS["count"] += 1).to_s
  end

  def report
    return head :forbidden unless params[:key] == "right"

    send_file Rails.root.join("storage/report.txt"), type: "text/plain", filename: "report.txt"
  end

  def export
    render plain: "a line, whose bytes here are 32\n" * (params[:mebibytes].to_i << 15)
  end

  def upload
    render plain: Digest::SHA256.hexdigest(request.raw_post)
  end
end

run Content.initialize!
