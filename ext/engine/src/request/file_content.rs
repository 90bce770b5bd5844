//! Bodies that stand in files.

use std::sync::Arc;

use super::Exchange;
use crate::content::parts::SentParts;
use crate::disk::{FileReader, OpenFile};
use crate::error::Error;
use crate::relay;

/// Content that stands in a file.
#[derive(Debug)]
pub(crate) struct FileContent {
    pub(crate) file: Arc<OpenFile>,
    /// Where it begins in the file.
    pub(crate) start: u64,
    /// Bytes.
    pub(crate) length: u64,
}

impl From<Arc<OpenFile>> for FileContent {
    /// A whole file.
    fn from(file: Arc<OpenFile>) -> Self {
        Self { start: 0, length: file.length(), file }
    }
}

impl Exchange<'_> {
    /// Sends parts of a file as the body.
    pub(crate) async fn send_parts(&mut self, content: FileContent, parts: &SentParts) -> Result<(), Error> {
        let (limit, rate) = (self.globals.limits.client_body, self.globals.limits.rate);
        let mut reader = FileReader::new(content.file);
        for (head, range) in parts.iter() {
            if !head.is_empty() {
                relay::send_bytes(self.client, head, limit, rate).await?;
            }
            let place = content.start + range.start..content.start + range.end;
            relay::send_file(self.client, &mut reader, place, limit, rate).await?;
        }
        match parts.tail() {
            [] => Ok(()),
            tail => relay::send_bytes(self.client, tail, limit, rate).await,
        }
    }
}
