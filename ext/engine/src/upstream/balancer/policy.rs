//! What `backend_priority` says.

use std::sync::Arc;

use super::sticky::Sticky;
use crate::compile::Report;
use crate::config::Priority;
use crate::rewrite::{Context, Template};

/// A selection policy, as `backend_priority` names it.
#[derive(Debug, Clone)]
pub(crate) enum BalancingPolicy {
    /// One after the other, as often as their weights say.
    RoundRobin,
    /// The first of the list that is available.
    Ordered,
    /// Any of them, each as likely as its weight says.
    Random,
    /// The one with the fewest requests in flight for its weight; among equals, in turn.
    LeastConn,
    /// The less busy of two random ones.
    RandomTwo,
    /// The one that a value of the request falls to, by a consistent hash.
    Keyed {
        /// The value: the client's address, or a string rewrite.
        template: Arc<Template>,
        /// Whether a backend that has far more than its share of requests in flight is passed over.
        bounded: bool,
    },
    /// The one that the client's cookie names; without a cookie, in turn.
    Sticky(Arc<Sticky>),
}

impl BalancingPolicy {
    /// Every policy that is but a name, in the order of the documentation.
    pub(crate) const NAMES: [&'static str; 6] =
        ["round_robin", "ordered", "random", "least_conn", "random_two", "ip_hash"];

    /// The policy with that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "round_robin" => Self::RoundRobin,
            "ordered" => Self::Ordered,
            "random" => Self::Random,
            "least_conn" => Self::LeastConn,
            "random_two" => Self::RandomTwo,
            "ip_hash" => {
                Self::Keyed { template: Arc::new(Template::parse("{addr}", Context::Request).ok()?), bounded: false }
            }
            _ => return None,
        })
    }

    /// What looks like a slip, given the names of the `captures` around it.
    pub(crate) fn warnings(&self, captures: &[&str]) -> Vec<String> {
        match self {
            Self::Keyed { template, .. } => template.warnings(captures),
            _ => Vec::new(),
        }
    }

    /// Reads `backend_priority`. `None` if it is wrong.
    pub(in crate::upstream) fn compile(priority: &Priority, report: &mut Report<'_>) -> Option<Self> {
        match priority {
            Priority::Named(name) => Self::named(name).or_else(|| {
                let names = Self::NAMES.map(|name| format!("{name:?}")).join(", ");
                report.error(format!("{name:?} is unknown: write one of {names}"));
                None
            }),
            Priority::Hash(text) => {
                let mut report = report.within("hash");
                let template = report.ok(Template::parse(text, Context::Request))?;
                if template.literal().is_some() {
                    report.error(format!(
                        "{text:?} is the same for every request, and all of them would go to one backend: write a \
                         string rewrite such as \"{{path}}\""
                    ));
                    return None;
                }
                Some(Self::Keyed { template: Arc::new(template), bounded: true })
            }
            Priority::Sticky(sticky) => report.ok(Sticky::new(sticky)).map(|sticky| Self::Sticky(Arc::new(sticky))),
        }
    }
}
