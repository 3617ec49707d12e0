//! What a metric is, and the document that all of them come to.
//!
//! A metric is declared once, in `metrics.rs`: the constant that code names it by, its help text in
//! `/metrics` and its row in `docs/METRICS.md` all come out of that declaration, so none can say
//! something else than the others.

use std::fmt::Write as _;

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use serde::Serialize;

/// Metrics of one part of the collector.
#[derive(Debug, Serialize)]
pub(crate) struct Family {
    /// What part.
    pub(crate) title: &'static str,
    /// Its metrics.
    pub(crate) metrics: &'static [Metric],
}

/// One metric.
#[derive(Debug)]
pub(crate) struct Metric {
    /// Its name, whose end says the unit.
    pub(crate) name: &'static str,
    /// How it moves.
    pub(crate) kind: Kind,
    /// The labels that tell its series apart.
    pub(crate) labels: &'static [&'static str],
    /// What it says, a line each.
    pub(crate) docs: &'static [&'static str],
}

/// How a metric moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// Up, until the process ends.
    Counter,
    /// Up and down.
    Gauge,
    /// Each value that was observed, in buckets.
    Histogram,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

impl Metric {
    /// What it says, in one text.
    pub(crate) fn help(&self) -> String {
        // A doc line brings the space behind its slashes along.
        self.docs.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
    }

    /// What it counts in.
    pub(crate) fn unit(&self) -> &'static str {
        let stem = self.name.trim_end_matches("_total");
        let ends = |unit: &str| stem.ends_with(unit);
        if ends("_timestamp_seconds") {
            "seconds since 1970"
        } else if ends("_seconds") {
            "seconds"
        } else if ends("_bytes") || stem.contains("_bytes_") {
            "bytes"
        } else {
            ""
        }
    }

    /// Tells the recorder what it is.
    pub(crate) fn describe(&self) {
        let unit = match self.unit() {
            "bytes" => Unit::Bytes,
            "" => Unit::Count,
            _ => Unit::Seconds,
        };
        match self.kind {
            Kind::Counter => describe_counter!(self.name, unit, self.help()),
            Kind::Gauge => describe_gauge!(self.name, unit, self.help()),
            Kind::Histogram => describe_histogram!(self.name, unit, self.help()),
        }
    }
}

// By hand for what is computed.
impl Serialize for Metric {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut metric = serializer.serialize_struct("Metric", 5)?;
        metric.serialize_field("name", self.name)?;
        metric.serialize_field("kind", &self.kind)?;
        metric.serialize_field("unit", self.unit())?;
        metric.serialize_field("labels", self.labels)?;
        metric.serialize_field("help", &self.help())?;
        metric.end()
    }
}

const HEAD: &str = "\
# Metrics

What `GET /metrics` of a collector says, in Prometheus' text format. This page is what
`muster-collector metrics` prints; a test keeps the two the same. `docs/MONITORING.md` says which of them mean that
somebody has to act.

A histogram has the series `_bucket`, `_sum` and `_count`. Counters begin with the process. What is marked as the
site's is read from the database by every node with the role of jobs, which all say the same: take `max`, not `sum`.
";

/// The document of all metrics.
pub(crate) fn document(families: &[Family]) -> String {
    let mut text = HEAD.to_owned();
    for family in families {
        // Writing to a string cannot fail.
        let _written = write_family(&mut text, family);
    }
    text
}

fn write_family(text: &mut String, family: &Family) -> std::fmt::Result {
    writeln!(text, "\n## {}\n", family.title)?;
    writeln!(text, "| metric | kind | unit | labels | meaning |")?;
    writeln!(text, "|---|---|---|---|---|")?;
    for metric in family.metrics {
        let labels: Vec<_> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        writeln!(
            text,
            "| `{}` | {} | {} | {} | {} |",
            metric.name,
            metric.kind.as_str(),
            metric.unit(),
            labels.join(", "),
            metric.help()
        )?;
    }
    Ok(())
}

/// Declares families of metrics: a constant for each name, and all of them as one table.
macro_rules! families {
    ($(
        $title:literal {
            $(
                $(#[doc = $doc:literal])+
                $kind:ident $name:ident = $text:literal $(by $($label:ident)+)?;
            )+
        }
    )+) => {
        $($(
            $(#[doc = $doc])+
            pub const $name: &str = $text;
        )+)+

        /// Every metric.
        pub(crate) const FAMILIES: &[$crate::metrics::table::Family] = &[$(
            $crate::metrics::table::Family {
                title: $title,
                metrics: &[$(
                    $crate::metrics::table::Metric {
                        name: $name,
                        kind: $crate::metrics::table::Kind::$kind,
                        labels: &[$($($label),+)?],
                        docs: &[$($doc),+],
                    },
                )+],
            },
        )+];
    };
}

// What `macro_rules` makes has no path before a `use` gives it one.
pub(crate) use families;
