# frozen_string_literal: true

# A file system with one file whose opening and reading waits until standard input says "go". Needs root, and Linux.
#
#   ruby slow_files.rb FOLDER
#
# It prints "mounted" once it is there, or "forbidden", and then "open" and "read" for each time that the file is waited
# for.

require "fiddle"

# Speaks with the kernel as <linux/fuse.h> says.
class SlowFiles
  TEXT = "slow but sure\n"
  DIRECTORY = 0o040755
  FILE = 0o100644
  # Requests without an answer: FORGET, INTERRUPT, BATCH_FORGET.
  SILENT = [2, 36, 42].freeze
  ENOENT = 2
  ENOSYS = 38

  def initialize(folder)
    @device = File.open("/dev/fuse", "r+b")
    @held = []
    types = ([Fiddle::TYPE_VOIDP] * 3) + [Fiddle::TYPE_LONG, Fiddle::TYPE_VOIDP]
    mount = Fiddle::Function.new(Fiddle.dlopen(nil)["mount"], types, Fiddle::TYPE_INT)
    options = "fd=#{@device.fileno},rootmode=40000,user_id=0,group_id=0,allow_other"
    mount.call("slow", folder, "fuse", 0, options).zero? or raise SystemCallError.new("mount", Fiddle.last_error)
    tell "mounted"
  rescue SystemCallError => error
    tell "forbidden"
    abort error.message
  end

  def run
    loop do
      ready, = IO.select([@device, $stdin])
      if ready.include?($stdin)
        $stdin.gets or return
        @held.shift(@held.length).each { |unique, answer| send_answer(unique, answer) }
      else
        serve(@device.sysread(1 << 20))
      end
    end
  rescue Errno::ENODEV
    nil # It was unmounted.
  end

  private

  def serve(request)
    _, opcode, unique, node = request.unpack("LLQQ")
    body = request.byteslice(40..)
    return if SILENT.include?(opcode)

    case opcode
    when 14 then hold(node == 1 ? nil : "open", unique, [0, 0, 0].pack("QLL"))
    when 15 then hold("read", unique, read(*body.unpack("QQL")))
    else send_answer(unique, answer(opcode, node, body))
    end
  end

  def hold(name, unique, answer)
    @held << [unique, answer]
    tell name
  end

  # The answer to a request that is not held: its bytes, or the number of an error.
  def answer(opcode, node, body)
    case opcode
    when 1 then body.delete_suffix("\0") == "file" ? [2, 0, 60, 60, 0, 0].pack("QQQQLL") + attributes(2) : ENOENT
    when 3 then [60, 0, 0].pack("QLL") + attributes(node)
    when 17 then "\0" * 80
    when 18, 25, 29, 34 then ""
    when 26 then [7, 31, 0, 0, 0, 0, 65_536, 1, 0, 0, 0].pack("LLLLSSLLSSL") + "\0" * 28
    when 27 then [0, 0, 0].pack("QLL")
    else ENOSYS
    end
  end

  def attributes(node)
    mode, size = node == 1 ? [DIRECTORY, 0] : [FILE, TEXT.bytesize]
    [node, size, 1, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0].pack("QQQQQQLLLLLLLLLL")
  end

  def read(_handle, offset, size) = TEXT.byteslice(offset, size).to_s

  def send_answer(unique, answer)
    error, bytes = answer.is_a?(Integer) ? [-answer, ""] : [0, answer]
    @device.syswrite([16 + bytes.bytesize, error, unique].pack("LlQ") + bytes)
  end

  def tell(text)
    $stdout.puts text
    $stdout.flush
  end
end

SlowFiles.new(ARGV.fetch(0)).run if $PROGRAM_NAME == __FILE__
