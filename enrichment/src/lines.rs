//! The matching commands' lines: a JSON object in, a JSON object out, so that anyone can measure
//! the matching against any published table without a database.
//!
//! An answer echoes the question's `id`. A line that cannot be answered gives an error of its own
//! and the next line is read; answers come in the order of the questions.

use std::io::{self, BufRead, Write};

use kernels::Package;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::bounded_line;
use crate::cpe::{self, Attr, Attribute, Cpe};
use crate::cve::Range;
use crate::evaluation::Evaluation;
use crate::index::Index;
use crate::lines::os::Os;
use crate::matching::{self, WhyNot};
use crate::subject::{Platform, Subject};
use crate::version::{self, Incomparable, Scheme};

mod os;

/// Bytes of one line; a longer one gives an error.
pub const LINE_BYTES_MAX: usize = 1024 * 1024;

/// Answers every line of `input`. Blank lines are passed over.
///
/// # Errors
///
/// When `input` cannot be read or `output` cannot be written.
pub fn answer_all(
    input: &mut dyn BufRead,
    output: &mut dyn Write,
    answer: &mut dyn FnMut(&str) -> String,
) -> io::Result<()> {
    let mut line = Vec::new();
    while let Some(fits) = bounded_line::next(input, &mut line, LINE_BYTES_MAX)? {
        let answer = match std::str::from_utf8(&line) {
            // First, because of a line that is too long only the beginning is there.
            _ if !fits => failed(format!("the line has more than {LINE_BYTES_MAX} bytes")),
            Err(_) => failed("the line is not UTF-8".to_owned()),
            Ok(text) if text.trim().is_empty() => continue,
            Ok(text) => answer(text),
        };
        output.write_all(answer.as_bytes())?;
        output.write_all(b"\n")?;
    }
    output.flush()
}

/// Answers a line of `match`; `why_not` is a CVE whose absence is to be explained.
#[must_use]
pub fn match_line(index: &Index, line: &str, why_not: Option<&str>) -> String {
    answered(line, |question: MatchQuestion| question.answer(index, why_not))
}

/// Answers a line of `cpe-match`.
#[must_use]
pub fn cpe_match_line(line: &str) -> String {
    answered(line, |question: CpeQuestion| question.answer())
}

/// Answers a line of `version-compare`.
#[must_use]
pub fn version_compare_line(line: &str) -> String {
    answered(line, |question: VersionQuestion| question.answer())
}

/// Reads a question, has it answered, and puts its id to the answer.
fn answered<Q, A>(line: &str, answer: impl FnOnce(Q) -> Result<A, String>) -> String
where
    Q: for<'de> Deserialize<'de>,
    A: Serialize,
{
    let value: Value = match serde_json::from_str(line) {
        Ok(value) => value,
        Err(error) => return failed(format!("the line is no JSON: {error}")),
    };
    // Taken before the question is understood, so that a bad question is answered by name too.
    let id = value.get("id").cloned().unwrap_or(Value::Null);
    let answer = Q::deserialize(value).map_err(|error| error.to_string()).and_then(answer);
    match answer {
        Ok(answer) => to_line(&Answered { id, answer }),
        Err(error) => to_line(&Failed { id, error }),
    }
}

fn failed(error: String) -> String {
    to_line(&Failed { id: Value::Null, error })
}

