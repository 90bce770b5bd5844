//! Files that a backend names in place of a body: `X-Sendfile` and `X-Accel-Redirect`.
//!
//! The backend's own body is dropped, its connection is free at once, and the client gets the file. A path must lead to
//! a place inside of a folder that the configuration names.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use proxy_http::headers::framing::is_bodyless;
use proxy_http::hex;
use proxy_http::message::{Fields, Known, RequestHead, Target};

use super::Proxy;
use crate::channel::Channel;
use crate::compile::Report;
use crate::disk::{is_absence, leads_out, AtName, Links, OpenFile, ServedFolder};
use crate::disk_threads::DiskThreads;
use crate::error::EndReason;
use crate::file_response::{append_validators, media_type};
use crate::relay::{self, RequestBody};
use crate::request::{Exchange, Verdict, Workspace};
use crate::respond;
use crate::routing::pattern::is_at_or_below;
use crate::routing::plain_prefix;
use crate::upstream::Keep;

/// Bytes of the backend's own body that are read, so that its connection can be used again.
const BODY: u64 = 64 * 1024;
/// Longest time in which they are read.
const BODY_TIME: Duration = Duration::from_millis(500);

/// The folders whose files a backend may name.
#[derive(Debug)]
pub(super) struct NamedFiles {
    roots: Arc<[Root]>,
    /// The threads on which files are opened.
    threads: DiskThreads,
    /// Lines that tell a backend how to name them.
    told: Vec<(&'static str, Vec<u8>)>,
}

#[derive(Debug)]
struct Root {
    folder: ServedFolder,
    /// The URI below which `X-Accel-Redirect` names files of the folder.
    uri: Option<Box<[u8]>>,
}

/// A name, as a backend writes it.
#[derive(Debug, PartialEq, Eq)]
enum Named {
    /// An absolute path.
    Path(Vec<u8>),
    /// A path below the `uri` of a root, and the number of that root.
    Below(usize, Vec<u8>),
    /// Nothing that may be served.
    Outside,
}

impl Named {
    /// Type of the file, by the ending of its name.
    fn media_type(&self) -> &'static str {
        match self {
            Self::Path(name) | Self::Below(_, name) => media_type(name),
            Self::Outside => media_type(b""),
        }
    }
}

impl NamedFiles {
    /// Checks `x_sendfile`. `None` if it is not written.
    pub(super) fn compile(written: &[(Option<String>, String)], report: &mut Report<'_>) -> Option<Self> {
        let mut roots = Vec::with_capacity(written.len());
        for (uri, path) in written {
            let uri = uri.as_ref().map(|uri| {
                if !uri.starts_with('/') || uri.contains(['%', '?', '#', '*', ',', '=']) {
                    report.error(format!("{uri:?} is no path of a URI: write one such as \"/files\""));
                }
                plain_prefix(uri)
            });
            if uri.is_some() && path.contains([',', '=']) {
                report.error(format!("{path:?} cannot be told to a backend: write a path without , and ="));
            }
            match ServedFolder::new(Path::new(path), Links::Inside) {
                Ok(folder) => roots.push(Root { folder, uri }),
                Err(error) => {
                    report.error(format!("cannot open {path} ({error}): write the path of a folder"));
                }
            }
        }
        (!roots.is_empty()).then(|| Self { told: told(&roots), roots: roots.into(), threads: DiskThreads::default() })
    }

    /// Tells a backend how to name files.
    pub(super) fn tell(&self, request: &mut RequestHead) {
        for (name, value) in &self.told {
            request.fields.append(*name, value);
        }
    }
}

/// The fields that tell a backend how to name files. They take the place of those that a client sends, which are never
/// passed on.
fn told(roots: &[Root]) -> Vec<(&'static str, Vec<u8>)> {
    let pairs: Vec<_> = roots.iter().filter_map(|root| Some((root.folder.path(), root.uri.as_ref()?))).collect();
    if pairs.is_empty() {
        return vec![("X-Sendfile-Type", b"X-Sendfile".to_vec())];
    }
    let mut mapping = Vec::new();
    for (path, uri) in pairs {
        if !mapping.is_empty() {
            mapping.extend_from_slice(b", ");
        }
        let path = path.as_os_str().as_bytes();
        let uri = uri.strip_suffix(b"/").unwrap_or(&uri[..]);
        mapping.extend_from_slice(&[path.strip_suffix(b"/").unwrap_or(path), b"/=", uri, b"/"].concat());
    }
    vec![("X-Sendfile-Type", b"X-Accel-Redirect".to_vec()), ("X-Accel-Mapping", mapping)]
}

