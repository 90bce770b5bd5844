//! `static_files`: answers with files of a folder. What is not there is left to the next handler.

mod cache_rules;
mod config;
mod lookup;
mod name;

pub use config::{StaticFilesConfig, Symlinks};

use std::io;
use std::path::Path;
use std::sync::Arc;

use proxy_http::message::{Known, Method};
use smallvec::SmallVec;

use super::static_response::fields;
use super::Handling;
use crate::coding::CodingWish;
use crate::compile::{Report, Word};
use crate::compiler::Compiler;
use crate::disk::{Links, OpenFile, ServedFolder};
use crate::error::Cause;
use crate::file_response::{append_validators, media_type, Codings, FileCoding};
use crate::request::{Exchange, OwnAnswer, Verdict, Workspace};
use crate::respond;
use crate::rewrite::{Context, RequestValues, Template};
use cache_rules::FileCacheRules;
use lookup::{Looked, Lookup, WantedFile, WantedName};
use name::FileName;

/// A `static_files`, compiled.
#[derive(Debug)]
pub(crate) struct StaticFiles {
    lookup: Arc<Lookup>,
    try_files: Box<[TriedName]>,
    dotfiles: bool,
    precompressed: bool,
    cache_control: FileCacheRules,
    /// Lines of the fields of `headers`.
    headers: Box<[u8]>,
    /// Names of `headers` that take the place of the file's own fields.
    replaced: Box<[Box<[u8]>]>,
    /// Types of endings, in lower case.
    types: Vec<(Vec<u8>, String)>,
}

/// Result of a search.
pub(crate) enum Search {
    Found(FoundFile),
    /// There is nothing: the next handler is asked.
    Declined,
    /// The request is over: its client went away, for example.
    Over(Verdict),
}

/// A name of `try_files`.
#[derive(Debug)]
struct TriedName {
    template: Template,
    /// Whether the path of the request is a part of the name.
    follows_path: bool,
}

/// What was found for a request.
#[derive(Debug)]
pub(crate) enum FoundFile {
    File {
        file: Arc<OpenFile>,
        name: Vec<u8>,
        coding: Option<FileCoding>,
    },
    /// A folder, which is asked for without its slash.
    Folder,
    /// A file that takes no requests with this method.
    OtherMethod,
    /// A file that could not be opened.
    Failed(io::Error),
}

impl Handling for StaticFiles {
    type Config = StaticFilesConfig;

    const DECLINES: bool = true;

    fn compile(config: &StaticFilesConfig, compiler: &mut Compiler) -> Option<Self> {
        let captures = compiler.captures.names();
        let report = &mut Report::new(Self::WORD, config.at.as_ref(), &mut compiler.problems);
        let folder = folder(config, report);
        let index = names(&config.index, &mut report.within("index"));
        let fallback = config.fallback.iter().cloned().collect::<Vec<_>>();
        let fallback = names(&fallback, &mut report.within("fallback")).pop();
        let mut try_files = Vec::with_capacity(config.try_files.len());
        for written in &config.try_files {
            let mut report = report.within("try_files");
            if let Some(template) = report.ok(Template::parse(written, Context::Request)) {
                report.warnings(template.warnings(&captures));
                try_files.push(TriedName { template, follows_path: written.contains("{path") });
            }
        }
        if config.try_files.is_empty() {
            report.within("try_files").error("the list is empty: write [\"{path}\"], or leave it out");
        }
        let cache_control = FileCacheRules::compile(&config.cache_control, &mut report.within("cache_control"));
        let (headers, _) = fields(&config.headers, &captures, &mut report.within("headers"));
        let types = types(&config.types, &mut report.within("types"));
        let (folder, sound) = (folder?, report.is_sound());
        sound.then(|| Self {
            lookup: Arc::new(Lookup { folder, index: index.into(), fallback }),
            try_files: try_files.into(),
            dotfiles: config.dotfiles,
            precompressed: config.precompressed,
            cache_control,
            replaced: replaced(&headers),
            headers: headers.into(),
            types,
        })
    }

    fn foretell(&self, values: &RequestValues<'_>) -> Option<OwnAnswer> {
        self.foretell_for(values, false)
    }

    async fn serve(&self, exchange: &mut Exchange<'_>) -> Verdict {
        let search = match self.find(exchange, true) {
            Ok(search) => search,
            Err(wanted) => self.wait_for(exchange, wanted).await,
        };
        match search {
            Search::Found(found) => self.answer(exchange, found).await,
            Search::Declined => exchange.fail(Cause::NoHandler).await,
            Search::Over(verdict) => verdict,
        }
    }
}

impl StaticFiles {
    /// The answer to a request, as the disk has it now. `last`: no other handler would be asked.
    pub(crate) fn foretell_for(&self, values: &RequestValues<'_>, last: bool) -> Option<OwnAnswer> {
        let fits = matches!(values.request.method, Method::Get | Method::Head);
        if !fits && !last {
            return None;
        }
        let wanted = &mut self.wanted(values, None, values.request.plain_path(), &mut Vec::new());
        match self.lookup.look(wanted, true) {
            Ok(Looked::Nothing) => None,
            Ok(_) if !fits => Some(OwnAnswer::status(Cause::Method.status())),
            Ok(Looked::File { .. }) => Some(OwnAnswer::status(200)),
            Ok(Looked::Folder) => {
                let location = with_slash(values.request.path(), values.request.query());
                Some(OwnAnswer::redirect(301, &location))
            }
            Err(error) => Some(OwnAnswer::status(cause(&error).status())),
        }
    }

