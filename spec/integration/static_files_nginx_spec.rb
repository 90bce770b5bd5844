# frozen_string_literal: true

require "support/integration"
require "time"
require "zlib"

# What both are asked.
module BesideNginx
  # A server at a URL.
  Server = Struct.new(:url) do
    def request(method, target, headers = {}, body = nil) = RawClient.request(url, method, target, headers, body)

    def get(target, headers = {}) = request("GET", target, headers)
  end

  TEXT = (0...100).map { |number| format("%02d\n", number) }.join.freeze
  CHANGED = Time.at(1_700_000_000)

  # Conditions: the lines of a request, given the validators of the server that is asked.
  CONDITIONS = {
    "none" => ->(_) { {} },
    "If-None-Match, its tag" => ->(own) { { "If-None-Match" => own["ETag"] } },
    "If-None-Match, its tag as a weak one" => ->(own) { { "If-None-Match" => "W/#{own["ETag"]}" } },
    "If-None-Match, others and its tag" => ->(own) { { "If-None-Match" => "\"a,b\", W/\"c\", #{own["ETag"]}" } },
    "If-None-Match, another" => ->(_) { { "If-None-Match" => '"another"' } },
    "If-None-Match, any" => ->(_) { { "If-None-Match" => "*" } },
    "If-Modified-Since, its time" => ->(own) { { "If-Modified-Since" => own["Last-Modified"] } },
    "If-Modified-Since, before" => ->(_) { { "If-Modified-Since" => (CHANGED - 1).httpdate } },
    "If-Modified-Since, after" => ->(_) { { "If-Modified-Since" => (CHANGED + 1).httpdate } },
    "If-Modified-Since, no date" => ->(_) { { "If-Modified-Since" => "yesterday" } },
    "If-Match, its tag" => ->(own) { { "If-Match" => own["ETag"] } },
    "If-Match, its tag as a weak one" => ->(own) { { "If-Match" => "W/#{own["ETag"]}" } },
    "If-Match, another" => ->(_) { { "If-Match" => '"another"' } },
    "If-Match, any" => ->(_) { { "If-Match" => "*" } },
    "If-Unmodified-Since, its time" => ->(own) { { "If-Unmodified-Since" => own["Last-Modified"] } },
    "If-Unmodified-Since, before" => ->(_) { { "If-Unmodified-Since" => (CHANGED - 1).httpdate } },
    "another tag, its time" =>
      ->(own) { { "If-None-Match" => '"another"', "If-Modified-Since" => own["Last-Modified"] } },
    "its tag, its time" =>
      ->(own) { { "If-None-Match" => own["ETag"], "If-Modified-Since" => own["Last-Modified"] } },
    "its tag, another time" =>
      ->(own) { { "If-None-Match" => own["ETag"], "If-Modified-Since" => (CHANGED - 1).httpdate } },
    "another tag to match, its tag" => ->(own) { { "If-Match" => '"another"', "If-None-Match" => own["ETag"] } },
    "If-Range, its tag" => ->(own) { { "If-Range" => own["ETag"] } },
    "If-Range, another" => ->(_) { { "If-Range" => '"another"' } },
    "If-Range, its time" => ->(own) { { "If-Range" => own["Last-Modified"] } },
    "If-Range, another time" => ->(_) { { "If-Range" => (CHANGED + 1).httpdate } }
  }.freeze

  # Ranges of content that has fewer than 1,000 bytes.
  RANGES = [nil, "bytes=0-9", "bytes=-5", "bytes=20-", "bytes=5-100000", "bytes=1000-", "bytes=-0", "bytes=9-0",
            "bytes=a", "bytes=", "lines=0-9", "bytes=0-4,10-14", "bytes=10-14, 0-4", "bytes=0-4,2000-",
            "bytes=0-,0-", "bytes=0-9,5-14"].freeze

  ENCODINGS = [nil, "gzip", "gzip;q=0", "br, gzip", "identity"].freeze

  # Where the answers differ: why, and for which condition, range and coding.
  KNOWN = {
    "nginx wants the very time (if_modified_since exact); RFC 9110, section 13.1.3: not modified since" =>
      ->(condition, _, _) { condition == "If-Modified-Since, after" },
    "nginx wants both to hold; RFC 9110, section 13.1.3: If-Modified-Since is ignored beside If-None-Match" =>
      ->(condition, _, _) { condition == "its tag, another time" },
    "nginx sends bytes twice; RFC 9110, section 15.3.7.2: overlapping ranges may be joined" =>
      ->(_, range, _) { range == "bytes=0-9,5-14" },
    "nginx has no ranges of what gzip_static serves; a form with a tag of its own may have them" =>
      ->(_, range, coding) { range && coding.to_s.match?(/gzip\z/) }
  }.freeze
end

