//! Files that a configuration names.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::OFlag;

/// The bytes of a file. Never blocks: a path that is not a file, such as a pipe without a writer, is an error.
pub(crate) fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    read_at_most(path, u64::MAX)
}

/// The bytes of a file that has no more than `most` of them. An error if it has.
pub(crate) fn read_at_most(path: impl AsRef<Path>, most: u64) -> io::Result<Vec<u8>> {
    let mut file = OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)?;
    let kind = file.metadata()?;
    if kind.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !kind.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    if kind.len() > most {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("it is larger than {most} bytes")));
    }
    let mut bytes = Vec::new();
    (&mut file).take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_file_is_not_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, pipe) = (folder.path().join("file"), folder.path().join("pipe"));
        std::fs::write(&file, "text").expect("written");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
        assert_eq!(read(&file).expect("read"), b"text");
        assert_eq!(read(&pipe).expect_err("a pipe").to_string(), "it is not a regular file");
        assert_eq!(read(folder.path()).expect_err("a folder").kind(), io::ErrorKind::IsADirectory);
        assert!(read("/dev/zero").is_err());
        assert_eq!(read_at_most(&file, 4).expect("read"), b"text");
        assert_eq!(read_at_most(&file, 3).expect_err("too large").to_string(), "it is larger than 3 bytes");
    }
}
