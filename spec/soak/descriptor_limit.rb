# frozen_string_literal: true

# A proxy of its own, whose limit of open files is lowered again and again to what idle connections use up. It has to
# go on accepting, without work in vain, and to say so once.
class DescriptorLimit
  include Peers

  # Descriptors that are left for clients, idle connections that are opened at once, and how often that is done.
  ROOM, IDLE, ROUNDS = 40, 20, 4
  # Share of a processor that is no work in vain: a thread that spins takes all of one.
  BUSY = 0.2
  # Seconds until a new client is answered, behind all that wait before it.
  PATIENCE = 15

  # What went wrong, in words; figures of each phase in words.
  attr_reader :failures, :figures

  def initialize
    @failures, @figures = [], []
  end

  # Goes through a phase at once, and then one every so many seconds, until `stop`.
  def start(every)
    prepare
    over, @over = IO.pipe
    @thread = Thread.new do
      loop do
        phase
        break if over.wait_readable(every)
      end
    end
    self
  end

  # Waits for the end of the phase.
  def stop
    @over.close
    @thread.join
  end

  # Ends the proxy in any case.
  def kill
    @thread&.kill
    stop_everything
  end

  private

  def prepare
    File.write("#{directory}/Proxyfile", "bind \"http://127.0.0.1:0\"\nstatic_response body: \"ok\"\n")
    @process = started(ChildProcess.new(RbConfig.ruby, "-I#{ProxyProcess::LIB}", ProxyProcess::EXE, "start",
                                        chdir: directory))
    @url = @process.await_output(%r{http://\S+})[0]
    @process.await_output(/Ctrl-C/)
    RawClient.request(@url, "GET", "/")
    @rest = descriptors
    @before = File.read("/proc/#{@process.pid}/limits")[/^Max open files\s+(\d+)/, 1]
  end

  def clock = Process.clock_gettime(Process::CLOCK_MONOTONIC)

  def descriptors = Dir.children("/proc/#{@process.pid}/fd").length

  # Seconds of processor time that the proxy has taken so far.
  def processor_time
    File.read("/proc/#{@process.pid}/stat").rpartition(")").last.split.values_at(11, 12).sum(&:to_f) / 100
  end

  def allow(number)
    system("prlimit", "--pid", @process.pid.to_s, "--nofile=#{number}:", exception: true)
  end

  def phase
    @process.output.clear
    allow(@rest + ROOM)
    begun, taken = clock, processor_time
    idle = Array.new(ROOM) { RawClient.connect(@url) }
    waited = Array.new(ROUNDS) { round(idle) }
    share = (processor_time - taken) / (clock - begun)
    idle.each(&:close)
    allow(@before)
    judge(waited, share)
  rescue StandardError => error
    fail_with("#{error.class}: #{error.message}")
  end

  # More idle connections than there is room for, and a request behind them. Returns the seconds until its answer.
  def round(idle)
    idle.concat(Array.new(IDLE) { RawClient.connect(@url) })
    begun = clock
    client = RawClient.connect(@url, limit: PATIENCE)
    status = client.get.status
    open = descriptors
    fail_with("only #{open - @rest} of #{ROOM} descriptors were in use") if open < @rest + ROOM - 4
    fail_with("status #{status}") unless status == 200
    clock - begun
  ensure
    client&.close
  end

  def judge(waited, share)
    number = @figures.length + 1
    fail_with("it spun: #{(share * 100).round} % of a processor") if share > BUSY
    fail_with("#{descriptors} descriptors stayed open, #{@rest} before") unless at_rest?
    memory = @process.memory / 1_048_576
    @memory ||= memory
    fail_with("#{memory} MB of memory, #{@memory} at first") if memory > (@memory * 1.3) + 10
    told = complaints
    fail_with("its log said so #{told} times") if told > 1 || (number == 1 && told.zero?)
    @figures << format("descriptor limit %<number>d: requests waited up to %<waited>.1f s, %<share>.1f %% of a " \
                       "processor, said %<told>d times, then %<open>d descriptors, %<memory>d MB",
                       number: number, waited: waited.max, share: share * 100, told: told, open: descriptors,
                       memory: memory)
    puts @figures.last
  end

  # Whether the proxy has no more descriptors open than at first, soon after its clients are gone.
  def at_rest?
    deadline = clock + 10
    sleep 0.05 until (few = descriptors <= @rest + 2) || clock > deadline
    few
  end

  # How often the log has said that nothing can be accepted, up to a reload, which is said behind it.
  def complaints
    @process.signal(:HUP)
    @process.await_output(/^Reloaded/)
    @process.output.scan("no connection can be accepted").length
  end

  def fail_with(why) = @failures << "descriptor limit #{@figures.length + 1}: #{why}"
end
