//! Mistakes of one directive.

use crate::config::{are_sound, At, Code, Problem};

/// Collects the problems of one directive, or of one of its options.
pub(crate) struct Report<'a> {
    directive: &'a str,
    at: Option<&'a At>,
    /// Names of the options around the checked value, each followed by a colon and a space.
    trail: String,
    problems: &'a mut Vec<Problem>,
    /// Number of problems before this report began.
    before: usize,
}

impl<'a> Report<'a> {
    /// Report about the directive `directive` at the line `at`.
    pub(crate) fn new(directive: &'a str, at: Option<&'a At>, problems: &'a mut Vec<Problem>) -> Self {
        let before = problems.len();
        Self { directive, at, trail: String::new(), problems, before }
    }

    /// Report about an option. Its messages begin with the option's name.
    pub(crate) fn within(&mut self, option: &str) -> Report<'_> {
        Report { trail: format!("{}{option}: ", self.trail), ..self.anew() }
    }

    /// Report about a part of the directive: [`Report::is_sound`] then covers this part alone.
    pub(crate) fn anew(&mut self) -> Report<'_> {
        let before = self.problems.len();
        Report { directive: self.directive, at: self.at, trail: self.trail.clone(), problems: self.problems, before }
    }

    /// Adds a mistake that keeps the server from starting. `message` says what is wrong with which value, and what to
    /// write instead.
    pub(crate) fn error(&mut self, message: impl AsRef<str>) {
        let message = format!("{}{}", self.trail, message.as_ref());
        self.problems.push(Problem::error(self.at, self.directive, message));
    }

    /// Adds a warning of something legal and surely not intended.
    pub(crate) fn warning(&mut self, message: impl AsRef<str>) {
        self.warning_of(Code::Slip, message);
    }

    /// Adds a warning with a code for programs.
    pub(crate) fn warning_of(&mut self, code: Code, message: impl AsRef<str>) {
        let message = format!("{}{}", self.trail, message.as_ref());
        self.problems.push(Problem::warning_of(code, self.at, self.directive, message));
    }

    /// Adds several warnings.
    pub(crate) fn warnings<M: AsRef<str>>(&mut self, messages: impl IntoIterator<Item = M>) {
        messages.into_iter().for_each(|message| self.warning(message));
    }

    /// The value of a check. An error is added to the report and gives `None`.
    pub(crate) fn ok<T, M: AsRef<str>>(&mut self, checked: Result<T, M>) -> Option<T> {
        checked.map_err(|message| self.error(message)).ok()
    }

    /// Whether no mistake was reported so far. Warnings do not count.
    pub(crate) fn is_sound(&self) -> bool {
        are_sound(&self.problems[self.before..])
    }

    /// List of problems, for problems of other directives.
    pub(crate) fn problems(&mut self) -> &mut Vec<Problem> {
        self.problems
    }

    /// File and line of the directive.
    pub(crate) fn at(&self) -> Option<&'a At> {
        self.at
    }
}

#[cfg(test)]
impl Report<'_> {
    /// Result of `check`, and the messages of all that it reports.
    pub(crate) fn told<T>(check: impl FnOnce(&mut Report<'_>) -> T) -> (T, Vec<String>) {
        let mut problems = Vec::new();
        let checked = check(&mut Report::new("test", None, &mut problems));
        (checked, problems.into_iter().map(|problem| problem.message).collect())
    }

    /// Result of `check`, which must not report anything.
    pub(crate) fn sound<T>(check: impl FnOnce(&mut Report<'_>) -> T) -> T {
        let (checked, told) = Self::told(check);
        assert!(told.is_empty(), "{told:?}");
        checked
    }
}

#[cfg(test)]
mod tests;
