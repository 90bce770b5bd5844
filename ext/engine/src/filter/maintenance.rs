//! `maintenance`: answers 503 while a file is there, but for clients that are let in.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use proxy_http::message::RequestHead;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tokio::time::MissedTickBehavior;

use super::Filtering;
use crate::client::ClientInfo;
use crate::compile::{Report, Word, TEN_YEARS};
use crate::compiler::Compiler;
use crate::config::At;
use crate::log::Log;
use crate::panics::enduring;
use crate::request::{Exchange, OwnAnswer, Verdict};
use crate::respond::{BypassCookie, Closure};
use crate::upstream::Dns;

/// Time between two looks for the file.
const PERIOD: Duration = Duration::from_secs(1);
/// Longest time that clients may be told to wait, in seconds: ten years.
const LONGEST: i64 = TEN_YEARS as i64;

/// `maintenance if_file: "tmp/maintenance.txt", page: "public/503.html", allow: ["10.0.0.0/8"]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct MaintenanceConfig {
    /// File that means maintenance while it is there. Default: none, so that it is always so.
    pub if_file: Option<String>,
    /// HTML file for clients that accept HTML. Default: a built-in page with the message.
    pub page: Option<String>,
    /// Text for clients. Default: a built-in sentence.
    pub message: Option<String>,
    /// Seconds after which clients are told to try again.
    pub retry_after: i64,
    /// Addresses and networks of clients that are let in; `unix:` for those of unix sockets.
    pub allow: Vec<String>,
    /// Cookie that lets its owner in: `NAME=VALUE`, or a value.
    pub bypass_cookie: Option<String>,
    /// File and line of the directive, if it comes from a file.
    pub at: Option<At>,
}

impl Default for MaintenanceConfig {
    fn default() -> Self {
        Self {
            if_file: None,
            page: None,
            message: None,
            retry_after: 60,
            allow: Vec::new(),
            bypass_cookie: None,
            at: None,
        }
    }
}

/// A `maintenance` directive, compiled.
#[derive(Debug)]
pub(crate) struct Maintenance {
    closure: Closure,
    /// `None`: it is always maintenance.
    file: Option<Arc<WatchedFile>>,
}

/// A file that is looked for in the background.
#[derive(Debug)]
struct WatchedFile {
    path: PathBuf,
    is_there: AtomicBool,
    started: OnceLock<()>,
}

impl Filtering for Maintenance {
    type Config = MaintenanceConfig;

    fn compile(config: &MaintenanceConfig, compiler: &mut Compiler) -> Option<Self> {
        let mut report = Report::new(Self::WORD, config.at.as_ref(), &mut compiler.problems);
        let page = config.page.as_ref().and_then(|path| report.within("page").file(path));
        let retry_after = report.within("retry_after").count(config.retry_after, 0..=LONGEST) as u64;
        let bypass = config.bypass_cookie.as_deref();
        let bypass = bypass.and_then(|cookie| report.within("bypass_cookie").ok(BypassCookie::parse(cookie)));
        // A browser gets the cookie by a path with the secret in its query.
        compiler.secrets.extend(bypass.as_ref().map(|cookie| Box::from(cookie.name())));
        let message = config.message.as_deref();
        let closure = Closure::new(message, page, retry_after, &config.allow, bypass, &mut report.within("allow"));
        report.is_sound().then(|| Self { closure, file: config.if_file.as_ref().map(|path| WatchedFile::new(path)) })
    }

    /// Begins to look for the file.
    fn start(&self, _: &Arc<Dns>, handle: &Handle, log: &Arc<Log>) {
        let Some(file) = &self.file else { return };
        // Inner locations have the filter too.
        if file.started.set(()).is_ok() {
            if file.is_there.load(Relaxed) {
                file.tell(log);
            }
            let (file, log) = (Arc::downgrade(file), Arc::clone(log));
            let told = Arc::clone(&log);
            let work = move || watch(file.clone(), Arc::clone(&told));
            handle.spawn(enduring("the look for a file of maintenance", log, work));
        }
    }

    fn foretell(&self, request: &RequestHead, client: &ClientInfo) -> Option<OwnAnswer> {
        let passes = !self.is_on() || self.closure.lets_in(client, &request.fields);
        (!passes).then(|| OwnAnswer::error(self.closure.response(), request))
    }

    async fn admit(&self, exchange: &mut Exchange<'_>) -> Option<Verdict> {
        if !self.is_on() {
            return None;
        }
        exchange.pass_closure(&self.closure).await
    }
}

impl Maintenance {
    fn is_on(&self) -> bool {
        self.file.as_ref().is_none_or(|file| file.is_there.load(Relaxed))
    }
}

impl WatchedFile {
    fn new(path: &str) -> Arc<Self> {
        let path = PathBuf::from(path);
        let is_there = AtomicBool::new(is_there(&path));
        Arc::new(Self { path, is_there, started: OnceLock::new() })
    }

    fn tell(&self, log: &Log) {
        let path = self.path.display();
        match self.is_there.load(Relaxed) {
            true => log.info(format_args!("maintenance begins: {path} is there")),
            false => log.info(format_args!("maintenance ends: {path} is gone")),
        }
    }
}

fn is_there(path: &Path) -> bool {
    std::fs::metadata(path).is_ok()
}

/// Looks for the file until the configuration is gone.
async fn watch(file: Weak<WatchedFile>, log: Arc<Log>) {
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(file) = file.upgrade() else { return };
        let path = file.path.clone();
        // A file system may take its time.
        let Ok(is_there) = tokio::task::spawn_blocking(move || is_there(&path)).await else { continue };
        if file.is_there.swap(is_there, Relaxed) != is_there {
            file.tell(&log);
        }
    }
}

#[cfg(test)]
mod tests;
