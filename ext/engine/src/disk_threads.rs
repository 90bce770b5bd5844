//! Threads that wait for a disk in place of an engine thread.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// Threads that wait for one disk at once. One that does not answer must leave the others some of the threads that an
/// engine thread has for all its work of this kind, which are 512.
const MOST: usize = 32;

/// The threads that may wait for the disk of a folder, on all engine threads together. Further work waits until one of
/// them is free, and is dropped with the request that it is for.
#[derive(Debug, Clone)]
pub(crate) struct DiskThreads(Arc<Semaphore>);

impl Default for DiskThreads {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MOST)))
    }
}

impl DiskThreads {
    /// Does `work` on one of the threads. Once it has begun it goes on even if the job is dropped.
    pub(crate) fn run<T: Send + 'static>(&self, work: impl FnOnce() -> io::Result<T> + Send + 'static) -> DiskJob<T> {
        let threads = Arc::clone(&self.0);
        DiskJob(Box::pin(async move {
            let place = threads.acquire_owned().await.map_err(io::Error::other)?;
            let job = spawn_blocking(move || {
                let _place = place;
                work()
            });
            job.await.map_err(io::Error::other)?
        }))
    }
}

/// Work that waits for a disk.
pub(crate) struct DiskJob<T>(Pin<Box<dyn Future<Output = io::Result<T>> + Send>>);

impl<T> Future for DiskJob<T> {
    type Output = io::Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        self.0.as_mut().poll(cx)
    }
}

impl<T> fmt::Debug for DiskJob<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DiskJob")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn a_disk_that_does_not_answer_holds_so_many_threads() {
        let threads = DiskThreads::default();
        let (begun, begins) = mpsc::channel();
        let (answers, answered) = mpsc::channel::<()>();
        let answered = Arc::new(parking_lot::Mutex::new(answered));
        let mut jobs: Vec<_> = (0..100)
            .map(|number| {
                let (begun, answered) = (begun.clone(), Arc::clone(&answered));
                let mut job = threads.run(move || {
                    begun.send(number).expect("the test waits");
                    let _ = answered.lock().recv();
                    Ok(number)
                });
                assert!(Pin::new(&mut job).poll(&mut Context::from_waker(std::task::Waker::noop())).is_pending());
                job
            })
            .collect();
        assert_eq!(tokio::task::spawn_blocking(|| "free").await.expect("others have threads"), "free");
        let first: Vec<_> = (0..MOST).map(|_| begins.recv().expect("one")).collect();
        assert!(first.iter().all(|number| *number < MOST) && begins.try_recv().is_err());

        // The clients of all but the last have gone.
        let last = jobs.pop().expect("the last");
        drop(jobs);
        drop(answers);
        assert_eq!(last.await.expect("it is its turn"), 99);
        assert_eq!(begins.try_iter().collect::<Vec<_>>(), [99]);
    }
}
