# frozen_string_literal: true

require "support/hand_over"

RSpec.describe "the disk of a cache" do
  let(:folder) { "#{directory}/stored" }

  # Sizes of objects, by number.
  sizes = [10, 4_000, 30_000, 200_000, 1_300_000]
  let(:body) { ->(number) { Random.new(number).bytes(sizes[number % sizes.length]) } }

  # A Puma whose pages have these bodies, a tag and an ETag.
  let(:backend) do
    File.write("#{directory}/config.ru", <<~RUBY)
      sizes = #{sizes}
      run(lambda do |env|
        number = env["PATH_INFO"].delete("^0-9").to_i
        body = Random.new(number).bytes(sizes[number % sizes.length])
        fields = { "content-type" => "application/octet-stream", "cache-control" => "public, max-age=600",
                   "etag" => %("\#{number}"), "surrogate-key" => "all page-\#{number}" }
        [200, fields, [body]]
      end)
    RUBY
    start_puma("#{directory}/config.ru")
  end

  def lines(size: 200_000_000, path: folder)
    <<~RUBY
      cache memory: 4_000_000, disk: { path: #{path.inspect}, size: #{size} }
      cache
      proxy to: "http://#{backend.address}"
    RUBY
  end

  # In this process.
  def start(path: folder, size: 200_000_000, to: backend.address)
    start_proxy do
      cache memory: 4_000_000, disk: { path: path, size: size }
      cache
      proxy to: "http://#{to}"
    end
  end

  def files = Dir.glob("#{folder}/**/*").select { |path| File.file?(path) && !path.include?("/writing/") }

  def space = Dir.glob("#{folder}/**/*").sum { |path| File.file?(path) ? File.size(path) : 0 }

  def hit?(response) = response["Cache-Status"].start_with?("proxy; hit")

  # Waits until `count` objects are on the disk.
  def written(count) = eventually(limit: 10) { expect(files.length).to eq(count) }

  it "answers after a restart, small and large objects, whole and in part" do
    first = start
    numbers = (0..9).to_a
    numbers.each { |number| expect(first.get("/#{number}").body).to eq(body[number]) }
    first.stop
    second = start
    backend.stop
    numbers.each do |number|
      2.times do
        answer = second.get("/#{number}")
        expect([answer.body == body[number], hit?(answer)]).to eq([true, true]), number.to_s
      end
    end
    large = body[4]
    part = second.get("/4", "Range" => "bytes=1000000-1000099")
    expect([part.status, part.body, part["Content-Range"]])
      .to eq([206, large[1_000_000, 100], "bytes 1000000-1000099/1300000"])
    expect(second.get("/4", "If-None-Match" => '"4"').status).to eq(304)
    head = second.request("HEAD", "/4")
    expect([head.status, head["Content-Length"]]).to eq([200, "1300000"])
    expect(second.get("/4", "Range" => "bytes=1300000-").status).to eq(416)
    expect(File.stat(folder).mode & 0o777).to eq(0o700)
    expect(files.map { |path| File.stat(path).mode & 0o777 }.uniq).to eq([0o600])
  end

  it "takes a large body in while its client is slow, with its length or in chunks" do
    large = Random.new(5).bytes(20_000_000)
    origin = start_backend do |peer|
      request = peer.read_request
      fields = { "Cache-Control" => "max-age=60", "Connection" => "close" }
      next peer.answer(large, fields) if request.target == "/length"

      peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nCache-Control: max-age=60\r\n\r\n")
      200.times { |number| peer.write("186a0\r\n#{large.byteslice(number * 100_000, 100_000)}\r\n") }
      peer.write("0\r\n\r\n")
    end
    proxy = start(to: origin.address)
    # One after the other: more than 32 MiB that wait for the disk would not be stored.
    slow = %w[/length /chunks].each_with_index.map do |target, before|
      proxy.connect.tap { |client| client.send_request("GET", target) }.tap { written(before + 1) }
    end
    origin.stop
    expect(%w[/length /chunks].map { |target| proxy.get(target).body == large }).to eq([true, true])
    expect(slow.map { |client| client.read_response.body == large }).to eq([true, true])
  end

  it "never answers with a wrong byte after kills in the middle of writing, and keeps its size" do
    size = 30_000_000
    hits = 0
    random = Random.new(1)
    5.times do |round|
      proxy = start_proxy_process(lines(size: size))
      done = Queue.new
      numbers = (0...200).to_a.shuffle(random: random)
      threads = Array.new(8) do |part|
        Thread.new do
          numbers.each_slice(8).filter_map { |slice| slice[part] }.each do |number|
            answer = proxy.get("/#{number}")
            done << [number, answer.status, answer.body == body[number], hit?(answer)]
          end
        rescue SystemCallError, IOError, Wire::CutShort
          nil
        end
      end
      results = Array.new(40 + (random.rand(100) * (round < 4 ? 1 : 0))) { done.pop }
      proxy.process.signal(:KILL)
      threads.each(&:join)
      results << done.pop until done.empty?
      expect(results.reject { |_, status, same, _| status == 200 && same }).to eq([]), round.to_s
      hits += results.count { |*, hit| hit }
    end
    proxy = start_proxy_process(lines(size: size))
    200.times do |number|
      answer = proxy.get("/#{number}")
      expect(answer.body == body[number]).to be(true), number.to_s
      hits += 1 if hit?(answer)
    end
    expect(hits).to be > 50
    eventually(limit: 10) { expect(space).to be <= size }
    expect(space).to be > size / 4
    expect(Dir.children("#{folder}/writing").grep(/lock/).length).to eq(1), "what was being written is removed"
  end

  it "removes files that are damaged, and asks again" do
    start.then do |proxy|
      40.times { |number| proxy.get("/#{number}") }
      proxy.stop
    end
    written(40)
    files.each_with_index do |path, number|
      length = File.size(path)
      case number % 4
      when 0 then File.truncate(path, length / 2)
      when 1 then File.open(path, "r+") { |file| file.seek(length - 3) && file.write("???") }
      when 2 then File.write(path, "garbage")
      end
    end
    File.write("#{folder}/notes.txt", "not of the cache")
    proxy = start
    answers = Array.new(40) { |number| [number, proxy.get("/#{number}")] }
    expect(answers.reject { |number, answer| answer.body == body[number] }).to eq([])
    expect(answers.count { |_, answer| hit?(answer) }).to eq(10)
    expect(File.read("#{folder}/notes.txt")).to eq("not of the cache")
  end

  it "purges what an earlier process has written, by tag and by URL" do
    start.then do |proxy|
      10.times { |number| proxy.get("/#{number}") }
      proxy.stop
    end
    written(10)
    server = start.server
    expect(server.purge(tag: "page-4", hard: true)).to eq(1)
    expect(server.purge("/5", hard: true)).to eq(1)
    expect(server.purge("http://example.test/3")).to eq(1)
    expect(server.purge("http://example.test/none")).to eq(0)
    expect(files.length).to eq(8)
    server.stop(timeout: 0)
    proxy = start
    states = [3, 4, 5, 6].map { |number| proxy.get("/#{number}")["Cache-Status"][/hit|stale|uri-miss/] }
    expect(states).to eq(%w[stale uri-miss uri-miss hit])
    expect(proxy.server.purge(tag: "all", hard: true)).to eq(10)
    expect(files).to eq([])
  end

  it "keeps what a 304 says, and forgets what a POST has changed" do
    answers = ["HTTP/1.1 200 OK\r\nContent-Length: 3\r\nETag: \"a\"\r\nCache-Control: max-age=60\r\nAge: 70\r\n\r\nold",
               "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nCache-Control: max-age=600\r\n\r\n",
               "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
               "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nCache-Control: max-age=600\r\n\r\nnew"]
    origin = start_backend do |peer|
      while peer.read_request
        peer.write(answers.shift)
      end
    end
    proxy = start(to: origin.address)
    expect(Array.new(2) { proxy.get("/").body }).to eq(%w[old old])
    proxy.stop
    proxy = start(to: origin.address)
    expect([proxy.get("/").body, answers.length]).to eq(["old", 2]), "fresh since the 304"
    proxy.post("/")
    written(0)
    proxy.stop
    expect(start(to: origin.address).get("/").body).to eq("new")
  end

  it "takes another size and another folder by a reload" do
    path, others, address = folder, "#{directory}/others", backend.address
    with = lambda do |place, size|
      lambda do
        cache memory: 1_048_576, disk: { path: place, size: size }
        cache
        proxy to: "http://#{address}"
      end
    end
    proxy = start_proxy(&with.call(path, 100_000_000))
    20.times { |number| proxy.get("/#{number}") }
    written(20)
    proxy.server.reload(&with.call(path, 2_000_000))
    eventually(limit: 10) { expect(space).to be_between(1, 2_000_000) }
    proxy.server.reload(&with.call(others, 100_000_000))
    left = files
    expect(proxy.get("/4").body == body[4]).to be(true)
    eventually { expect(Dir.glob("#{others}/?/??/*").length).to eq(1) }
    expect(files).to eq(left)
  end

  it "serves on when the disk is full, and says it once", if: Process.uid.zero? do
    Dir.mkdir(folder)
    skip "no file system can be mounted" unless system("mount", "-t", "tmpfs", "-o", "size=3m", "none", folder)
    proxy = start_proxy_process(lines)
    2.times do
      60.times { |number| expect(proxy.get("/#{number}").body == body[number]).to be(true), number.to_s }
    end
    said = proxy.process.await_output(/^.*nothing is stored there for now$/)[0]
    expect(said).to include("No space left on device")
    expect(proxy.process.output.scan("nothing is stored there").length).to eq(1)
    expect(Array.new(2) { hit?(proxy.get("/0")) }.last).to be(true), "what fits into memory is stored"
  ensure
    system("umount", "--lazy", folder, err: File::NULL)
  end

  it "makes nobody wait for a disk that stands still", if: Process.uid.zero? do
    image = "#{directory}/image"
    Dir.mkdir(folder)
    File.write(image, "")
    File.truncate(image, 128 * 1024 * 1024)
    mounted = system("mkfs.ext4", "-q", image) && system("mount", "-o", "loop", image, folder)
    skip "no file system can be mounted" unless mounted
    proxy = start
    proxy.get("/1")
    written(1)
    skip "it cannot be frozen" unless system("fsfreeze", "--freeze", folder)
    # More than may wait to be written.
    150.times { |number| expect(proxy.get("/#{number}").body == body[number]).to be(true), number.to_s }
    expect([hit?(proxy.get("/145")), files.length]).to eq([true, 1])
    system("fsfreeze", "--unfreeze", folder)
    eventually(limit: 20) { expect(files.length).to be > 50 }
    expect(proxy.get("/4").body == body[4]).to be(true)
  ensure
    system("fsfreeze", "--unfreeze", folder, err: File::NULL)
    system("umount", "--lazy", folder, err: File::NULL)
  end

  describe "while another process takes over" do
    include HandOver

    it "is used by both" do
      path = "#{directory}/stored"
      cached = "cache memory: 4_000_000, disk: { path: #{path.inspect}, size: 200_000_000 }\ncache\n"
      start("#{cached}proxy to: 'http://#{backend.address}'")
      get("/1")
      get("/4")
      eventually { expect(Dir.glob("#{path}/?/??/*").length).to eq(2) }
      hand_over
      expect([1, 4, 9].map { |number| get("/#{number}")["Cache-Status"][/hit|uri-miss/] }).to eq(%w[hit hit uri-miss])
      expect(first_status).to eq(0)
      expect([1, 4, 9].map { |number| get("/#{number}").body == body[number] }).to eq([true] * 3)
    end
  end

  it "says what is wrong" do
    File.write("#{directory}/file", "")
    said = ->(&lines) { Proxy.check(&lines).map { |problem| problem.message.to_s } }
    path = folder
    expect(said.call { cache disk: { path: path } }).to include(/size/)
    expect(said.call { cache disk: { path: path, size: 1 } }).to include(/size/)
    expect(said.call { cache disk: { path: "#{path}/../file", size: 2_000_000 } }).to include(/files cannot be kept in/)
    expect(said.call { cache disk: { path: path, size: 4_000_000, max_object: 2_000_000 } }).to include(/quarter of size/)
    expect(said.call { location("/a") { cache disk: { path: path, size: 2_000_000 } } }).to include(/outside of every location/)
    two = said.call do
      cache "a", disk: { path: path, size: 2_000_000 }
      cache "b", disk: { path: path, size: 2_000_000 }
      cache "c", disk: { path: "#{path}/c", size: 2_000_000 }
    end
    expect(two).to include(/the cache "a" has .* already/, /one inside of the other/)
    expect(File.exist?(path)).to be(false), "a check makes nothing"
  end
end
