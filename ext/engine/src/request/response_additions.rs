//! Response fields that filters, and refusals such as a 405, add.

use proxy_http::message::{Fields, NameRef};

/// Fields for the response to a request, whether a backend or the proxy makes it.
#[derive(Debug, Default)]
pub(crate) struct ResponseAdditions {
    set: Fields,
    add: Fields,
}

impl ResponseAdditions {
    /// Sets `value` as the only value of a response field.
    pub(crate) fn set<'n>(&mut self, name: impl Into<NameRef<'n>>, value: &[u8]) {
        self.set.set(name, value);
    }

    /// The value that was set for a response field, if any.
    pub(crate) fn get<'n>(&self, name: impl Into<NameRef<'n>>) -> Option<&[u8]> {
        self.set.get(name)
    }

    /// Takes back the value that was set for a response field.
    pub(crate) fn unset<'n>(&mut self, name: impl Into<NameRef<'n>>) {
        self.set.remove(name);
    }

    /// Adds a line to the response, beside others of its name.
    pub(crate) fn add<'n>(&mut self, name: impl Into<NameRef<'n>>, value: &[u8]) {
        self.add.append(name, value);
    }

    /// Removes all fields and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.set.clear();
        self.add.clear();
    }

    /// Whether there are no fields to add.
    pub(crate) fn is_empty(&self) -> bool {
        self.set.is_empty() && self.add.is_empty()
    }

    /// Bytes of text that fit without an allocation.
    pub(crate) fn capacity(&self) -> usize {
        self.set.capacity() + self.add.capacity()
    }

    /// Sets and adds the fields in a response.
    pub(crate) fn apply(&self, response: &mut Fields) {
        for (name, value) in self.set.iter() {
            response.set(name, value);
        }
        for (name, value) in self.add.iter() {
            response.append(name, value);
        }
    }
}
