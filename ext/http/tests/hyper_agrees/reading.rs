//! What a reader made of some bytes.

/// One message, as far as it was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Message {
    /// Method and target, or the status.
    pub(crate) start: String,
    /// Names in small letters, sorted; values of one name in their order.
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Vec<(String, String)>,
    /// Whether its end was reached.
    pub(crate) complete: bool,
    /// Whether only the end of the connection ends it.
    pub(crate) until_close: bool,
}

/// Why reading stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Everything was read, or the messages say that no other follows.
    Complete,
    /// The bytes ended inside a message.
    Truncated,
    /// Something was malformed.
    Refused(String),
}

#[derive(Debug, Clone)]
pub(crate) struct Reading {
    pub(crate) messages: Vec<Message>,
    pub(crate) stop: Stop,
}

/// Sorts by name and keeps the order of equal names.
pub(crate) fn fields<'a>(list: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
    let mut fields: Vec<_> = list.map(|(name, value)| (text(&name.to_ascii_lowercase()), text(value))).collect();
    fields.sort_by(|a, b| a.0.cmp(&b.0));
    fields
}

impl Reading {
    /// Whether `hyper` reads everything that was read here in the same way.
    pub(crate) fn agrees_with(&self, hyper: &Reading) -> bool {
        self.messages.iter().enumerate().all(|(i, ours)| {
            let Some(theirs) = hyper.messages.get(i) else { return false };
            ours.start == theirs.start
                && ours.fields == theirs.fields
                && if ours.complete {
                    theirs.complete && ours.body == theirs.body && trailers_agree(&ours.trailers, &theirs.trailers)
                } else {
                    // One may have stopped sooner than the other.
                    ours.body.starts_with(&theirs.body) || theirs.body.starts_with(&ours.body)
                }
        })
    }

    /// Whether two readings by the same reader are the same. A refused body may have been read to different points, and
    /// a refusal come for another of several reasons.
    pub(crate) fn is_same_as(&self, other: &Reading) -> bool {
        // What can still become no message is refused as soon as that is seen, or when the connection ends.
        (self.stop == Stop::Complete) == (other.stop == Stop::Complete)
            && self.messages.len() == other.messages.len()
            && self.messages.iter().zip(&other.messages).all(|(a, b)| {
                a == b
                    || !a.complete
                        && !b.complete
                        && (&a.start, &a.fields) == (&b.start, &b.fields)
                        && (a.body.starts_with(&b.body) || b.body.starts_with(&a.body))
            })
    }
}

/// Ours leaves out trailers that frame or route; the others are the same, in the same order.
fn trailers_agree(ours: &[(String, String)], theirs: &[(String, String)]) -> bool {
    let dropped = ["content-length", "transfer-encoding", "host", "connection", "te", "trailer", "expect", "upgrade"];
    let kept = theirs.iter().filter(|(name, _)| !dropped.contains(&name.as_str()));
    kept.eq(ours.iter())
}
