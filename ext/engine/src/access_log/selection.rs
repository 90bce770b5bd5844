//! Which requests are logged.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::compile::{ExcludedPath, Report};
use crate::config::AccessLogConfig;
use crate::rewrite::RequestValues;

/// Which requests are logged: a share of them, those that are kept in any case, and none of some paths.
#[derive(Debug)]
pub(super) struct Selection {
    excluded: Box<[ExcludedPath]>,
    sampled: Option<Sampled>,
}

/// A share of the requests, and those that are logged beside it.
#[derive(Debug)]
struct Sampled {
    /// Requests whose random number is at least this are not in the share.
    bound: u64,
    rate: Box<str>,
    statuses: Vec<RangeInclusive<u16>>,
    slower_than: Option<Duration>,
}

/// Share of the requests like this one that is logged, as text. `None` if all are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SampleRate<'a>(pub(super) Option<&'a str>);

impl Selection {
    /// Checks `sample`, `keep` and `exclude`.
    pub(super) fn compile(spec: &AccessLogConfig, report: &mut Report<'_>) -> Self {
        let excluded = ExcludedPath::compile_all(&spec.exclude, report);
        let (rate, keep) = (spec.sample, &spec.keep);
        let is_share = rate > 0.0 && rate <= 1.0;
        if !is_share {
            report.within("sample").error(format!("{rate} is no share: write a number above 0, up to 1, such as 0.1"));
        }
        let mut kept = report.within("keep");
        let statuses = keep.status.iter().filter_map(|range| statuses(*range, &mut kept.within("status"))).collect();
        let slower_than = keep.slower_than.map(|seconds| kept.within("slower_than").seconds_or_zero(seconds));
        let keeps = !keep.status.is_empty() || keep.slower_than.is_some();
        if keeps && is_share && rate >= 1.0 {
            kept.error("all requests are logged already: write sample: 0.1 too, or leave keep out");
        }
        let sampled = (rate < 1.0).then(|| {
            // Rounded towards zero, which is what a float as large as the largest number needs.
            let bound = (rate * u64::MAX as f64) as u64;
            Sampled { bound, rate: rate.to_string().into(), statuses, slower_than }
        });
        Self { excluded, sampled }
    }

    /// Whether a request is logged that has its response, and with which rate.
    pub(super) fn choose(&self, scope: &RequestValues<'_>) -> Option<SampleRate<'_>> {
        if !self.excluded.is_empty() {
            let path = scope.request.path();
            if self.excluded.iter().any(|excluded| excluded.covers(path)) {
                return None;
            }
        }
        let Some(sampled) = &self.sampled else { return Some(SampleRate(None)) };
        let kept = scope.response.is_some_and(|response| {
            // A request that the stop has cut has no status, and has failed for the reason of a 503.
            let status = Some(response.http_status()).filter(|status| *status > 0).unwrap_or(503);
            sampled.statuses.iter().any(|range| range.contains(&status))
                || sampled.slower_than.is_some_and(|limit| response.elapsed >= limit)
        });
        if kept {
            return Some(SampleRate(Some("1")));
        }
        (scope.request_id.number() < sampled.bound).then_some(SampleRate(Some(&sampled.rate)))
    }
}

fn statuses((first, last): (i64, i64), report: &mut Report<'_>) -> Option<RangeInclusive<u16>> {
    let code = |code: i64| u16::try_from(code).ok().filter(|code| (100..=999).contains(code));
    let range = code(first).zip(code(last)).filter(|(first, last)| first <= last);
    if range.is_none() {
        report.error(format!("{first}..{last} is not a valid range of status codes: write 500.. or 400..499"));
    }
    range.map(|(first, last)| first..=last)
}

#[cfg(test)]
mod tests;
