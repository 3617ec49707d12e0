//! CPE names: what is read is written as the same name, and two names stand to each other alike from
//! both sides.

use enrichment::cpe::{self, Attr, Attribute, Cpe, Relation};

/// A name a line.
pub(crate) fn cpe(input: &[u8]) {
    const NAMES_MAX: usize = 6;
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let lines = text.lines().take(NAMES_MAX);
    let names: Vec<Cpe> = lines.filter_map(|line| Cpe::parse(line).ok()).collect();
    for name in &names {
        assert_eq!(Cpe::parse(&name.to_string()).as_ref(), Ok(name));
        let is_concrete = matches!(name.get(Attribute::Product), Attr::Value(_));
        assert!(!is_concrete || cpe::matches(name, name), "{name} is itself");
        for other in &names {
            pair(name, other);
        }
    }
}

fn pair(a: &Cpe, b: &Cpe) {
    // The standard says nothing of wildcards in a target.
    let has_pattern = |name: &Cpe| {
        let mut attributes = name.attributes().iter();
        attributes.any(|value| matches!(value, Attr::Pattern(_)))
    };
    if has_pattern(a) || has_pattern(b) {
        return;
    }
    let expected = match cpe::compare(a, b) {
        Relation::Subset => Relation::Superset,
        Relation::Superset => Relation::Subset,
        other @ (Relation::Disjoint | Relation::Equal | Relation::Undefined) => other,
    };
    assert_eq!(cpe::compare(b, a), expected, "{a} and {b}");
    assert!(expected != Relation::Disjoint || !cpe::matches(a, b));
}
