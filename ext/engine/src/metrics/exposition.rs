//! Figures as text: the format of Prometheus, version 0.0.4, and OpenMetrics 1.0.

use std::io::Write;
use std::time::UNIX_EPOCH;

use proxy_http::decimal;
use proxy_http::headers::quality::quality as weight;

use super::exemplar::Exemplar;
use super::histogram::{Buckets, Distribution};

/// Bytes after which the writer should let others work.
const PIECE: usize = 32 * 1024;

/// Format of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExpositionForm {
    /// Prometheus text, version 0.0.4.
    Text,
    /// OpenMetrics, version 1.0.
    OpenMetrics,
}

impl ExpositionForm {
    /// The form that the values of the `Accept` lines prefer. Without any, it is the older text.
    pub(crate) fn of_accept<'v>(accept: impl IntoIterator<Item = &'v [u8]>) -> Self {
        let mut best = [0; 2];
        for line in accept {
            for element in line.split(|byte| *byte == b',') {
                let mut parts = element.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
                let range = parts.next().unwrap_or_default().to_ascii_lowercase();
                let (form, mut quality) = match &range[..] {
                    b"application/openmetrics-text" => (Self::OpenMetrics, 1_000),
                    // A range takes the older text, which everybody can read.
                    b"text/plain" | b"text/*" | b"*/*" => (Self::Text, 1_000),
                    _ => continue,
                };
                for part in parts {
                    let text = std::str::from_utf8(part).unwrap_or_default();
                    match text.split_once('=').map(|(name, value)| (name.trim(), value.trim())) {
                        Some((name, value)) if name.eq_ignore_ascii_case("q") => {
                            quality = weight(value.as_bytes()).unwrap_or(0);
                        }
                        // Another version of OpenMetrics is another format.
                        Some(("version", version)) if form == Self::OpenMetrics && !version.starts_with("1.") => {
                            quality = 0;
                        }
                        _ => {}
                    }
                }
                let known = &mut best[form as usize];
                *known = quality.max(*known);
            }
        }
        if best[Self::OpenMetrics as usize] > 0 && best[Self::OpenMetrics as usize] >= best[Self::Text as usize] {
            Self::OpenMetrics
        } else {
            Self::Text
        }
    }

    /// Value of `Content-Type`.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// Kind of a family of series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FamilyKind {
    Counter,
    Gauge,
    Histogram,
    /// A gauge of 1 whose labels say something.
    Info,
}

/// A family: all series of one name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MetricFamily {
    /// Name without the ending of its kind: `_total`, `_info`.
    pub(crate) name: &'static str,
    pub(crate) kind: FamilyKind,
    /// The unit, with which the name ends: `seconds`, `bytes`, or nothing.
    pub(crate) unit: &'static str,
    /// One sentence.
    pub(crate) help: &'static str,
}

/// Text that is being written.
#[derive(Debug)]
pub(crate) struct Exposition {
    form: ExpositionForm,
    out: Vec<u8>,
    /// Length at the last pause.
    paused: usize,
    name: &'static str,
    ending: &'static str,
    /// Bounds of histograms, as labels.
    bounds: Vec<String>,
}

impl Exposition {
    /// A text with histograms of these buckets. `size`: about how long it will be.
    pub(crate) fn new(form: ExpositionForm, buckets: &Buckets, size: usize) -> Self {
        let bound = |bound: f64| match format!("{bound}") {
            whole if form == ExpositionForm::OpenMetrics && !whole.contains('.') => format!("{whole}.0"),
            text => text,
        };
        let bounds = buckets.seconds().map(bound).chain(["+Inf".to_owned()]).collect();
        Self { form, out: Vec::with_capacity(size), paused: 0, name: "", ending: "", bounds }
    }

    /// Begins a family. Its series follow.
    pub(crate) fn family(&mut self, family: &MetricFamily) {
        let MetricFamily { name, kind, unit, help } = *family;
        let is_open = self.form == ExpositionForm::OpenMetrics;
        self.name = name;
        self.ending = match kind {
            FamilyKind::Counter => "_total",
            FamilyKind::Info => "_info",
            FamilyKind::Gauge | FamilyKind::Histogram => "",
        };
        let shown = if is_open { "" } else { self.ending };
        let kind = match kind {
            FamilyKind::Counter => "counter",
            FamilyKind::Histogram => "histogram",
            FamilyKind::Info if is_open => "info",
            FamilyKind::Gauge | FamilyKind::Info => "gauge",
        };
        self.push(&["# HELP ", name, shown, " ", help, "\n# TYPE ", name, shown, " ", kind, "\n"]);
        if is_open && !unit.is_empty() {
            self.push(&["# UNIT ", name, " ", unit, "\n"]);
        }
    }