/// Whether the response of a backend names a file. A quick test.
#[inline]
pub(super) fn names_file(fields: &Fields) -> bool {
    !(fields.lacks(Known::XSendfile) && fields.lacks(Known::XAccelRedirect))
}

/// What a response names.
fn named(fields: &Fields, roots: &[Root]) -> Named {
    if let Some(path) = fields.get(Known::XSendfile) {
        return Named::Path(path.to_vec());
    }
    let uri = escaped(fields.get(Known::XAccelRedirect).unwrap_or_default());
    let Ok(target) = Target::parse(&uri, false) else { return Named::Outside };
    let path = target.plain.as_deref().or(target.resolved.as_deref()).unwrap_or(target.path);
    let below = |(number, root): (usize, &Root)| {
        let uri = root.uri.as_deref()?;
        is_at_or_below(path, uri).then(|| (number, &path[uri.len()..]))
    };
    // The longest of several that fit is meant.
    match roots.iter().enumerate().filter_map(below).min_by_key(|(_, rest)| rest.len()) {
        Some((number, rest)) => Named::Below(number, rest.to_vec()),
        // Rack::Sendfile names a file by its path if it knows no URI for that, as below the real path of a folder that
        // was written with a link.
        None if roots.iter().any(|root| root.uri.is_some()) => Named::Path(path.to_vec()),
        None => Named::Outside,
    }
}

/// A URI whose spaces and letters beyond ASCII are escaped: nginx takes them as they are, too.
fn escaped(uri: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(uri.len());
    for byte in uri {
        match byte {
            b' ' | b'"' | b'<' | b'>' | b'^' | b'`' | b'{'..=b'}' | 0x80.. => {
                escaped.extend_from_slice(&hex::percent(*byte))
            }
            byte => escaped.push(*byte),
        }
    }
    escaped
}

/// Opens the named file. Unless `may_wait`, this fails with `WouldBlock` if the answer is not in memory. `None`: it is
/// in none of the folders, or a link leads out of one.
fn open(roots: &[Root], named: &Named, may_wait: bool) -> io::Result<Option<AtName>> {
    match find(roots, named, may_wait) {
        Err(error) if leads_out(&error) => Ok(None),
        found => found,
    }
}

