//! Maintenance as it was asked for, and what becomes of it.

use aws_lc_rs::rand;

use crate::compile::Report;
use crate::respond::{BypassCookie, Closure};
use crate::rewrite::BYPASS_COOKIE;
use crate::runtime_state::traffic::MaintenanceOrder;

/// Bytes of randomness in a value that lets its owner in.
const RANDOM: usize = 24;

impl MaintenanceOrder {
    /// The same with a new cookie that lets its owner in.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub fn with_new_bypass(self) -> Result<Self, String> {
        let mut random = [0; RANDOM];
        rand::fill(&mut random).map_err(|_| "the system has no random numbers".to_owned())?;
        let value: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { bypass: Some(format!("{BYPASS_COOKIE}={value}")), ..self })
    }

    /// The error lists all mistakes.
    pub(super) fn closure(&self) -> Result<Closure, Vec<String>> {
        let mut problems = Vec::new();
        let mut report = Report::new("maintenance", None, &mut problems);
        let bypass = self.bypass.as_deref().and_then(|cookie| report.ok(BypassCookie::parse(cookie)));
        let message = self.message.as_deref().filter(|message| !message.is_empty());
        let closure = Closure::new(message, None, self.retry_after, &self.allow, bypass, &mut report.within("allow"));
        match report.is_sound() {
            true => Ok(closure),
            false => Err(problems.into_iter().map(|problem| problem.message).collect()),
        }
    }
}
