//! Fields that a configuration sets or removes, with string rewrites in their values.

use proxy_http::message::{FieldName, Fields, Span};

use super::{RequestValues, Template};

/// A field to set, with several lines perhaps, or to remove.
#[derive(Debug)]
pub(crate) struct Edit {
    /// Its name.
    pub(crate) name: FieldName,
    /// One for each line; none if it is removed.
    pub(crate) values: Vec<Template>,
}

/// Values of fields, rendered before anything is changed: a rewrite sees what the client sent.
#[derive(Debug, Default)]
pub(crate) struct RenderedValues {
    text: Vec<u8>,
    spans: Vec<Span>,
}

impl RenderedValues {
    /// Bytes that it has room for.
    pub(crate) fn capacity(&self) -> usize {
        self.text.capacity()
    }

    pub(crate) fn render(&mut self, edits: &[Edit], scope: &RequestValues<'_>) {
        self.text.clear();
        self.spans.clear();
        for template in edits.iter().flat_map(|edit| &edit.values) {
            let start = self.text.len() as u32;
            template.render_header(scope, &mut self.text);
            self.spans.push(Span { start, end: self.text.len() as u32 });
        }
    }

    /// Carries the edits out.
    pub(crate) fn apply(&self, edits: &[Edit], fields: &mut Fields) {
        let mut spans = self.spans.iter();
        for edit in edits {
            for i in 0..edit.values.len() {
                let value = spans.next().map_or(&b""[..], |span| span.of(&self.text)).trim_ascii();
                if i == 0 {
                    fields.set(&edit.name, value);
                } else {
                    fields.append(&edit.name, value);
                }
            }
            if edit.values.is_empty() {
                fields.remove(&edit.name);
            }
        }
    }
}