fn to_line(answer: &impl Serialize) -> String {
    serde_json::to_string(answer)
        .unwrap_or_else(|_| r#"{"id":null,"error":"the answer cannot be written"}"#.to_owned())
}

#[derive(Serialize)]
struct Answered<A> {
    id: Value,
    #[serde(flatten)]
    answer: A,
}

#[derive(Serialize)]
struct Failed {
    id: Value,
    error: String,
}

fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    // To whoever writes questions by a program, `null` and a member left out are the same.
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct MatchQuestion {
    cpe: Option<String>,
    #[serde(deserialize_with = "null_as_default")]
    source: String,
    #[serde(deserialize_with = "null_as_default")]
    name: String,
    #[serde(deserialize_with = "null_as_default")]
    version: String,
    epoch: Option<u32>,
    #[serde(deserialize_with = "null_as_default")]
    release: String,
    #[serde(deserialize_with = "null_as_default")]
    arch: String,
    #[serde(deserialize_with = "null_as_default")]
    vendor: String,
    #[serde(deserialize_with = "null_as_default")]
    source_name: String,
    #[serde(deserialize_with = "null_as_default")]
    source_version: String,
    #[serde(deserialize_with = "null_as_default")]
    origin: String,
    #[serde(deserialize_with = "null_as_default")]
    bundle_id: String,
    #[serde(deserialize_with = "null_as_default")]
    standalone: bool,
    #[serde(deserialize_with = "null_as_default")]
    os: Os,
}

#[derive(Serialize)]
struct MatchAnswer {
    #[serde(flatten)]
    evaluation: Evaluation,
    #[serde(skip_serializing_if = "Option::is_none")]
    why_not: Option<WhyNot>,
}

impl MatchQuestion {
    fn answer(mut self, index: &Index, cve: Option<&str>) -> Result<MatchAnswer, String> {
        self.complete();
        let platform = self.os.platform();
        if let Some(text) = &self.cpe {
            let name = Cpe::parse(text).map_err(|error| error.to_string())?;
            return Ok(MatchAnswer {
                evaluation: matching::evaluate_cpe(index, &name, platform),
                why_not: cve.map(|cve| matching::why_not_cpe(index, &name, platform, cve)),
            });
        }
        if self.name.is_empty() || self.source.is_empty() {
            return Err("a question has a name and a source, or a cpe".to_owned());
        }
        let subject = self.subject(platform);
        Ok(MatchAnswer {
            evaluation: matching::evaluate(index, &subject),
            why_not: cve.map(|cve| matching::why_not(index, &subject, cve)),
        })
    }

    fn subject<'a>(&'a self, platform: Platform<'a>) -> Subject<'a> {
        Subject {
            source: &self.source,
            name: &self.name,
            version: &self.version,
            epoch: self.epoch,
            release: &self.release,
            arch: &self.arch,
            vendor: &self.vendor,
            source_name: &self.source_name,
            source_version: &self.source_version,
            origin: &self.origin,
            bundle_id: &self.bundle_id,
            is_standalone: self.standalone,
            running: Package {
                manager: &self.source,
                name: &self.name,
                version: &self.version,
                release: &self.release,
                source_name: &self.source_name,
            }
            .is_running(&self.os.kernel),
            updates: &self.os.kbs,
            platform,
        }
    }

    /// Puts what is said around a system into its own fields, where it does not say it itself.
    fn complete(&mut self) {
        if self.source != "os" || self.os.family != "windows" {
            return;
        }
        // "22H2" and "10.0.19045" are what people call the version of 10.0.19045.4291.
        let build = self.os.version_of_build();
        // The longer one tells the revision, by which updates are told apart.
        if os::numbers(&build) > os::numbers(&self.version) {
            self.version = build;
        }
        if self.arch.is_empty() {
            self.arch.clone_from(&self.os.arch);
        }
    }
}

#[derive(Deserialize)]
struct CpeQuestion {
    source_cpe: String,
    target_cpe: String,
    #[serde(default, deserialize_with = "null_as_default")]
    range: Range,
}

#[derive(Serialize)]
struct CpeAnswer {
    matches: bool,
}

impl CpeQuestion {
    fn answer(self) -> Result<CpeAnswer, String> {
        let parse =
            |which: &str, text: &str| Cpe::parse(text).map_err(|error| format!("{which}: {error}"));
        let source = parse("source_cpe", &self.source_cpe)?;
        let target = parse("target_cpe", &self.target_cpe)?;
        let matches = cpe::matches(&source, &target)
            && (self.range.is_unbounded() || is_within(&self.range, &target));
        Ok(CpeAnswer { matches })
    }
}

/// Whether the target's version is within a range; one without a version may be any.
fn is_within(range: &Range, target: &Cpe) -> bool {
    let version = match target.get(Attribute::Version) {
        // As in NISTIR 7696, where any version is a superset of each, and of none. An installed
        // program is never that: without a version it is not evaluable.
        Attr::Any | Attr::Na => return true,
        Attr::Pattern(_) => return false,
        Attr::Value(version) => match target.get(Attribute::Update) {
            Attr::Value(update) => format!("{version}-{update}"),
            Attr::Any | Attr::Na | Attr::Pattern(_) => version.to_string(),
        },
    };
    let order = |bound: &str| version::compare(Scheme::Generic, &version, bound);
    let holds = |bound: &Option<String>, is_met: fn(std::cmp::Ordering) -> bool| {
        bound.as_deref().is_none_or(|bound| order(bound.trim()).is_ok_and(is_met))
    };
    holds(&range.start_including, std::cmp::Ordering::is_ge)
        && holds(&range.start_excluding, std::cmp::Ordering::is_gt)
        && holds(&range.end_including, std::cmp::Ordering::is_le)
        && holds(&range.end_excluding, std::cmp::Ordering::is_lt)
}

#[derive(Deserialize)]
struct VersionQuestion {
    scheme: String,
    a: Option<String>,
    b: Option<String>,
    version: Option<String>,
    constraint: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum VersionAnswer {
    Order(&'static str),
    Satisfied(bool),
    Incomparable(String),
}

impl VersionQuestion {
    fn answer(self) -> Result<VersionAnswer, String> {
        let scheme: Scheme =
            self.scheme.parse().map_err(|error: version::UnknownScheme| error.to_string())?;
        match (&self.a, &self.b, &self.version, &self.constraint) {
            // One question a line: half of each would have two answers.
            (Some(a), Some(b), None, None) => Ok(order(version::compare(scheme, a, b))),
            (None, None, Some(version), Some(constraint)) => {
                let satisfied = version::satisfies(scheme, version, constraint);
                Ok(match satisfied {
                    Ok(satisfied) => VersionAnswer::Satisfied(satisfied),
                    Err(reason) => VersionAnswer::Incomparable(reason.to_string()),
                })
            }
            _ => Err("a question has a and b, or version and constraint".to_owned()),
        }
    }
}

fn order(order: Result<std::cmp::Ordering, Incomparable>) -> VersionAnswer {
    match order {
        Ok(std::cmp::Ordering::Less) => VersionAnswer::Order("<"),
        Ok(std::cmp::Ordering::Equal) => VersionAnswer::Order("="),
        Ok(std::cmp::Ordering::Greater) => VersionAnswer::Order(">"),
        Err(reason) => VersionAnswer::Incomparable(reason.to_string()),
    }
}

#[cfg(test)]
mod tests;