    /// Looks for the file of a request. `last`: no other handler would be asked. An error, if what is in memory does
    /// not answer this: it is for [`StaticFiles::wait_for`].
    pub(crate) fn find(&self, exchange: &mut Exchange<'_>, last: bool) -> Result<Search, WantedFile> {
        // A server that does not speak the other protocol answers in this one (RFC 9110, 7.8); a tunnel over HTTP/2 has
        // no such answer.
        let upgrade = exchange.options.upgrade;
        if !last && (!fits(exchange) || upgrade) || exchange.is_h2_tunnel() {
            return Ok(Search::Declined);
        }
        let mut scratch = std::mem::take(&mut exchange.work.scratch);
        let request = &exchange.work.request;
        let sent = request.plain_path_at(exchange.sent_target);
        let mut wanted = self.wanted(&exchange.scope(request.path()), exchange.coding, sent, &mut scratch);
        exchange.work.scratch = scratch;
        match self.lookup.look(&mut wanted, false) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(wanted),
            looked => Ok(found(looked, exchange)),
        }
    }

    /// Looks for the file of a request while another thread waits for the disk.
    pub(crate) async fn wait_for(&self, exchange: &mut Exchange<'_>, mut wanted: WantedFile) -> Search {
        let lookup = Arc::clone(&self.lookup);
        let mut looking = self.lookup.folder.threads().run(move || lookup.look(&mut wanted, true));
        let patience = exchange.globals.limits.half_close;
        match exchange.client.awaiting(patience, std::pin::Pin::new(&mut looking)).await {
            Ok(looked) => found(looked, exchange),
            Err(error) => {
                let response = respond::built_in(Cause::Internal.status());
                Search::Over(exchange.answer_failure(&error, response).await)
            }
        }
    }

    /// Answers with what was found.
    pub(crate) async fn answer(&self, exchange: &mut Exchange<'_>, found: FoundFile) -> Verdict {
        match found {
            FoundFile::File { file, name, coding } => {
                self.describe(&file, &name, coding, exchange);
                exchange.work.response.status = 200;
                exchange.answer_file(file.into()).await
            }
            FoundFile::Folder => {
                // A rewritten path is not for clients.
                let (path, query) = exchange.work.request.target_at(exchange.sent_target);
                let location = with_slash(path, query);
                let fields = [b"Location: ", &location[..], b"\r\nContent-Length: 0\r\n"].concat();
                exchange.answer(301, &fields, b"").await
            }
            FoundFile::OtherMethod => {
                exchange.work.response_additions.set("Allow", b"GET, HEAD");
                exchange.fail(Cause::Method).await
            }
            FoundFile::Failed(error) => {
                exchange.warn(format_args!("static_files: {error}"));
                exchange.fail(cause(&error)).await
            }
        }
    }

    /// Makes the fields of the response those that describe a file.
    fn describe(&self, file: &OpenFile, name: &[u8], coding: Option<FileCoding>, exchange: &mut Exchange<'_>) {
        let Workspace { response, scratch, .. } = &mut *exchange.work;
        let fields = &mut response.fields;
        fields.clear();
        let own = self.types.iter().find(|(ending, _)| has_ending(name, ending));
        fields.append(Known::ContentType, own.map_or_else(|| media_type(name), |(_, own)| own).as_bytes());
        append_validators(file, coding.map(FileCoding::name), exchange.start, fields, scratch);
        if let Some(coding) = coding {
            fields.append(Known::ContentEncoding, coding.name().as_bytes());
        }
        if self.precompressed {
            fields.append(Known::Vary, b"Accept-Encoding");
        }
        if let Some(value) = self.cache_control.of(name) {
            fields.append(Known::CacheControl, value.as_bytes());
        }
        for name in &self.replaced {
            fields.remove(&name[..]);
        }
        fields.append_lines(&self.headers);
    }

    /// The names under which a file is looked for. `wish`: what the client says about codings, if it was read before.
    /// `sent`: the plain path that it sent. `scratch` is overwritten.
    fn wanted(
        &self,
        values: &RequestValues<'_>,
        wish: Option<CodingWish>,
        sent: &[u8],
        scratch: &mut Vec<u8>,
    ) -> WantedFile {
        let request = values.request;
        // Captures are parts of the plain path too: what follows decodes nothing.
        let values = RequestValues { path: request.plain_path(), ..*values };
        let mut names = SmallVec::new();
        for tried in &self.try_files {
            scratch.clear();
            tried.template.render(&values, scratch);
            let name = FileName::of(scratch, self.dotfiles);
            names.extend(name.map(|name| WantedName { name, follows_path: tried.follows_path }));
        }
        // A `compress` around this may have hidden from backends what the client accepts.
        let codings = match self.precompressed {
            true => Codings::of(wish.unwrap_or_else(|| CodingWish::of(&request.fields))),
            false => Codings::default(),
        };
        let path = request.plain_path();
        // A `rewrite` that has changed the last part of the path has chosen the folder itself.
        let redirects = last_part(path) == last_part(sent);
        WantedFile { names, of_folder: path.ends_with(b"/"), redirects, codings }
    }
}

