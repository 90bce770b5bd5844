//! Keeps the file of the state up to date: in the background, and one write for all changes that came meanwhile.

use std::fmt;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Notify;

use super::file::{self, NoState, StateLock};
use super::RuntimeState;
use crate::fork_safe::Mutex;
use crate::log::Log;
use crate::panics::enduring;

/// How often a proxy looks whether the one before has given the file back.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Where the state comes from when it is written.
type StateSource = Box<dyn Fn() -> RuntimeState + Send + Sync>;

/// Keeps the file of the state up to date.
pub(crate) struct StateKeeper {
    log: Arc<Log>,
    source: StateSource,
    place: Mutex<KeptPlace>,
    /// Whether there are changes that are not in the file.
    is_late: AtomicBool,
    /// Whether a file is to be written that another process holds.
    is_waiting: AtomicBool,
    wanted: Notify,
}

/// The file that is written now.
#[derive(Debug, Default)]
struct KeptPlace {
    path: Option<PathBuf>,
    lock: Option<StateLock>,
    /// Whether the log has a line about what keeps the state from being written.
    is_told: bool,
}

impl fmt::Debug for StateKeeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StateKeeper").field("is_late", &self.is_late).finish_non_exhaustive()
    }
}

impl StateKeeper {
    /// A keeper without a file.
    pub(crate) fn new(log: &Arc<Log>, source: impl Fn() -> RuntimeState + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            log: Arc::clone(log),
            source: Box::new(source),
            place: Mutex::default(),
            is_late: AtomicBool::new(false),
            is_waiting: AtomicBool::new(false),
            wanted: Notify::new(),
        })
    }

    /// Takes the file of a proxy that starts: what it says, if it says anything. One that cannot be understood is set
    /// aside. `succeeds`: the process before has it yet, which is no news.
    pub(crate) fn open(&self, path: &Path, succeeds: bool) -> Option<RuntimeState> {
        let mut place = self.place.lock();
        place.path = Some(path.to_owned());
        place.is_told = succeeds;
        self.take_lock(&mut place);
        match file::read(path) {
            Ok(state) => Some(state),
            Err(NoState::Missing) => None,
            Err(NoState::Failed(error)) => {
                self.log.warn(format_args!("state: {} cannot be read: {error}", path.display()));
                None
            }
            // The proxy that holds it has to find it where it is.
            Err(NoState::Foreign(why)) if place.lock.is_none() => {
                self.log.warn(format_args!("state: {} is not used: {why}", path.display()));
                None
            }
            Err(NoState::Foreign(why)) => {
                self.set_aside(path, &why);
                None
            }
        }
    }

    /// Writes another file from now on, or none. Without a change nothing happens.
    pub(crate) fn move_to(&self, path: Option<&Path>) {
        let mut place = self.place.lock();
        if place.path.as_deref() == path {
            return;
        }
        self.write(&mut place);
        *place = KeptPlace { path: path.map(Path::to_owned), ..KeptPlace::default() };
        if let Some(path) = path {
            self.take_lock(&mut place);
            match file::read(path) {
                Err(NoState::Foreign(why)) if place.lock.is_some() => self.set_aside(path, &why),
                _ => {}
            }
            drop(place);
            self.changed();
        }
    }

    fn set_aside(&self, path: &Path, why: &str) {
        let shown = path.display();
        match file::set_aside(path) {
            Ok(aside) => self.log.warn(format_args!(
                "state: {shown} is not used: {why}; it is {} now, and the proxy goes by its configuration alone",
                aside.display()
            )),
            Err(error) => {
                self.log.warn(format_args!("state: {shown} is not used: {why}; it cannot be set aside: {error}"));
            }
        }
    }

    /// Takes the lock of the file, unless another process has it.
    fn take_lock(&self, place: &mut KeptPlace) {
        let Some(path) = &place.path else { return };
        let taken = StateLock::take(path);
        self.is_waiting.store(matches!(taken, Ok(Err(_))), SeqCst);
        let is_told = std::mem::replace(&mut place.is_told, !matches!(taken, Ok(Ok(_))));
        match taken {
            Ok(Ok(lock)) => place.lock = Some(lock),
            Ok(Err(holder)) if !is_told => {
                let holder = holder.map_or_else(|| "another".to_owned(), |pid| format!("the process {pid}"));
                self.log.warn(format_args!(
                    "state: {} is kept by {holder}: changes at run time are kept here once that one has ended",
                    path.display()
                ));
            }
            Err(error) if !is_told => {
                self.log.warn(format_args!(
                    "state: {} cannot be written: {error}: changes at run time are forgotten by a restart",
                    path.display()
                ));
            }
            Ok(Err(_)) | Err(_) => {}
        }
    }

    /// Notes that something was changed. Never waits.
    pub(crate) fn changed(&self) {
        self.is_late.store(true, SeqCst);
        self.wanted.notify_one();
    }

    /// Writes the changes as they come, until the runtime ends.
    pub(crate) fn start(self: &Arc<Self>, background: &Handle) {
        let keeper = Arc::clone(self);
        let work = move || Arc::clone(&keeper).write_changes();
        background.spawn(enduring("the keeping of the state", Arc::clone(&self.log), work));
    }

    async fn write_changes(self: Arc<Self>) {
        loop {
            let look_again = async {
                match self.is_waiting.load(SeqCst) {
                    true => tokio::time::sleep(LOOK_AGAIN).await,
                    false => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.wanted.notified() => {}
                () = look_again => {}
            }
            let own = Arc::clone(&self);
            let written = tokio::task::spawn_blocking(move || own.write(&mut own.place.lock())).await;
            if let Some(panic) = written.err().and_then(|error| error.try_into_panic().ok()) {
                // Nothing of it may be in the file.
                self.changed();
                resume_unwind(panic);
            }
        }
    }

    /// Writes what is late, and lets another process have the file.
    pub(crate) fn close(&self) {
        let mut place = self.place.lock();
        self.write(&mut place);
        *place = KeptPlace::default();
        self.is_waiting.store(false, SeqCst);
    }

    fn write(&self, place: &mut KeptPlace) {
        if place.lock.is_none() {
            self.take_lock(place);
        }
        let (Some(path), Some(_)) = (&place.path, &place.lock) else { return };
        if !self.is_late.swap(false, SeqCst) {
            return;
        }
        match file::write(path, &(self.source)()) {
            Ok(()) if place.is_told => {
                place.is_told = false;
                self.log.info(format_args!("state: {} is written again", path.display()));
            }
            Ok(()) => {}
            Err(error) => {
                // With the next change it is tried again.
                self.is_late.store(true, SeqCst);
                if !std::mem::replace(&mut place.is_told, true) {
                    let path = path.display();
                    self.log
                        .error(format_args!("state: {path} cannot be written, the next change tries again: {error}"));
                }
            }
        }
    }
}
