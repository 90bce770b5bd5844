//! What an engine thread does beside the requests of its clients.

use std::cell::RefCell;
use std::collections::VecDeque;

use tokio::sync::Notify;

/// Jobs of an engine thread that wait to be begun. It has no limit: whoever adds jobs bounds their number.
#[derive(Debug)]
pub(crate) struct JobQueue<T> {
    jobs: RefCell<VecDeque<T>>,
    added: Notify,
}

impl<T> Default for JobQueue<T> {
    fn default() -> Self {
        Self { jobs: RefCell::default(), added: Notify::new() }
    }
}

impl<T> JobQueue<T> {
    /// Adds a job.
    pub(crate) fn push(&self, job: T) {
        self.jobs.borrow_mut().push_back(job);
        self.added.notify_one();
    }

    /// The next job, as soon as there is one.
    pub(crate) async fn next(&self) -> T {
        loop {
            let job = self.jobs.borrow_mut().pop_front();
            match job {
                Some(job) => return job,
                None => self.added.notified().await,
            }
        }
    }
}
