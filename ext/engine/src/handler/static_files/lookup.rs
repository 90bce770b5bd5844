//! The search for a file.

use std::io;

use smallvec::SmallVec;

use super::name::FileName;
use crate::disk::{is_absence, AtName, OpenFile, ServedFolder};
use crate::file_response::{Codings, FileCoding};

/// Where files are looked for.
#[derive(Debug)]
pub(super) struct Lookup {
    pub(super) folder: ServedFolder,
    pub(super) index: Box<[FileName]>,
    pub(super) fallback: Option<FileName>,
}

/// What a request wants.
#[derive(Debug)]
pub(crate) struct WantedFile {
    /// Names, in the order in which they are looked for.
    pub(super) names: SmallVec<[WantedName; 1]>,
    /// Whether the request names a folder: its path ends with a slash.
    pub(super) of_folder: bool,
    /// Whether a folder is redirected to its path with a slash. Else its index is served without one.
    pub(super) redirects: bool,
    /// Codings that may take the place of a file.
    pub(super) codings: Codings,
}

/// A name to look for.
#[derive(Debug)]
pub(super) struct WantedName {
    pub(super) name: FileName,
    /// Whether the path of the request is a part of it.
    pub(super) follows_path: bool,
}

/// What was found.
#[derive(Debug)]
pub(super) enum Looked {
    File {
        file: OpenFile,
        /// Name of the original, if it is a compressed form.
        name: Vec<u8>,
        coding: Option<FileCoding>,
        /// A compressed form that the client likes better, and why it cannot be opened.
        unreadable: Option<(Vec<u8>, io::Error)>,
    },
    /// A folder with an index, which the request names without a slash.
    Folder,
    Nothing,
}

/// The form of a file that is sent.
struct BestForm {
    file: OpenFile,
    coding: Option<FileCoding>,
    unreadable: Option<(Vec<u8>, io::Error)>,
}

impl BestForm {
    /// `name`: that of the original.
    fn named(self, name: Vec<u8>) -> Looked {
        let Self { file, coding, unreadable } = self;
        Looked::File { file, name, coding, unreadable }
    }
}

impl Lookup {
    /// Looks for the files in their order. Unless `may_wait`, this fails with `WouldBlock` if the answer is not in
    /// memory. A file that may not be read is an error too: another must not take its place. The name of what is found
    /// is taken out of `wanted`.
    pub(super) fn look(&self, wanted: &mut WantedFile, may_wait: bool) -> io::Result<Looked> {
        let mut folder = None;
        for (place, WantedName { name, follows_path }) in wanted.names.iter().enumerate() {
            if name.is_folder() {
                // Relative links of an index would lead elsewhere if its folder were served under a path without the
                // slash.
                if *follows_path && !wanted.of_folder && wanted.redirects {
                    if self.has_index(name, may_wait)? {
                        return Ok(Looked::Folder);
                    }
                    continue;
                }
                if let Some(found) = self.index(name, wanted.codings, may_wait)? {
                    return Ok(found);
                }
                continue;
            }
            match self.entry(name.text(), may_wait)? {
                Some(AtName::File(file)) => {
                    let best = self.best(file, name.text(), wanted.codings, may_wait)?;
                    return Ok(best.named(wanted.names[place].name.take()));
                }
                Some(AtName::Folder) => folder = folder.or(Some(name)),
                Some(AtName::Other) | None => {}
            }
        }
        if let Some(folder) = folder.filter(|_| !wanted.of_folder) {
            if !wanted.redirects {
                if let Some(found) = self.index(folder, wanted.codings, may_wait)? {
                    return Ok(found);
                }
            } else if self.has_index(folder, may_wait)? {
                return Ok(Looked::Folder);
            }
        }
        if let Some(fallback) = &self.fallback {
            if let Some(found) = self.file(fallback.text().to_vec(), wanted.codings, may_wait)? {
                return Ok(found);
            }
        }
        Ok(Looked::Nothing)
    }

    /// Whether a folder has a file for requests of the folder itself.
    fn has_index(&self, folder: &FileName, may_wait: bool) -> io::Result<bool> {
        for index in &self.index {
            if let Some(AtName::File(_)) = self.entry(&folder.join(index), may_wait)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The file for requests of a folder itself.
    fn index(&self, folder: &FileName, codings: Codings, may_wait: bool) -> io::Result<Option<Looked>> {
        for index in &self.index {
            if let Some(found) = self.file(folder.join(index), codings, may_wait)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn file(&self, name: Vec<u8>, codings: Codings, may_wait: bool) -> io::Result<Option<Looked>> {
        match self.entry(&name, may_wait)? {
            Some(AtName::File(file)) => {
                let best = self.best(file, &name, codings, may_wait)?;
                Ok(Some(best.named(name)))
            }
            _ => Ok(None),
        }
    }

    /// The form of a file that its client likes best. A form that is older than the original is one of an earlier
    /// original. Parts of seconds are not compared: some programs that compress copy the time without them. A form that
    /// may not be read is passed over, as by nginx.
    fn best(&self, file: OpenFile, name: &[u8], codings: Codings, may_wait: bool) -> io::Result<BestForm> {
        let mut unreadable = None;
        for coding in codings.iter() {
            let form = [name, coding.ending().as_bytes()].concat();
            match self.entry(&form, may_wait) {
                Ok(Some(AtName::File(form))) if form.modified_second() >= file.modified_second() => {
                    return Ok(BestForm { file: form, coding: Some(coding), unreadable });
                }
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    unreadable.get_or_insert((form, error));
                }
                entry => drop(entry?),
            }
        }
        Ok(BestForm { file, coding: None, unreadable })
    }

    /// What stands at a name.
    fn entry(&self, name: &[u8], may_wait: bool) -> io::Result<Option<AtName>> {
        match self.folder.open(name, may_wait) {
            Ok(entry) => Ok(Some(entry)),
            Err(error) if is_absence(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