/// Whether files take requests with this method.
fn fits(exchange: &Exchange<'_>) -> bool {
    matches!(exchange.work.request.method, Method::Get | Method::Head)
}

/// What becomes of a search.
fn found(looked: io::Result<Looked>, exchange: &Exchange<'_>) -> Search {
    Search::Found(match looked {
        Ok(Looked::Nothing) => return Search::Declined,
        Ok(Looked::File { .. } | Looked::Folder) if !fits(exchange) => FoundFile::OtherMethod,
        Ok(Looked::File { file, name, coding, unreadable }) => {
            if let Some((form, error)) = unreadable {
                let form = String::from_utf8_lossy(&form);
                exchange.warn(format_args!("static_files: {} is passed over: {error}", form.escape_debug()));
            }
            FoundFile::File { file: Arc::new(file), name, coding }
        }
        Ok(Looked::Folder) => FoundFile::Folder,
        Err(error) => FoundFile::Failed(error),
    })
}

/// Whether what stands behind the last dot of a name is `ending`, in any letter case.
fn has_ending(name: &[u8], ending: &[u8]) -> bool {
    name.rsplit(|byte| *byte == b'.').next().is_some_and(|last| last.eq_ignore_ascii_case(ending))
}

/// What follows the last slash of a path.
fn last_part(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
}

/// The path of a folder with its slash, and the query. A path that begins with two slashes would be another site.
fn with_slash(path: &[u8], query: &[u8]) -> Vec<u8> {
    let slashes = path.iter().take_while(|byte| **byte == b'/').count();
    [&path[slashes.saturating_sub(1)..], b"/", query].concat()
}

/// What a file that cannot be opened is for its client.
fn cause(error: &io::Error) -> Cause {
    use rustix::io::Errno;
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::ACCESS | Errno::PERM) => Cause::Forbidden,
        Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM) => Cause::Unavailable,
        _ => Cause::Internal,
    }
}

/// Name of the field in a line.
fn name_of(line: &[u8]) -> &[u8] {
    line.split(|byte| *byte == b':').next().unwrap_or_default()
}

/// Names of the fields in `lines` that take the place of a file's own. `Vary` says what it says beside others.
fn replaced(lines: &[u8]) -> Box<[Box<[u8]>]> {
    let names = lines.split_inclusive(|byte| *byte == b'\n').map(name_of);
    names.filter(|name| !name.eq_ignore_ascii_case(b"vary")).map(Into::into).collect()
}

fn folder(config: &StaticFilesConfig, report: &mut Report<'_>) -> Option<ServedFolder> {
    let links = match &config.symlinks {
        Symlinks::Switch(true) => Links::Follow,
        Symlinks::Switch(false) => Links::Refuse,
        Symlinks::Named(name) if name == "inside" => Links::Inside,
        Symlinks::Named(name) => {
            report.within("symlinks").error(format!("{name:?} is unknown: write true, :inside or false"));
            return None;
        }
    };
    let Some(root) = &config.root else {
        report.error("`root` is missing: write root: \"public\"");
        return None;
    };
    match ServedFolder::new(Path::new(root), links) {
        Ok(folder) => Some(folder),
        Err(error) => {
            let mut report = report.within("root");
            match error.kind() {
                io::ErrorKind::NotFound => report.error(format!("{root} does not exist: write the path of a folder")),
                io::ErrorKind::NotADirectory => report.error(format!("{root} is no folder: write the path of one")),
                _ => report.error(format!("cannot open {root} ({error}): write the path of a folder")),
            }
            None
        }
    }
}

/// Names of files inside of the root.
fn names(written: &[String], report: &mut Report<'_>) -> Vec<FileName> {
    let name = |text: &String| {
        let name = FileName::of(text.as_bytes(), true).filter(|name| !name.is_folder());
        if name.is_none() {
            report.error(format!("{text:?} is no name of a file inside of the root: write \"index.html\""));
        }
        name
    };
    written.iter().filter_map(name).collect()
}

fn types(written: &[(String, String)], report: &mut Report<'_>) -> Vec<(Vec<u8>, String)> {
    let mut types = Vec::with_capacity(written.len());
    for (ending, media_type) in written {
        let plain = ending.trim_start_matches('.').to_ascii_lowercase();
        if plain.is_empty() || plain.contains(['/', '.']) {
            report.error(format!("{ending:?} is no ending of a name: write one such as \".gltf\""));
        } else if !media_type.contains('/') || media_type.bytes().any(|byte| byte.is_ascii_control()) {
            report.error(format!("{media_type:?} is no media type: write one such as \"model/gltf+json\""));
        } else {
            types.push((plain.into_bytes(), media_type.clone()));
        }
    }
    types
}

#[cfg(test)]
mod tests;