fn find(roots: &[Root], named: &Named, may_wait: bool) -> io::Result<Option<AtName>> {
    let is_plain =
        |path: &Path| path.components().all(|part| matches!(part, Component::Normal(_) | Component::RootDir));
    let path = match named {
        Named::Outside => return Ok(None),
        Named::Below(number, rest) => {
            let rest = Path::new(OsStr::from_bytes(rest));
            let rest = rest.strip_prefix("/").unwrap_or(rest);
            return match roots.get(*number).filter(|_| is_plain(rest)) {
                Some(root) => root.folder.open(rest.as_os_str().as_bytes(), may_wait).map(Some),
                None => Ok(None),
            };
        }
        Named::Path(path) => Path::new(OsStr::from_bytes(path)),
    };
    if !path.is_absolute() || !is_plain(path) {
        return Ok(None);
    }
    for root in roots {
        if let Ok(rest) = path.strip_prefix(root.folder.path()) {
            return root.folder.open(rest.as_os_str().as_bytes(), may_wait).map(Some);
        }
    }
    if !may_wait {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    // A deployment may call one folder by two names: the current release, and that release.
    let real = roots.iter().filter_map(|root| Some((root, root.folder.path().canonicalize().ok()?)));
    let real: Vec<_> = real.collect();
    let found =
        |path: &Path| real.iter().find_map(|(root, real)| Some((*root, path.strip_prefix(real).ok()?.to_owned())));
    match path.canonicalize() {
        Ok(path) => match found(&path) {
            Some((root, rest)) => root.folder.open(rest.as_os_str().as_bytes(), may_wait).map(Some),
            None => Ok(None),
        },
        Err(error) => {
            // The folder that it would be in tells whether a file that is not there belongs to a root.
            let folder = path.ancestors().skip(1).find_map(|folder| folder.canonicalize().ok());
            folder.and_then(|folder| found(&folder)).map_or(Ok(None), |_| Err(error))
        }
    }
}

impl Proxy {
    /// Answers with the file that the response in `work.response` names, if it names one that may be served. `None`:
    /// the response is passed on, without the name.
    pub(super) async fn send_named(
        &self,
        exchange: &mut Exchange<'_>,
        answered: &mut Option<Channel>,
        body: &mut RequestBody,
        keep: Option<Keep>,
    ) -> Option<Verdict> {
        let status = exchange.work.response.status;
        let Some(files) = &self.named_files else {
            exchange.warn(format_args!("the backend names a file, and there is no x_sendfile: the name is dropped"));
            return None;
        };
        if is_bodyless(status) {
            return None;
        }
        let named = named(&exchange.work.response.fields, &files.roots);
        let media_type = named.media_type();
        self.free(exchange, answered, body, keep).await;

        let opened = match open(&files.roots, &named, false) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let roots = Arc::clone(&files.roots);
                let mut opening = files.threads.run(move || open(&roots, &named, true));
                match exchange.client.awaiting(self.limits.half_close, Pin::new(&mut opening)).await {
                    Ok(opened) => opened,
                    Err(error) => return Some(exchange.answer_failure(&error, &self.error_response).await),
                }
            }
            opened => opened,
        };
        Some(match opened {
            Ok(Some(AtName::File(file))) => self.send_opened(exchange, file, media_type).await,
            Ok(None) => {
                let name = shown(exchange);
                let by_uri = exchange.work.response.fields.lacks(Known::XSendfile);
                let hint = match by_uri && files.roots.iter().all(|root| root.uri.is_none()) {
                    true => ": for X-Accel-Redirect write x_sendfile with a URI, such as { \"/files\" => \"folder\" }",
                    false => "",
                };
                let what = "the backend names a file outside of the folders of x_sendfile";
                exchange.warn(format_args!("{what}: {name}{hint}"));
                exchange.refuse(EndReason::BackendError, &self.error_response).await
            }
            Ok(Some(AtName::Folder | AtName::Other)) => self.miss(exchange, "it is no file").await,
            Err(error) if is_absence(&error) => self.miss(exchange, "it is not there").await,
            Err(error) => {
                let name = shown(exchange);
                exchange.warn(format_args!("the backend names a file that cannot be opened: {name}: {error}"));
                exchange.refuse(EndReason::BackendError, &self.error_response).await
            }
        })
    }

    async fn miss(&self, exchange: &mut Exchange<'_>, why: &str) -> Verdict {
        let name = shown(exchange);
        exchange.warn(format_args!("the backend names a file that cannot be sent, since {why}: {name}"));
        exchange.refuse(EndReason::BackendError, respond::built_in(404)).await
    }

    /// Sends an open file, with the backend's fields. `guessed` is its type if the backend tells none.
    async fn send_opened(&self, exchange: &mut Exchange<'_>, file: OpenFile, guessed: &str) -> Verdict {
        let Workspace { response, scratch, .. } = &mut *exchange.work;
        // The file is sent whole, whatever part the application speaks of; the client's ranges are looked at anew.
        response.fields.remove("Content-Range");
        if response.status == 206 {
            response.status = 200;
        }
        let fields = &mut response.fields;
        if !fields.has(Known::ContentType) {
            fields.append(Known::ContentType, guessed.as_bytes());
        }
        append_validators(&file, None, exchange.start, fields, scratch);
        self.change_own_fields(exchange, false);
        exchange.work.response.fields.remove(Known::ContentLength);
        exchange.answer_file(Arc::new(file).into()).await
    }

    /// Drops the backend's own body and gives its connection back, and its place. The client takes the file as slowly
    /// as it likes.
    async fn free(
        &self,
        exchange: &mut Exchange<'_>,
        answered: &mut Option<Channel>,
        body: &mut RequestBody,
        keep: Option<Keep>,
    ) {
        let ended = match answered.as_mut() {
            Some(backend) => relay::drop_response(backend, BODY, BODY_TIME).await,
            None => false,
        };
        self.let_go(exchange, answered, body, &self.limits, keep.filter(|_| ended), None);
    }
}

/// The name in a response, for the log.
fn shown(exchange: &Exchange<'_>) -> String {
    let fields = &exchange.work.response.fields;
    let name = fields.get(Known::XSendfile).or_else(|| fields.get(Known::XAccelRedirect)).unwrap_or_default();
    String::from_utf8_lossy(name).escape_debug().to_string()
}

#[cfg(test)]
mod tests;
