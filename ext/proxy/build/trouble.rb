# frozen_string_literal: true

module ProxyBuild
  # Explains Cargo's error messages to a user who installs the gem.
  module Trouble
    UNKNOWN = "proxy: Cargo could not build the extension. What it said is above."

    KINDS = {
      /Unable to find libclang|couldn't find any valid shared libraries matching.*libclang/m =>
        "proxy: libclang is missing, which reads Ruby's headers. Get it:\n" \
        "  apt-get install libclang-dev      (Debian, Ubuntu)\n" \
        "  apk add clang-dev                 (Alpine)\n" \
        "  dnf install clang-devel           (Fedora)\n" \
        "and install the gem again. If it is in a place of its own, set LIBCLANG_PATH to that folder.",
      /Could not resolve host|Couldn't connect|failed to (download|fetch|get)|network failure|spurious network error|Unable to update registry|no matching package.*offline/m =>
        "proxy: crates.io cannot be reached, from where Cargo gets what the gem is made of. Connect this machine to " \
        "the network, or set " \
        "https_proxy=http://PROXY:PORT, and install the gem again.",
      /No space left on device/ =>
        "proxy: the disk is full: the build takes about 1 GB for a while.",
      /linker `?\S+`? not found|linking with `cc` failed: .*No such file/m =>
        "proxy: a linker is missing. Get a C compiler, which has one:\n  apt-get install gcc libc6-dev",
      /signal: 9, SIGKILL/ =>
        "proxy: the system ended the compiler, as it does when memory runs out: the build takes about 2 GB.",
      /requires rustc (\S+) or newer/ =>
        "proxy: Rust is too old. Run: rustup update stable"
    }.freeze

    # Advice for Cargo's output, or nil.
    def self.explain(said) = KINDS.find { |pattern, _| said.match?(pattern) }&.last
  end
end
