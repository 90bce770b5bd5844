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

/// Takes so many bytes and no more.
struct Bounded {
    taken: Vec<u8>,
    room: usize,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = bytes.len().min(self.room).min(4);
        if length == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.room -= length;
        self.taken.extend_from_slice(&bytes[..length]);
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_line_that_a_full_disk_has_cut_off_is_not_continued_by_another_one() {
    for (room, lost, text) in [
        (0, 3, "next\n"),
        (3, 2, "aa\nnext\n"),
        (5, 2, "aa\nbb\nnext\n"),
        (6, 1, "aa\nbb\nnext\n"),
        (8, 1, "aa\nbb\ncc\nnext\n"),
        (9, 0, "aa\nbb\ncc\nnext\n"),
    ] {
        let (mut writer, mut disk) = (LineWriter::default(), Bounded { taken: Vec::new(), room });
        let result = writer.write(&mut disk, b"aa\nbb\ncc\n");
        assert_eq!(result.map_or_else(|lost| lost.count, |()| 0), lost, "{room}");
        if lost > 0 {
            assert_eq!(writer.write(&mut disk, b"x\n").expect_err("still full").count, 1);
        }
        disk.room = 100;
        writer.write(&mut disk, b"next\n").expect("room");
        assert_eq!(String::from_utf8_lossy(&disk.taken), text, "{room}");
    }
}

#[test]
fn standard_descriptors_that_are_open_stay_what_they_are() {
    let before = std::fs::read_link("/proc/self/fd/1").ok();
    open_standard_descriptors();
    assert_eq!(std::fs::read_link("/proc/self/fd/1").ok(), before);
    let (one, _other) = UnixStream::pair().expect("a pair");
    assert!(one.into_raw_fd() > 2);
}
