//! Answers of the control API.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{HeaderValue, CACHE_CONTROL, CONTENT_TYPE};
use http::{Response, StatusCode};
use hyper::body::{Body, Frame, SizeHint};
use serde_json::{json, Value};
use tokio::sync::mpsc;

/// An answer with its body.
pub(crate) type ControlAnswer = Response<ControlBody>;

/// Body of an answer: whole, or as it comes.
#[derive(Debug)]
pub(crate) enum ControlBody {
    Whole(Option<Bytes>),
    /// Ends when the sender is dropped.
    Stream(mpsc::Receiver<Bytes>),
}

impl Body for ControlBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match &mut *self {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Stream(pieces) => pieces.poll_recv(context).map(|piece| piece.map(|piece| Ok(Frame::data(piece)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Stream(_) => SizeHint::default(),
        }
    }
}

/// Why a call was refused.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    /// What is wrong, and the remedy.
    pub(crate) error: String,
    /// Mistakes one by one, if there are such.
    pub(crate) problems: Vec<Value>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Self { status, error: error.into(), problems: Vec::new() }
    }

    pub(crate) fn not_found(error: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, error)
    }

    pub(crate) fn unprocessable(error: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, error)
    }

    /// The same as an answer: `{"error": …, "problems": […]}`.
    pub(crate) fn answer(&self) -> ControlAnswer {
        json(self.status, &json!({ "error": self.error, "problems": self.problems }))
    }
}

/// An answer in JSON.
pub(crate) fn json(status: StatusCode, value: &Value) -> ControlAnswer {
    let mut text = value.to_string();
    text.push('\n');
    text_of(status, "application/json", text.into())
}

/// An answer of text of that media type.
pub(crate) fn text(media_type: &'static str, body: impl Into<Bytes>) -> ControlAnswer {
    text_of(StatusCode::OK, media_type, body.into())
}

fn text_of(status: StatusCode, media_type: &'static str, body: Bytes) -> ControlAnswer {
    answer(status, media_type, ControlBody::Whole(Some(body).filter(|body| !body.is_empty())))
}

/// An answer whose body comes piece by piece.
pub(crate) fn stream(media_type: &'static str, pieces: mpsc::Receiver<Bytes>) -> ControlAnswer {
    answer(StatusCode::OK, media_type, ControlBody::Stream(pieces))
}

fn answer(status: StatusCode, media_type: &'static str, body: ControlBody) -> ControlAnswer {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    answer
}
