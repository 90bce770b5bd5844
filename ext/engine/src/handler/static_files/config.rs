//! The options of `static_files`.

use serde::{Deserialize, Serialize};

use crate::config::{At, Match};

/// `static_files root: "public", index: "index.html", try_files: ["{path}", "{path}.html"], precompressed: true, …`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct StaticFilesConfig {
    /// The folder, an absolute path.
    pub root: Option<String>,
    /// Files that stand for their folder, in the order in which they are looked for.
    pub index: Vec<String>,
    /// Files that are looked for, in this order: string rewrites of paths inside of the folder. One that ends with a
    /// slash is an index.
    pub try_files: Vec<String>,
    /// File that is served if none was found. Default: the next handler is asked.
    pub fallback: Option<String>,
    /// Whether compressed forms beside a file are served to those who take them: `.zst`, `.br`, `.gz`.
    pub precompressed: bool,
    /// Values of `Cache-Control`, each with the pattern of the files that it is for. The first that matches counts.
    pub cache_control: Vec<(Match, String)>,
    /// Further fields of the responses.
    pub headers: Vec<(String, String)>,
    /// Media types of endings, which count more than the known ones.
    pub types: Vec<(String, String)>,
    /// Whether symbolic links are followed; `"inside"`: if they lead to a place inside of the folder.
    pub symlinks: Symlinks,
    /// Whether files and folders are served whose names begin with a dot. `.well-known` always is.
    pub dotfiles: bool,
    /// File and line of the directive, if it comes from a file.
    pub at: Option<At>,
}

impl Default for StaticFilesConfig {
    fn default() -> Self {
        Self {
            root: None,
            index: vec!["index.html".into()],
            try_files: vec!["{path}".into()],
            fallback: None,
            precompressed: false,
            cache_control: Vec::new(),
            headers: Vec::new(),
            types: Vec::new(),
            symlinks: Symlinks::Switch(true),
            dotfiles: false,
            at: None,
        }
    }
}

/// `symlinks: true`, `false` or `:inside`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Symlinks {
    /// Whether links are followed.
    Switch(bool),
    /// `"inside"`: they are followed if they lead to a place inside of the folder.
    Named(String),
}
