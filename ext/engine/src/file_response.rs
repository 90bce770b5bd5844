//! Responses whose content is a file, or a part of one: conditional requests, ranges, and how the file gets to the
//! client.
//!
//! `static_files` answers with it, and so does a `proxy` whose backend names a file. Both only make a head.

mod codings;
mod media_types;

pub(crate) use codings::{Codings, FileCoding};
pub(crate) use media_types::{media_type, with_charset};

use proxy_http::message::{Framing, Known, Method};

use crate::clock::time_of_day;
use crate::content::conditions::{self, ConditionResult};
use crate::content::parts::SentParts;
use crate::content::ranges::{self, AskedRanges};
use crate::disk::OpenFile;
use crate::error::{EndReason, Side};
use crate::request::{Exchange, FileContent, Verdict};
use crate::respond;

/// Appends the lines `Last-Modified` and `ETag` of a file. `mark` tells apart contents that may have one file time and
/// one length, such as an original and its compressed form.
pub(crate) fn write_validators(file: &OpenFile, mark: &str, lines: &mut Vec<u8>) {
    // A time in the future would be no valid one (RFC 9110, section 8.8.2.1).
    let modified = httpdate::fmt_http_date(file.modified().min(time_of_day()));
    let (revision, length) = (file.revision(), file.length());
    lines.extend_from_slice(
        format!("Last-Modified: {modified}\r\nETag: \"{revision:x}-{length:x}{mark}\"\r\n").as_bytes(),
    );
}

impl Exchange<'_> {
    /// Answers with `content`. The head in `work.response` describes the whole content: its fields have the validators
    /// and the type, but no `Content-Length`. If its status is 200, conditions and ranges of the request are applied.
    pub(crate) async fn answer_file(&mut self, content: FileContent) -> Verdict {
        let (request, response) = (&self.work.request, &mut self.work.response);
        let mut parts = SentParts::whole(content.length);
        let plain = response.status == 200 && matches!(request.method, Method::Get | Method::Head);
        match if plain { conditions::check(&request.fields, &response.fields) } else { ConditionResult::Holds } {
            ConditionResult::Holds => {}
            ConditionResult::Fails => return self.answer_error(respond::built_in(412)).await,
            ConditionResult::NotModified => {
                response.status = 304;
                // The client has them (RFC 9110, section 15.4.5).
                for name in [Known::ContentType, Known::ContentEncoding, Known::AcceptRanges, Known::ContentLength] {
                    response.fields.remove(name);
                }
                return self.send_content(content, SentParts::none()).await;
            }
        }
        let has_ranges = plain && conditions::takes_ranges(&response.fields);
        if has_ranges && request.method == Method::Get && conditions::wants_range(&request.fields, &response.fields) {
            match ranges::asked(&request.fields, content.length) {
                AskedRanges::Whole => {}
                AskedRanges::Nothing => return self.answer_no_range(content.length).await,
                AskedRanges::Parts(ranges) => {
                    response.status = 206;
                    parts = SentParts::of(ranges, content.length, &mut response.fields);
                }
            }
        }
        let fields = &mut self.work.response.fields;
        if has_ranges && !fields.has(Known::AcceptRanges) {
            fields.append(Known::AcceptRanges, b"bytes");
        }
        fields.set(Known::ContentLength, parts.length().to_string().as_bytes());
        self.send_content(content, parts).await
    }

    /// Sends the head in `work.response` and the parts.
    async fn send_content(&mut self, content: FileContent, parts: SentParts) -> Verdict {
        let ending = self.prepare_answer(self.work.response.status).await;
        let has_body = self.work.request.method != Method::Head && parts.length() > 0;
        self.write_answer(if has_body { Framing::Length(parts.length()) } else { Framing::None }, ending);
        let sent = match has_body {
            true => self.send_parts(content, &parts).await,
            false => Ok(()),
        };
        if let Err(error) = &sent {
            match error.side {
                Side::Client => self.note_departure(error),
                Side::Us | Side::Backend => self.warn(format_args!("a file was cut short: {error}")),
            }
            self.ends_for(EndReason::from(error));
            return Verdict::after(error);
        }
        self.client.channel.end_body(None);
        self.finish_answer(ending).await
    }
}

#[cfg(test)]
mod tests;
