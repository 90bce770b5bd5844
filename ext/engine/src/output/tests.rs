use std::os::unix::net::UnixStream;

use super::*;

#[test]
fn a_write_to_a_broken_pipe_is_an_error_and_no_signal() {
    std::thread::spawn(|| {
        block_sigpipe();
        let (reader, writer) = nix::unistd::pipe().expect("a pipe");
        drop(reader);
        // The test process ignores the signal, like every Rust program. The test is that this thread blocks it.
        assert_eq!(nix::unistd::write(&writer, b"x"), Err(Errno::EPIPE));
        assert!(SigSet::thread_get_mask().expect("a mask").contains(Signal::SIGPIPE));
        std::thread::spawn(|| assert!(SigSet::thread_get_mask().expect("a mask").contains(Signal::SIGPIPE)))
            .join()
            .expect("inherited");
    })
    .join()
    .expect("a thread");
}

#[test]
fn standard_descriptors_that_are_open_stay_what_they_are() {
    let before = std::fs::read_link("/proc/self/fd/1").ok();
    open_standard_descriptors();
    assert_eq!(std::fs::read_link("/proc/self/fd/1").ok(), before);
    let (one, _other) = UnixStream::pair().expect("a pair");
    assert!(one.into_raw_fd() > 2);
}
