//! Names of captures. A configuration stores each name once, so that a request only notes numbers.

use rustc_hash::FxHashMap;

/// Names of captures and their numbers.
#[derive(Debug, Default)]
pub(crate) struct CaptureNames {
    list: Vec<Box<str>>,
    numbers: FxHashMap<Box<str>, u32>,
}

impl CaptureNames {
    /// The number of a name, which is added if it is new.
    pub(crate) fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = self.list.len() as u32;
        self.list.push(name.into());
        self.numbers.insert(name.into(), number);
        number
    }

    /// Every name, in the order of their numbers.
    pub(crate) fn into_list(self) -> Box<[Box<str>]> {
        self.list.into()
    }

    pub(crate) fn name(&self, number: u32) -> &str {
        self.list.get(number as usize).map_or("", |name| name)
    }
}
