//! Paths whose requests are not logged, or not counted.

use super::Report;

/// Paths of one list, at most: each is compared with the path of every request.
const MOST_PATHS: usize = 100;

/// A path whose requests are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ExcludedPath {
    /// This path alone.
    Exact(Box<[u8]>),
    /// What all paths below it begin with: the path with its slash. The path itself is left out too.
    Below(Box<[u8]>),
}

impl ExcludedPath {
    /// Reads an option `exclude`: `/up`, or `/assets/*` for all below.
    pub(crate) fn compile_all(written: &[String], report: &mut Report<'_>) -> Box<[Self]> {
        let mut report = report.within("exclude");
        if written.len() > MOST_PATHS {
            report.error(format!("these are {}: write at most {MOST_PATHS} paths", written.len()));
        }
        written.iter().filter_map(|path| Self::compile(path, &mut report)).collect()
    }

    fn compile(path: &str, report: &mut Report<'_>) -> Option<Self> {
        let below = path.strip_suffix('*').filter(|begin| begin.ends_with('/'));
        if !path.starts_with('/') || below.unwrap_or(path).contains(['*', '?', '#']) {
            report.error(format!("{path:?} is not a path: write \"/up\", or \"/assets/*\" for all below"));
            return None;
        }
        Some(match below {
            Some(begin) => Self::Below(begin.as_bytes().into()),
            None => Self::Exact(path.as_bytes().into()),
        })
    }

    /// Whether requests for `path` are left out.
    pub(crate) fn covers(&self, path: &[u8]) -> bool {
        match self {
            Self::Exact(exact) => **exact == *path,
            Self::Below(begin) => path.starts_with(begin) || *path == begin[..begin.len() - 1],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(written: &str, path: &str) -> bool {
        let all = Report::sound(|report| ExcludedPath::compile_all(&[written.to_owned()], report));
        all.iter().any(|excluded| excluded.covers(path.as_bytes()))
    }

    #[test]
    fn a_path_is_left_out_alone_or_with_all_below() {
        for (written, path, is_covered) in [
            ("/up", "/up", true),
            ("/up", "/up/", false),
            ("/up", "/upper", false),
            ("/a/*", "/a", true),
            ("/a/*", "/a/", true),
            ("/a/*", "/a/b/c", true),
            ("/a/*", "/ab", false),
            ("/*", "/", true),
            ("/*", "/a", true),
            ("/*", "*", false),
            ("/", "/a", false),
        ] {
            assert_eq!(covers(written, path), is_covered, "{written} {path}");
        }
    }

    #[test]
    fn mistakes_are_told_with_what_to_write() {
        let told = |written: &[&str]| {
            let written: Vec<_> = written.iter().map(|path| (*path).to_owned()).collect();
            Report::told(|report| ExcludedPath::compile_all(&written, report)).1
        };
        let remedy = "is not a path: write \"/up\", or \"/assets/*\" for all below";
        let wrong = ["up", "", "/a*", "/*/b", "/a?b", "/a#b", "*", "/a*/*"];
        assert_eq!(told(&wrong), wrong.map(|path| format!("exclude: {path:?} {remedy}")));
        assert_eq!(told(&["/a"; 101]), ["exclude: these are 101: write at most 100 paths"]);
    }
}
