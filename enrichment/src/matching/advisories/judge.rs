//! Whether one statement is about the installed version.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use crate::advisory::{DENIED, Verdict};
use crate::index::{
    BoundView, Index, PackageView, SpanKind, SpanView, StatementShape, StatementView,
};
use crate::matching::advisories::named::Named;
use crate::matching::advisories::release::Standing;
use crate::matching::advisories::stream::{self, Stream};

/// A statement and how it stands to the installed version.
#[derive(Clone, Debug)]
pub(super) struct Judged<'a> {
    pub(super) statement: StatementView,
    pub(super) shape: StatementShape<'a>,
    /// Whose statement it is: a line also where it is about a product that only some hosts have.
    pub(super) standing: Standing,
    pub(super) outcome: Outcome<'a>,
    /// Whether its module's stream is only likely the package's.
    pub(super) is_likely: bool,
}

/// How a statement stands to the installed version.
#[derive(Clone, Debug)]
pub(super) enum Outcome<'a> {
    /// The version is in this stretch of it.
    Within(SpanView<'a>),
    /// The version is in, whichever it is.
    All,
    /// The version has this fix.
    Fixed(BoundView<'a>),
    /// It is about other versions.
    Outside,
    /// It is about another stream of the module, or about another line's builds.
    OtherBuild,
    /// A bound has no order with the version.
    Incomparable,
}

impl<'a> Judged<'a> {
    /// Whether the installed version is one that the statement calls vulnerable, or may be.
    pub(super) fn is_hit(&self) -> bool {
        matches!(self.outcome, Outcome::Within(_) | Outcome::All) && !self.is_of_denial()
    }

    /// Whether its publisher and the software's maintainers both say that it is no vulnerability.
    /// Either alone is no denial: what Debian calls unimportant is mostly real and out of reach.
    pub(super) fn is_dismissed(&self) -> bool {
        self.shape.note == DENIED
    }

    fn is_of_denial(&self) -> bool {
        matches!(self.shape.verdict, Verdict::NotAffected) || self.is_dismissed()
    }

    /// Whether the installed version is one that the statement calls well.
    pub(super) fn is_denial(&self) -> bool {
        matches!(self.outcome, Outcome::Within(_) | Outcome::All) && self.is_of_denial()
    }

    pub(super) const fn is_fixed(&self) -> bool {
        matches!(self.outcome, Outcome::Fixed(_))
    }

    /// The version that has the fix, where there is one.
    pub(super) const fn fix(&self) -> Option<BoundView<'a>> {
        match &self.outcome {
            Outcome::Within(SpanView { kind: SpanKind::Fixed, upper, .. }) => *upper,
            Outcome::Fixed(fix) => Some(*fix),
            Outcome::Within(_)
            | Outcome::All
            | Outcome::Outside
            | Outcome::OtherBuild
            | Outcome::Incomparable => None,
        }
    }
}

/// The advisories with a statement that may call the installed version vulnerable, in any order.
///
/// Most packages are up to date, and for those this is all that is asked. Which module a statement
/// is about is not looked at here: that only takes statements away.
pub(super) fn hits(index: &Index, package: &Named<'_>) -> Vec<u32> {
    let mut shapes = Shapes::of(index);
    let mut hits = Vec::new();
    for statement in package.views.iter().flat_map(|(view, _)| index.statements(view)) {
        let Some(shape) = shapes.get(statement.shape) else {
            continue;
        };
        // A denial opens nothing; where something else does, it is looked at with the rest.
        if !matches!(shape.verdict, Verdict::NotAffected)
            && matches!(
                outcome(index, package, statement, &shape),
                Outcome::Within(_) | Outcome::All
            )
        {
            hits.push(statement.advisory);
        }
    }
    hits
}

/// Shapes of statements, of which some are remembered: the statements about a package have a few in
/// turn.
struct Shapes<'a> {
    index: &'a Index,
    known: Vec<(u32, StatementShape<'a>)>,
}

impl<'a> Shapes<'a> {
    const REMEMBERED: usize = 8;

    const fn of(index: &'a Index) -> Self {
        Self { index, known: Vec::new() }
    }

    fn get(&mut self, row: u32) -> Option<StatementShape<'a>> {
        if let Some((_, shape)) = self.known.iter().find(|(known, _)| *known == row) {
            return Some(*shape);
        }
        let shape = self.index.statement_shape(row)?;
        if self.known.len() < Self::REMEMBERED {
            self.known.push((row, shape));
        }
        Some(shape)
    }
}

/// Judges all that advisories say of a package.
pub(super) fn statements<'a>(index: &'a Index, package: &Named<'a>) -> Vec<Judged<'a>> {
    statements_of(index, package, |_| true)
}

