//! Fields that filters want on the response.

use proxy_http::message::{Fields, NameRef};

/// Fields for the response to a request, whoever makes it: a backend, or the proxy itself.
#[derive(Debug, Default)]
pub(crate) struct ResponseAdditions {
    set: Fields,
    add: Fields,
}

impl ResponseAdditions {
    /// Makes `value` the only value of a field of the response.
    pub(crate) fn set<'n>(&mut self, name: impl Into<NameRef<'n>>, value: &[u8]) {
        self.set.set(name, value);
    }

    /// The value that a field of the response is made to have, if any.
    pub(crate) fn get<'n>(&self, name: impl Into<NameRef<'n>>) -> Option<&[u8]> {
        self.set.get(name)
    }

    /// Takes back what was set.
    pub(crate) fn unset<'n>(&mut self, name: impl Into<NameRef<'n>>) {
        self.set.remove(name);
    }

    /// Adds a line to the response, beside others of that name.
    pub(crate) fn add<'n>(&mut self, name: impl Into<NameRef<'n>>, value: &[u8]) {
        self.add.append(name, value);
    }

    /// Forgets everything and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.set.clear();
        self.add.clear();
    }

    /// Whether there is nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.set.is_empty() && self.add.is_empty()
    }

    /// Bytes of text that it has room for.
    pub(crate) fn capacity(&self) -> usize {
        self.set.capacity() + self.add.capacity()
    }

    /// Puts the fields among those of a response.
    pub(crate) fn apply(&self, response: &mut Fields) {
        for (name, value) in self.set.iter() {
            response.set(name, value);
        }
        for (name, value) in self.add.iter() {
            response.append(name, value);
        }
    }
}
