//! What is wrong with one directive.

use crate::config::{are_sound, At, Code, Problem};

/// Collects the problems of one directive, or of one of its options.
pub(crate) struct Report<'a> {
    directive: &'a str,
    at: Option<&'a At>,
    /// The options around the value that is checked, each with a colon and a space behind it.
    trail: String,
    problems: &'a mut Vec<Problem>,
    /// How many problems there were before.
    before: usize,
}

impl<'a> Report<'a> {
    /// Begins to check the directive that is written `directive` and stands at `at`.
    pub(crate) fn new(directive: &'a str, at: Option<&'a At>, problems: &'a mut Vec<Problem>) -> Self {
        let before = problems.len();
        Self { directive, at, trail: String::new(), problems, before }
    }

    /// Begins to check an option. What is wrong with it is told after its name.
    pub(crate) fn within(&mut self, option: &str) -> Report<'_> {
        Report { trail: format!("{}{option}: ", self.trail), ..self.anew() }
    }

    /// Begins to check a part of the directive, so that [`Report::is_sound`] speaks of that part alone.
    pub(crate) fn anew(&mut self) -> Report<'_> {
        let before = self.problems.len();
        Report { directive: self.directive, at: self.at, trail: self.trail.clone(), problems: self.problems, before }
    }

    /// Adds a mistake: the server does not start. `message` says what is wrong with which value, and what to write
    /// instead.
    pub(crate) fn error(&mut self, message: impl AsRef<str>) {
        let message = format!("{}{}", self.trail, message.as_ref());
        self.problems.push(Problem::error(self.at, self.directive, message));
    }

    /// Adds a warning: it is legal, and surely meant otherwise.
    pub(crate) fn warning(&mut self, message: impl AsRef<str>) {
        self.warning_of(Code::Slip, message);
    }

    /// Adds a warning of a kind that programs ask for.
    pub(crate) fn warning_of(&mut self, code: Code, message: impl AsRef<str>) {
        let message = format!("{}{}", self.trail, message.as_ref());
        self.problems.push(Problem::warning_of(code, self.at, self.directive, message));
    }

    /// Adds several warnings.
    pub(crate) fn warnings<M: AsRef<str>>(&mut self, messages: impl IntoIterator<Item = M>) {
        messages.into_iter().for_each(|message| self.warning(message));
    }

    /// The value of a check, or `None` after its error has been added.
    pub(crate) fn ok<T, M: AsRef<str>>(&mut self, checked: Result<T, M>) -> Option<T> {
        checked.map_err(|message| self.error(message)).ok()
    }

    /// Whether nothing was wrong so far. Warnings do not count.
    pub(crate) fn is_sound(&self) -> bool {
        are_sound(&self.problems[self.before..])
    }

    /// Where problems go, for those of another directive.
    pub(crate) fn problems(&mut self) -> &mut Vec<Problem> {
        self.problems
    }

    /// The line of the directive.
    pub(crate) fn at(&self) -> Option<&'a At> {
        self.at
    }
}

#[cfg(test)]
impl Report<'_> {
    /// What `check` returns, and the messages of all that it reports.
    pub(crate) fn told<T>(check: impl FnOnce(&mut Report<'_>) -> T) -> (T, Vec<String>) {
        let mut problems = Vec::new();
        let checked = check(&mut Report::new("test", None, &mut problems));
        (checked, problems.into_iter().map(|problem| problem.message).collect())
    }

    /// What `check` returns, which must not report anything.
    pub(crate) fn sound<T>(check: impl FnOnce(&mut Report<'_>) -> T) -> T {
        let (checked, told) = Self::told(check);
        assert!(told.is_empty(), "{told:?}");
        checked
    }
}

#[cfg(test)]
mod tests;
