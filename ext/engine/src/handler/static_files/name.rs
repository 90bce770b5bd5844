//! The name of a file inside of the root.

/// A name that cannot lead out of the root, but by a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileName {
    /// Parts with slashes between them; empty for the root itself.
    text: Vec<u8>,
    is_folder: bool,
}

impl FileName {
    /// The name that `text` spells, whose escapes are decoded. `None` if it is not to be looked for: it climbs, has a
    /// byte that other systems take for a separator, or a part that begins with a dot, unless `dotfiles`.
    pub(super) fn of(text: &[u8], dotfiles: bool) -> Option<Self> {
        if memchr::memchr2(b'\0', b'\\', text).is_some() {
            return None;
        }
        let mut name = Vec::with_capacity(text.len());
        for part in text.split(|byte| *byte == b'/') {
            match part {
                b"" | b"." => continue,
                b".." => return None,
                b".well-known" => {}
                [b'.', ..] if !dotfiles => return None,
                _ => {}
            }
            if !name.is_empty() {
                name.push(b'/');
            }
            name.extend_from_slice(part);
        }
        let is_folder = name.is_empty() || text.ends_with(b"/") || text.ends_with(b"/.");
        Some(Self { text: name, is_folder })
    }

    /// The name, without a slash at either end.
    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    /// The name, as text of its own. Nothing is left of it here.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.text)
    }

    /// Whether it was written as the name of a folder: with a slash at its end.
    pub(super) fn is_folder(&self) -> bool {
        self.is_folder
    }

    /// Name of a file inside of the folder that this names.
    pub(super) fn join(&self, inner: &Self) -> Vec<u8> {
        match self.text.is_empty() {
            true => inner.text.clone(),
            false => [&self.text[..], b"/", &inner.text].concat(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_read() {
        for (text, expected) in [
            ("/a/b.html", Some(("a/b.html", false))),
            ("//a//./b/", Some(("a/b", true))),
            ("/", Some(("", true))),
            ("", Some(("", true))),
            ("/a/.", Some(("a", true))),
            ("/.well-known/acme", Some((".well-known/acme", false))),
            ("/..", None),
            ("/a/../b", None),
            ("/a\\..\\b", None),
            ("/a\0.html", None),
            ("/.git/config", None),
            ("/a/.env", None),
            ("/...", None),
        ] {
            let name = FileName::of(text.as_bytes(), false);
            let expected = expected.map(|(text, is_folder)| FileName { text: text.into(), is_folder });
            assert_eq!(name, expected, "{text}");
        }
        assert_eq!(FileName::of(b"/.env", true).map(|name| name.text), Some(b".env".to_vec()));
    }

    proptest! {
        #[test]
        fn no_name_leaves_the_root(text in "[a./\\\\\0%]{0,24}", dotfiles: bool) {
            let Some(name) = FileName::of(text.as_bytes(), dotfiles) else { return Ok(()) };
            prop_assert!(!name.text.starts_with(b"/"));
            let parts: Vec<_> = name.text.split(|byte| *byte == b'/').collect();
            prop_assert!(parts.iter().all(|part| *part != b".." && *part != b"."));
            prop_assert!(name.text.is_empty() || parts.iter().all(|part| !part.is_empty()));
        }
    }
}