    /// A series of the family with a whole number.
    pub(crate) fn count(&mut self, labels: &[(&str, &str)], value: u64) {
        self.begin(labels);
        decimal::push(&mut self.out, value);
        self.out.push(b'\n');
    }

    /// A series of the family with any number.
    pub(crate) fn number(&mut self, labels: &[(&str, &str)], value: f64) {
        self.begin(labels);
        self.out.extend_from_slice(value.to_string().as_bytes());
        self.out.push(b'\n');
    }

    /// The series of one histogram of the family.
    pub(crate) fn histogram(&mut self, labels: &[(&str, &str)], distribution: &Distribution) {
        let mut shown = Vec::new();
        write_labels(&mut shown, labels);
        let (name, mut sum) = (self.name.as_bytes(), 0);
        let separator: &[u8] = if shown.is_empty() { b"" } else { b"," };
        let counts = distribution.counts.iter().chain(std::iter::repeat(&0));
        // Only OpenMetrics knows them.
        let known = if self.form == ExpositionForm::OpenMetrics { &distribution.exemplars[..] } else { &[] };
        let exemplars = known.iter().chain(std::iter::repeat(&None));
        for ((bound, count), exemplar) in self.bounds.iter().zip(counts).zip(exemplars) {
            sum += count;
            for part in [name, b"_bucket{", &shown, separator, b"le=\"", bound.as_bytes(), b"\"} "] {
                self.out.extend_from_slice(part);
            }
            decimal::push(&mut self.out, sum);
            if let Some(exemplar) = exemplar {
                write_exemplar(&mut self.out, exemplar);
            }
            self.out.push(b'\n');
        }
        let (open, close): (&[u8], &[u8]) = if shown.is_empty() { (b"", b"") } else { (b"{", b"}") };
        let total = distribution.sum.to_string();
        for part in [name, b"_sum", open, &shown, close, b" ", total.as_bytes(), b"\n"] {
            self.out.extend_from_slice(part);
        }
        for part in [name, b"_count", open, &shown, close, b" "] {
            self.out.extend_from_slice(part);
        }
        decimal::push(&mut self.out, sum);
        self.out.push(b'\n');
    }

    /// Whether so much was written since the last pause that others should have their turn. Begins anew then.
    pub(crate) fn is_pause_due(&mut self) -> bool {
        let is_due = self.out.len() - self.paused > PIECE;
        if is_due {
            self.paused = self.out.len();
        }
        is_due
    }

    /// The whole text.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        if self.form == ExpositionForm::OpenMetrics {
            self.push(&["# EOF\n"]);
        }
        self.out
    }

    fn begin(&mut self, labels: &[(&str, &str)]) {
        self.push(&[self.name, self.ending]);
        if !labels.is_empty() {
            self.out.push(b'{');
            write_labels(&mut self.out, labels);
            self.out.push(b'}');
        }
        self.out.push(b' ');
    }

    fn push(&mut self, parts: &[&str]) {
        for part in parts {
            self.out.extend_from_slice(part.as_bytes());
        }
    }
}

fn write_exemplar(out: &mut Vec<u8>, exemplar: &Exemplar) {
    out.extend_from_slice(b" # {trace_id=\"");
    out.extend_from_slice(&exemplar.trace.digits());
    let since = exemplar.at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (value, seconds, millis) = (exemplar.value.as_nanos() as f64 / 1e9, since.as_secs(), since.subsec_millis());
    // A vector takes all.
    let _ = write!(out, "\"}} {value} {seconds}.{millis:03}");
}

fn write_labels(out: &mut Vec<u8>, labels: &[(&str, &str)]) {
    for (index, (name, value)) in labels.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"=\"");
        for byte in value.bytes() {
            match byte {
                b'\\' => out.extend_from_slice(b"\\\\"),
                b'"' => out.extend_from_slice(b"\\\""),
                b'\n' => out.extend_from_slice(b"\\n"),
                byte => out.push(byte),
            }
        }
        out.push(b'"');
    }
}

#[cfg(test)]
mod tests;
