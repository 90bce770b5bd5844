//! Files without a name, for bytes that do not fit into memory. Such a file is gone with the process, however that
//! ends.
//!
//! A disk may be slow. So files are made, written and read by threads that may block, one block at a time, and never by
//! an engine thread.

use std::fs::File;
use std::future::Future;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::disk_threads::{DiskJob, DiskThreads};

/// Bytes that are written or read at once.
pub(crate) const BLOCK: usize = 128 * 1024;

/// The folder for unnamed files if none is configured: that of `TMPDIR`, else `/var/tmp`. `/tmp` is in memory on many
/// systems.
pub(crate) fn usual_folder() -> PathBuf {
    let named = std::env::var_os("TMPDIR").filter(|named| !named.is_empty()).map(PathBuf::from);
    let usual = || Some(PathBuf::from("/var/tmp")).filter(|folder| folder.is_dir());
    named.or_else(usual).unwrap_or_else(std::env::temp_dir)
}

/// Work on an unnamed file, on a thread that may block. Once it has begun it ends by itself, even if the job is
/// dropped.
#[derive(Debug)]
pub(crate) struct FileJob(DiskJob<FileDone>);

/// A job that has ended.
#[derive(Debug)]
pub(crate) struct FileDone {
    /// The bytes that were to be written, or the bytes that were read.
    pub(crate) block: Vec<u8>,
    /// The file, or why the job failed.
    pub(crate) file: io::Result<Arc<File>>,
}

impl FileJob {
    /// Writes `block` at `offset`. Without a `file` one is made in `folder`.
    pub(crate) fn write(
        threads: &DiskThreads,
        folder: &Arc<Path>,
        file: Option<&Arc<File>>,
        block: Vec<u8>,
        offset: u64,
    ) -> Self {
        let (folder, file) = (Arc::clone(folder), file.cloned());
        Self(threads.run(move || {
            let file = match file {
                Some(file) => Ok(file),
                None => tempfile::tempfile_in(&folder).map(Arc::new),
            };
            let file = file.and_then(|file| file.write_all_at(&block, offset).map(|()| file));
            Ok(FileDone { block, file })
        }))
    }

    /// Reads `n` bytes at `offset`.
    pub(crate) fn read(threads: &DiskThreads, file: &Arc<File>, n: usize, offset: u64) -> Self {
        let file = Arc::clone(file);
        Self(threads.run(move || {
            let mut block = vec![0; n];
            let read = file.read_exact_at(&mut block, offset);
            Ok(FileDone { block, file: read.map(|()| file) })
        }))
    }

    /// Ready once the job has ended. An error if its bytes are lost, since the thread has ended.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<FileDone>> {
        Pin::new(&mut self.0).poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test]
    async fn a_file_keeps_bytes_and_has_no_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = Arc::from(folder.path());
        let mut job = FileJob::write(&DiskThreads::default(), &path, None, b"hello".to_vec(), 0);
        let file = poll_fn(|cx| job.poll(cx)).await.expect("a thread").file.expect("written");
        let mut job = FileJob::write(&DiskThreads::default(), &path, Some(&file), b" again".to_vec(), 5);
        poll_fn(|cx| job.poll(cx)).await.expect("a thread").file.expect("written");
        assert_eq!(std::fs::read_dir(&path).expect("a folder").count(), 0, "nothing is to be seen");
        let mut job = FileJob::read(&DiskThreads::default(), &file, 8, 3);
        let done = poll_fn(|cx| job.poll(cx)).await.expect("a thread");
        assert_eq!((done.file.is_ok(), &done.block[..]), (true, &b"lo again"[..]));
    }

    #[tokio::test]
    async fn what_could_not_be_written_comes_back() {
        let path: Arc<Path> = Arc::from(Path::new("/nowhere/at/all"));
        let mut job = FileJob::write(&DiskThreads::default(), &path, None, b"hello".to_vec(), 0);
        let done = poll_fn(|cx| job.poll(cx)).await.expect("a thread");
        assert_eq!(done.file.expect_err("no such folder").kind(), io::ErrorKind::NotFound);
        assert_eq!(done.block, b"hello");
    }
}
