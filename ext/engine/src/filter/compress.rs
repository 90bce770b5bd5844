//! `compress`: bodies of responses are coded on their way to clients that accept that.
//!
//! The head of a response alone decides, so that no byte of its body waits for the decision.

mod changes;
mod media_types;

use proxy_http::headers::framing::list_members;
use proxy_http::message::{Fields, Known, Method, RequestHead, Version};
use serde::{Deserialize, Serialize};

use self::media_types::MediaTypes;
use super::{Filtering, Render};
use crate::coding::{forbids_transforms, Coding, CodingWish, Encoder, EncoderOptions};
use crate::compile::{Report, Word};
use crate::compiler::Compiler;
use crate::config::At;
use crate::request::{Exchange, Verdict};

/// `compress types: ["text/*", "application/json"], min_size: 1024, encodings: %w[zstd br gzip], level: { br: 5 }`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct CompressConfig {
    /// Codings that are offered; of those that a client likes equally, the first is taken. Default: `zstd`, `br`,
    /// `gzip`.
    pub encodings: Option<Vec<String>>,
    /// Content types that are coded, such as `text/*`. Default: the usual ones that compress well.
    pub types: Option<Vec<String>>,
    /// Bytes of the smallest body that is coded. A body of unknown length always is.
    pub min_size: i64,
    /// Levels of compression.
    pub level: CompressionLevels,
    /// Measure against attacks that guess secrets by the length of responses (BREACH): `jitter`, `guard` or `none`.
    pub breach: String,
    /// Whether backends do not see `Accept-Encoding`, so that they leave the coding to this filter.
    pub strip_accept_encoding: bool,
    /// File and line of the directive, if it comes from a file.
    pub at: Option<At>,
}

/// Levels of compression, in the numbers of each coding.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct CompressionLevels {
    /// From 1 to 19.
    pub zstd: i64,
    /// From 0 to 11.
    pub br: i64,
    /// From 1 to 9.
    pub gzip: i64,
}

impl Default for CompressionLevels {
    fn default() -> Self {
        Self { zstd: 3, br: 4, gzip: 5 }
    }
}

impl Default for CompressConfig {
    fn default() -> Self {
        Self {
            encodings: None,
            types: None,
            min_size: 1024,
            level: CompressionLevels::default(),
            breach: "jitter".to_owned(),
            strip_accept_encoding: false,
            at: None,
        }
    }
}

/// A measure against BREACH.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Breach {
    /// Bytes without meaning hide the exact length.
    Jitter,
    /// What may hold a secret is not coded.
    Guard,
    None,
}

/// A `compress` directive, compiled.
#[derive(Debug)]
pub(crate) struct Compress {
    codings: Box<[Coding]>,
    types: MediaTypes,
    min_size: u64,
    zstd: u32,
    br: u32,
    gzip: u32,
    breach: Breach,
    strips: bool,
}

impl Filtering for Compress {
    type Config = CompressConfig;

    fn compile(config: &CompressConfig, compiler: &mut Compiler) -> Option<Self> {
        let mut report = Report::new(Self::WORD, config.at.as_ref(), &mut compiler.problems);
        let codings = codings(config.encodings.as_deref(), &mut report.within("encodings"));
        let types = MediaTypes::compile(config.types.as_deref(), &mut report.within("types"));
        let min_size = report.within("min_size").unbounded(config.min_size);
        let mut level = |name, level, range| report.within("level").within(name).count(level, range) as u32;
        let zstd = level("zstd", config.level.zstd, 1..=19);
        let br = level("br", config.level.br, 0..=11);
        let gzip = level("gzip", config.level.gzip, 1..=9);
        let names = [("jitter", Breach::Jitter), ("guard", Breach::Guard), ("none", Breach::None)];
        let breach = report.within("breach").one_of(&config.breach, "is no measure", &names);
        let (breach, true) = (breach?, report.is_sound()) else { return None };
        Some(Self { codings, types, min_size, zstd, br, gzip, breach, strips: config.strip_accept_encoding })
    }

    /// Hides from backends that the client accepts codings.
    fn preview(&self, request: &mut RequestHead, _: &Render<'_>) {
        if self.strips_from(request, &CodingWish::of(&request.fields)) {
            request.fields.remove(Known::AcceptEncoding);
        }
    }

    async fn admit(&self, exchange: &mut Exchange<'_>) -> Option<Verdict> {
        let request = &mut exchange.work.request;
        let wish = *exchange.coding.get_or_insert_with(|| CodingWish::of(&request.fields));
        if exchange.call.is_none() && !exchange.options.upgrade && self.strips_from(request, &wish) {
            request.fields.remove(Known::AcceptEncoding);
        }
        None
    }

