//! Fields that a configuration sets or removes, with string rewrites in their values.

use proxy_http::message::{FieldName, Fields, Span};

use super::{RequestValues, Template};

/// A field to set, possibly with several lines, or to remove.
#[derive(Debug)]
pub(crate) struct Edit {
    pub(crate) name: FieldName,
    /// One value for each line. Empty if the field is removed.
    pub(crate) values: Vec<Template>,
}

/// Field values, rendered before any field is changed: a rewrite sees what the client sent.
#[derive(Debug, Default)]
pub(crate) struct RenderedValues {
    text: Vec<u8>,
    spans: Vec<Span>,
}

impl RenderedValues {
    /// Bytes of allocated memory.
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

    /// Applies the edits.
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
