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
    },
    /// A folder with an index, which the request names without a slash.
    Folder,
    Nothing,
}

impl Lookup {
    /// Looks for the files in their order. Unless `may_wait`, this fails with `WouldBlock` if the answer is not in
    /// memory. The name of what is found is taken out of `wanted`.
    pub(super) fn look(&self, wanted: &mut WantedFile, may_wait: bool) -> io::Result<Looked> {
        let mut folder = None;
        let mut refused = None;
        for (place, WantedName { name, follows_path }) in wanted.names.iter().enumerate() {
            if name.is_folder() {
                // Relative links of an index would lead elsewhere if its folder were served under a path without the
                // slash.
                if *follows_path && !wanted.of_folder {
                    if self.has_index(name, may_wait, &mut refused)? {
                        return Ok(Looked::Folder);
                    }
                    continue;
                }
                for index in &self.index {
                    if let Some(found) = self.file(name.join(index), wanted.codings, may_wait, &mut refused)? {
                        return Ok(found);
                    }
                }
                continue;
            }
            match self.entry(name.text(), may_wait, &mut refused)? {
                Some(AtName::File(file)) => {
                    let (file, coding) = self.best(file, name.text(), wanted.codings, may_wait)?;
                    return Ok(Looked::File { file, name: wanted.names[place].name.take(), coding });
                }
                Some(AtName::Folder) => folder = folder.or(Some(name)),
                Some(AtName::Other) | None => {}
            }
        }
        if let Some(folder) = folder.filter(|_| !wanted.of_folder) {
            if self.has_index(folder, may_wait, &mut refused)? {
                return Ok(Looked::Folder);
            }
        }
        if let Some(fallback) = &self.fallback {
            if let Some(found) = self.file(fallback.text().to_vec(), wanted.codings, may_wait, &mut refused)? {
                return Ok(found);
            }
        }
        match refused {
            Some(error) => Err(error),
            None => Ok(Looked::Nothing),
        }
    }

    /// Whether a folder has a file for requests of the folder itself.
    fn has_index(&self, folder: &FileName, may_wait: bool, refused: &mut Option<io::Error>) -> io::Result<bool> {
        for index in &self.index {
            if let Some(AtName::File(_)) = self.entry(&folder.join(index), may_wait, refused)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn file(
        &self,
        name: Vec<u8>,
        codings: Codings,
        may_wait: bool,
        refused: &mut Option<io::Error>,
    ) -> io::Result<Option<Looked>> {
        let Some(AtName::File(file)) = self.entry(&name, may_wait, refused)? else { return Ok(None) };
        let (file, coding) = self.best(file, &name, codings, may_wait)?;
        Ok(Some(Looked::File { file, name, coding }))
    }

    /// The form of a file that its client likes best. A form that is older than the original is one of an earlier
    /// original. Parts of seconds are not compared: some programs that compress copy the time without them.
    fn best(
        &self,
        file: OpenFile,
        name: &[u8],
        codings: Codings,
        may_wait: bool,
    ) -> io::Result<(OpenFile, Option<FileCoding>)> {
        for coding in codings.iter() {
            let form = [name, coding.ending().as_bytes()].concat();
            if let Some(AtName::File(form)) = self.entry(&form, may_wait, &mut None)? {
                if form.modified_second() >= file.modified_second() {
                    return Ok((form, Some(coding)));
                }
            }
        }
        Ok((file, None))
    }

    /// What stands at a name. `refused` keeps the first error about a file that may not be read: another may be found.
    fn entry(&self, name: &[u8], may_wait: bool, refused: &mut Option<io::Error>) -> io::Result<Option<AtName>> {
        match self.folder.open(name, may_wait) {
            Ok(entry) => Ok(Some(entry)),
            Err(error) if is_absence(&error) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                refused.get_or_insert(error);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
