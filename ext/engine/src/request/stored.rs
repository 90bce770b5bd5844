//! Answers from a cache.

use std::task::{Context, Poll};

use bytes::Bytes;
use proxy_http::message::{Framing, Known, Version};

use super::{write_connection, Exchange, FileContent, Verdict};
use crate::cache::body::CutBody;
use crate::cache::parts::BodyParts;
use crate::content::parts::SentParts;
use crate::error::{EndReason, Error, Kind, Retry, Side, Waited};
use crate::relay::{self, BodyPieces};

impl BodyPieces for BodyParts {
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Error>> {
        BodyParts::poll_piece(self, cx).map_err(|cut| match cut {
            CutBody::Incomplete => Error::backend(Kind::Ended, Retry::Never),
            CutBody::Behind => Error::client(Kind::Timeout(Waited::ClientBehind)),
        })
    }

    fn consume(&mut self, n: usize) {
        BodyParts::consume(self, n);
    }
}

/// The body of a stored response.
#[derive(Debug)]
pub(crate) enum SentBody {
    /// In memory, or on its way.
    Memory(BodyParts),
    /// Parts of a file.
    File(FileContent, SentParts),
}

impl Exchange<'_> {
    /// Whether the answer to the request may be stored, others wait for it, or a stored one may take its place.
    pub(crate) fn minds_answer(&self) -> bool {
        self.cache.as_ref().is_some_and(|caching| caching.storing.is_some() || caching.reserve.is_some())
    }

    /// Sends the response in `work.response`, which the filters have seen, with a body from a cache. `length`: that of
    /// the body, if it is known. Without a body the response has none at all.
    pub(crate) async fn send_stored(&mut self, body: Option<SentBody>, length: Option<u64>) -> Verdict {
        let version = self.work.request.version;
        let framing = match (&body, length) {
            (None, _) => Framing::None,
            (Some(_), Some(length)) => Framing::Length(length),
            (Some(_), None) if version == Version::Http10 => Framing::UntilClose,
            (Some(_), None) => Framing::Chunked,
        };
        self.answering(self.work.response.status);
        let drained = self.client.channel.drop_body();
        let ends = framing == Framing::UntilClose;
        let keep_alive = self.keep_alive && drained && !ends && !self.tools.is_draining();
        let has_date = self.work.response.fields.has(Known::Date);
        let tools = self.tools;
        self.client.channel.write_response(&mut self.work.response, framing, |lines| {
            if !has_date {
                tools.write_date(lines);
            }
            write_connection(lines, keep_alive, version);
        });
        let limits = (self.globals.limits.client_body, self.globals.limits.rate);
        let sent = match body {
            Some(SentBody::Memory(mut body)) => {
                Box::pin(relay::send_pieces(self.client, &mut body, limits.0, limits.1)).await
            }
            Some(SentBody::File(file, parts)) => match Box::pin(self.send_parts(file, &parts)).await {
                Ok(()) => {
                    self.client.channel.end_body(None);
                    relay::flush(self.client, limits.0, limits.1).await
                }
                failed => failed,
            },
            None => {
                self.client.channel.write_body(b"");
                relay::flush(self.client, limits.0, limits.1).await
            }
        };
        match sent {
            Ok(()) if keep_alive => Verdict::KeepAlive,
            Ok(()) if drained => Verdict::Close,
            Ok(()) => Verdict::Linger,
            Err(error) => {
                self.ends_for(EndReason::from(&error));
                match error.side {
                    Side::Client => self.note_departure(&error),
                    Side::Backend => self.warn(format_args!("response cut short: its backend did not send all of it")),
                    Side::Us => self.warn(format_args!("a stored response was cut short: {error}")),
                }
                if ends {
                    Verdict::Reset
                } else {
                    Verdict::after(&error)
                }
            }
        }
    }
}