# The same folder behind the proxy and behind nginx: both answer alike, but for the differences that are listed with
# their reasons.
RSpec.describe "static_files beside nginx" do
  before do
    FileUtils.mkdir_p(["#{directory}/dir", "#{directory}/bare", "#{directory}/.hidden"])
    { "a.txt" => BesideNginx::TEXT, "empty.txt" => "", "index.html" => "<p>top</p>", "dir/index.html" => "<p>dir</p>",
      "dir/b c.txt" => "b c", ".hidden/a.txt" => "hidden", "data.json" => "{}", "unknown.zzz" => "?" }
      .each { |name, text| File.write("#{directory}/#{name}", text) }
    Zlib::GzipWriter.open("#{directory}/a.txt.gz") { |gzip| gzip.write(BesideNginx::TEXT) }
    File.mkfifo("#{directory}/pipe")
    Dir.glob("#{directory}/**/*.*").each { |path| File.utime(BesideNginx::CHANGED, BesideNginx::CHANGED, path) }
  end

  # Both, each of which is asked over a new connection: errors may close one.
  def both
    root = directory
    nginx = start_nginx <<~SERVER
      root #{root};
      charset utf-8;
      charset_types text/plain text/html;
      types { text/html html; text/plain txt; application/json json; }
      default_type application/octet-stream;
      absolute_redirect off;
      gzip_static on;
      gzip_vary on;
    SERVER
    proxy = start_proxy { static_files root: root, precompressed: true }
    [proxy, BesideNginx::Server.new("http://#{nginx.address}")]
  end

  # What of an answer is compared: of an error the status alone, since its page is the server's own.
  def gist(response)
    told = [response.status, response["Content-Range"]]
    return told if response.status >= 400
    return [*told, response["Location"]] if response.status == 301

    boundary = response["Content-Type"].to_s[/boundary=(\S+)/, 1]
    same = ->(text) { boundary ? text.to_s.gsub(boundary, "BOUNDARY") : text }
    validators = ["ETag", "Last-Modified"].map { |name| response[name] && name }
    units = response["Accept-Ranges"] if response.status == 200 && response["Content-Encoding"].nil?
    told + [same.(response["Content-Type"]), response["Content-Encoding"], *validators, units,
            same.(response.body.b)]
  end

  def differences(ours, theirs, cases)
    cases.filter_map do |name, ask|
      answers = [ours, theirs].map { |client| gist(ask.(client)) }
      "#{name}: ours #{answers.first.inspect}, nginx #{answers.last.inspect}" unless answers.uniq.one?
    end
  end

  it "answers conditions, ranges and codings as nginx does", time_limit: 60 do
    ours, theirs = both
    own = Hash.new do |known, (client, encoding)|
      known[[client, encoding]] = client.get("/a.txt", { "Accept-Encoding" => encoding }.compact)
    end
    names = BesideNginx::CONDITIONS.keys.product(BesideNginx::RANGES, BesideNginx::ENCODINGS)
    # Each condition with each coding, each range with each coding, and each condition with each range.
    names = names.select { |condition, range, encoding| [condition == "none", range.nil?, encoding.nil?].any? }
    cases = names.to_h do |condition, range, encoding|
      ask = lambda do |client|
        validators = own[[client, encoding]]
        lines = { "Range" => range, "Accept-Encoding" => encoding }.compact
        client.get("/a.txt", lines.merge(BesideNginx::CONDITIONS.fetch(condition).(validators)))
      end
      [[condition, range, encoding], ask]
    end
    expect(cases.length).to be > 200
    of_reasons = BesideNginx::KNOWN.transform_values { |fits| cases.select { |name, _| fits.(*name) } }
    unexplained = cases.except(*of_reasons.values.flat_map(&:keys))
    expect(differences(ours, theirs, unexplained)).to eq([])
    of_reasons.each do |reason, explained|
      expect(differences(ours, theirs, explained)).not_to be_empty, "no longer: #{reason}"
    end
  end

  it "finds files and folders as nginx does" do
    ours, theirs = both
    targets = ["/", "/index.html", "/a.txt", "/a.txt?x=1", "//a.txt", "/./a.txt", "/dir/../a.txt", "/%61.txt", "/dir",
               "/dir?x=1", "/dir/", "/dir/index.html", "/dir/b%20c.txt", "/empty.txt", "/none", "/none/", "/a.txt/",
               "/a.txt/b", "/dir/none.txt", "/data.json", "/unknown.zzz", "/pipe", "/#{"n" * 300}", "/%2e%2e/a.txt",
               "/..", "/a.txt%00", "/dir%2Findex.html"]
    cases = %w[GET HEAD].product(targets).to_h do |method, target|
      [[method, target], ->(client) { client.request(method, target) }]
    end
    expect(differences(ours, theirs, cases)).to eq([])
  end

  it "takes no other methods, as nginx" do
    ours, theirs = both
    cases = %w[POST PUT DELETE].product(["/a.txt"]).to_h do |method, target|
      [[method, target], ->(client) { client.request(method, target, {}, "x") }]
    end
    expect(differences(ours, theirs, cases)).to eq([])
    expect(ours.request("POST", "/a.txt", {}, "x")["Allow"]).to eq("GET, HEAD")
  end

  it "differs on purpose" do
    ours, theirs = both
    told = lambda do |method, target, headers = {}|
      [ours, theirs].map { |client| client.request(method, target, headers).status }
    end
    # A name with a dot is hidden.
    expect(told.("GET", "/.hidden/a.txt")).to eq([404, 200])
    # A folder without an index is left to the next handler.
    expect(told.("GET", "/bare/")).to eq([404, 403])
    expect(told.("GET", "/bare")).to eq([404, 301])
    # Ranges are for GET alone (RFC 9110, section 14.2).
    expect(told.("HEAD", "/a.txt", { "Range" => "bytes=0-9" })).to eq([200, 206])
    # A request of two ranges that are one.
    expect(ours.get("/a.txt", "Range" => "bytes=0-9,5-14")["Content-Range"]).to eq("bytes 0-14/300")
  end
end
