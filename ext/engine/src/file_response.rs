//! Responses whose content is a file, or a part of one: conditional requests, ranges, and how the file gets to the
//! client.
//!
//! `static_files` answers with it, and so does a `proxy` whose backend names a file. Both only make a head.

mod codings;
mod media_types;

pub(crate) use codings::{Codings, FileCoding};
pub(crate) use media_types::media_type;

use std::time::SystemTime;

use proxy_http::message::{Fields, Framing, Known, Method};
use proxy_http::{decimal, hex};

use crate::civil_time::CivilTime;
use crate::clock::time_of_day;
use crate::content::conditions::{self, ConditionResult};
use crate::content::parts::SentParts;
use crate::content::ranges::{self, AskedRanges};
use crate::disk::OpenFile;
use crate::error::{EndReason, Side};
use crate::request::{Exchange, FileContent, Verdict, Workspace};
use crate::respond;

/// Appends `Last-Modified` and `ETag` of a file, as far as there are no such fields. `coding`: the file is a form in
/// this coding, which may have the time and the length of the original. `past` is a moment that has passed: the clock
/// is not read for a file that was changed before. `scratch` is overwritten.
pub(crate) fn append_validators(
    file: &OpenFile,
    coding: Option<&str>,
    past: SystemTime,
    fields: &mut Fields,
    scratch: &mut Vec<u8>,
) {
    if !fields.has(Known::LastModified) {
        let mut modified = file.modified();
        if modified > past {
            // A time in the future would be no valid one (RFC 9110, section 8.8.2.1).
            modified = modified.min(time_of_day());
        }
        fields.append(Known::LastModified, &CivilTime::of(modified).http_date());
    }
    if !fields.has(Known::Etag) {
        scratch.clear();
        scratch.push(b'"');
        match u64::try_from(file.revision()) {
            Ok(revision) => hex::push(scratch, revision),
            // A time before 1970, or far in the future.
            Err(_) => scratch.extend_from_slice(format!("{:x}", file.revision()).as_bytes()),
        }
        scratch.push(b'-');
        hex::push(scratch, file.length());
        if let Some(coding) = coding {
            scratch.push(b'-');
            scratch.extend_from_slice(coding.as_bytes());
        }
        scratch.push(b'"');
        fields.append(Known::Etag, scratch);
    }
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
                self.keep_whole(Some(content.length));
                let response = &mut self.work.response;
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
                    self.keep_whole(Some(content.length));
                    let response = &mut self.work.response;
                    response.status = 206;
                    parts = SentParts::of(ranges, content.length, &mut response.fields);
                }
            }
        }
        let Workspace { response, scratch, .. } = &mut *self.work;
        if has_ranges && !response.fields.has(Known::AcceptRanges) {
            response.fields.append(Known::AcceptRanges, b"bytes");
        }
        scratch.clear();
        decimal::push(scratch, parts.length());
        response.fields.set(Known::ContentLength, scratch);
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