/// Judges what chosen advisories say of a package.
pub(super) fn statements_of<'a>(
    index: &'a Index,
    package: &Named<'a>,
    is_chosen: impl Fn(u32) -> bool,
) -> Vec<Judged<'a>> {
    let mut judged = Vec::new();
    let mut shapes = Shapes::of(index);
    // Which stream a build is of may be told by statements about anything.
    let are_all_chosen = package.is_tagged && package.installed.is_of_module;
    for (view, standing) in &package.views {
        for statement in index.statements(view) {
            if !are_all_chosen && !is_chosen(statement.advisory) {
                continue;
            }
            if let Some(shape) = shapes.get(statement.shape) {
                judged.push(judge(index, package, *standing, statement, shape));
            }
        }
    }
    leave_other_streams_out(&mut judged);
    judged
}

/// Streams may bring the same version of a package along: ruby:2.5 and ruby:2.7 both have
/// rubygem-openssl 2.1.2. A host that has had an update of one of them is of that one.
fn leave_other_streams_out(judged: &mut [Judged<'_>]) {
    let updated: BTreeSet<&str> = judged
        .iter()
        .filter(|judged| judged.is_likely && judged.is_fixed())
        .map(|judged| judged.shape.module)
        .collect();
    for judged in judged.iter_mut().filter(|judged| judged.is_likely) {
        if !updated.is_empty() && !updated.contains(judged.shape.module) {
            judged.outcome = Outcome::OtherBuild;
        }
    }
}

fn judge<'a>(
    index: &'a Index,
    package: &Named<'a>,
    standing: Standing,
    statement: StatementView,
    shape: StatementShape<'a>,
) -> Judged<'a> {
    let standing = match standing {
        Standing::Own if !shape.channel.is_empty() => Standing::Line,
        Standing::Own | Standing::Line | Standing::Later(_) => standing,
    };
    let mut outcome = outcome(index, package, statement, &shape);
    let mut is_likely = false;
    if package.is_tagged
        // Without a fix there is no build to compare tags with, and the statement is about every
        // build.
        && let Some(fix) = index.spans(statement).find_map(|span| span.upper)
    {
        let installed = &package.installed.text;
        match stream::of(shape.module, fix.text(), installed) {
            Stream::Same => {}
            Stream::Likely => is_likely = true,
            Stream::Other => outcome = Outcome::OtherBuild,
        }
        if standing == Standing::Line && !stream::is_of_same_line(fix.text(), installed) {
            outcome = Outcome::OtherBuild;
        }
    }
    Judged { statement, shape, standing, outcome, is_likely }
}

/// The last fix that any statement about a package has, as written.
pub(super) fn last_fix<'a>(index: &'a Index, view: &PackageView<'a>) -> Option<&'a str> {
    index
        .statements(view)
        .flat_map(|statement| index.spans(statement))
        .filter(|span| span.kind == SpanKind::Fixed)
        .filter_map(|span| span.upper)
        .max_by_key(|fix| fix.key)
        .map(|fix| fix.text())
}

fn outcome<'a>(
    index: &'a Index,
    package: &Named<'_>,
    statement: StatementView,
    shape: &StatementShape<'_>,
) -> Outcome<'a> {
    let mut outcome = Outcome::All;
    for span in index.spans(statement) {
        let next = place_in(package, &span, shape.scheme);
        outcome = match (outcome, next) {
            // One stretch that holds the version is enough, whatever the others say.
            (_, Outcome::Within(span)) => return Outcome::Within(span),
            // A fix says more than being elsewhere; what has no order says least.
            (Outcome::Fixed(fix), Outcome::Outside | Outcome::Incomparable) => Outcome::Fixed(fix),
            (Outcome::Outside, Outcome::Incomparable) => Outcome::Outside,
            (_, next) => next,
        };
    }
    outcome
}

fn place_in<'a>(package: &Named<'_>, span: &SpanView<'a>, scheme: &str) -> Outcome<'a> {
    let order = |bound: Option<BoundView<'a>>| match bound {
        None => Ok(None),
        Some(bound) => match package.installed.compare(&bound, scheme) {
            Some(order) => Ok(Some((order, bound))),
            None => Err(Outcome::Incomparable),
        },
    };
    let (lower, upper) = match (order(span.lower), order(span.upper)) {
        (Ok(lower), Ok(upper)) => (lower, upper),
        // A stretch with an end that has no order says nothing, which `why-not` tells apart from
        // being elsewhere.
        (Err(outcome), _) | (_, Err(outcome)) => return outcome,
    };
    if span.kind == SpanKind::Single {
        return match lower {
            Some((Ordering::Equal, _)) => Outcome::Within(*span),
            Some(_) | None => Outcome::Outside,
        };
    }
    if lower.is_some_and(|(order, _)| order.is_lt()) {
        return Outcome::Outside;
    }
    match (span.kind, upper) {
        (SpanKind::Fixed, Some((order, fix))) if order.is_ge() => Outcome::Fixed(fix),
        (SpanKind::LastAffected, Some((order, _))) if order.is_gt() => Outcome::Outside,
        _ => Outcome::Within(*span),
    }
}