    fn amend(&self, exchange: &mut Exchange<'_>) {
        // The innermost `compress` decides.
        let Some(wish) = exchange.coding.take() else { return };
        if exchange.call.is_some() || exchange.is_h2_tunnel() {
            return;
        }
        let work = &mut *exchange.work;
        let (request, response) = (&work.request, &mut work.response);
        if matches!(response.status, 206 | 304) {
            // As the whole response has it (RFC 9110, 15.3.7 and 15.4.5).
            let may_be_coded = match exchange.whole.take() {
                Some(whole) => self.length_of(200, &whole).is_some(),
                None => self.whole_may_be_coded(&response.fields),
            };
            if may_be_coded {
                changes::vary(&mut response.fields);
            }
            if response.status == 304 {
                changes::weaken_as_known(&mut response.fields, &request.fields);
            }
            return;
        }
        let Some(length) = self.length_of(response.status, &response.fields) else { return };
        changes::vary(&mut response.fields);
        if wish.no_transform || self.guards(&wish, &response.fields) || request.version == Version::Http10 {
            return;
        }
        let Some(coding) = wish.choose(&self.codings) else { return };
        if request.method != Method::Head {
            let options = EncoderOptions { coding, level: self.level(coding), jitter: self.breach == Breach::Jitter };
            let Some(encoder) = Encoder::begin(options, length) else { return };
            exchange.client.channel.code(encoder);
        }
        changes::code(&mut response.fields, coding);
    }
}

impl Compress {
    /// Whether backends should not see what the client accepts. They do if this filter never codes for the client.
    fn strips_from(&self, request: &RequestHead, wish: &CodingWish) -> bool {
        let codes = wish.choose(&self.codings).is_some() && !wish.no_transform;
        self.strips && codes && request.version != Version::Http10
    }

    /// Whether a response may be coded of which a backend has sent a part, or has said that the client has it. A 304
    /// need not tell its type, and several parts do not show theirs in the head.
    fn whole_may_be_coded(&self, fields: &Fields) -> bool {
        let several = |value: &[u8]| value.get(..10).is_some_and(|start| start.eq_ignore_ascii_case(b"multipart/"));
        let length = fields.get("Content-Range").and_then(|range| range.rsplit(|byte| *byte == b'/').next());
        (self.types.contain_or_unknown(fields) || fields.get(Known::ContentType).is_some_and(several))
            && is_plain(fields)
            && length.and_then(number).is_none_or(|length| length >= self.min_size.max(1))
    }

    /// Length of a body that may be coded, if it is known. `None`: it may not, whatever a client accepts.
    fn length_of(&self, status: u16, fields: &Fields) -> Option<Option<u64>> {
        let has_one = matches!(status, 200..=203 | 400..=599);
        if !has_one || fields.has("Content-Range") || !self.types.contain(fields) || !is_plain(fields) {
            return None;
        }
        let Some(length) = fields.get(Known::ContentLength) else { return Some(None) };
        let length = number(length)?;
        (length >= self.min_size.max(1)).then_some(Some(length))
    }

    /// Whether a response may hold a secret, and is not coded for that.
    fn guards(&self, wish: &CodingWish, fields: &Fields) -> bool {
        if self.breach != Breach::Guard {
            return false;
        }
        let says = |field, word: &[u8]| {
            let mut members = fields.all(field).flat_map(list_members);
            members.any(|member| member.eq_ignore_ascii_case(word))
        };
        wish.is_personal
            || fields.has(Known::SetCookie)
            || says(Known::CacheControl, b"private")
            || says(Known::CacheControl, b"no-store")
            || says(Known::Vary, b"cookie")
    }

    fn level(&self, coding: Coding) -> u32 {
        match coding {
            Coding::Zstd => self.zstd,
            Coding::Br => self.br,
            Coding::Gzip => self.gzip,
        }
    }
}

/// Whether a response has no coding, and may get one.
fn is_plain(fields: &Fields) -> bool {
    let is_none = |coding: &[u8]| coding.eq_ignore_ascii_case(b"identity");
    fields.all(Known::ContentEncoding).flat_map(list_members).all(is_none)
        && !forbids_transforms(fields)
        && changes::has_sound_etag(fields)
}

fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn codings(written: Option<&[String]>, report: &mut Report<'_>) -> Box<[Coding]> {
    let Some(written) = written else { return Coding::ALL.map(|(_, coding)| coding).into() };
    let mut codings = Vec::new();
    if written.is_empty() {
        report.error("it is empty: write codings, such as [\"zstd\", \"br\", \"gzip\"], or leave it out");
    }
    for name in written {
        match report.one_of(name, "is no coding", &Coding::ALL) {
            Some(coding) if codings.contains(&coding) => {
                report.error(format!("{name:?} is written twice: write it once"))
            }
            Some(coding) => codings.push(coding),
            None => {}
        }
    }
    codings.into()
}

#[cfg(test)]
mod tests;
