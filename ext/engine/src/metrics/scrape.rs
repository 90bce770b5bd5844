//! Questions for the figures as text. Engine threads ask, and a background task answers.

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use super::exposition::ExpositionForm;

/// Questions that wait for an answer, at most. All that wait get the same answer.
const MOST_WAITING: usize = 64;

/// One question.
#[derive(Debug)]
pub(crate) struct ScrapeQuestion {
    pub(crate) form: ExpositionForm,
    pub(crate) reply: oneshot::Sender<Bytes>,
}

/// Where questions come together.
#[derive(Debug)]
pub(crate) struct Scrapes {
    questions: mpsc::Sender<ScrapeQuestion>,
    /// For the task that answers.
    asked: Mutex<Option<mpsc::Receiver<ScrapeQuestion>>>,
}

impl Default for Scrapes {
    fn default() -> Self {
        let (questions, asked) = mpsc::channel(MOST_WAITING);
        Self { questions, asked: Mutex::new(Some(asked)) }
    }
}

impl Scrapes {
    /// The questions, for the one task that answers them. `None` if it was called before.
    pub(crate) fn take_questions(&self) -> Option<mpsc::Receiver<ScrapeQuestion>> {
        self.asked.lock().take()
    }

    /// The figures as text. `None` if too many wait for them already, or if the server ends.
    pub(crate) async fn ask(&self, form: ExpositionForm) -> Option<Bytes> {
        let (reply, answer) = oneshot::channel();
        self.questions.try_send(ScrapeQuestion { form, reply }).ok()?;
        answer.await.ok()
    }
}
