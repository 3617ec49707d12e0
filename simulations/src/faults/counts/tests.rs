//! Counters as a run reads them: by their whole names, over all labels.

use metrics::{Label, Level};

use super::*;

static METADATA: Metadata<'static> = Metadata::new("test", Level::INFO, None);

fn count(counts: &Counts, name: &'static str, labels: &[(&'static str, &'static str)], by: u64) {
    let labels: Vec<Label> = labels.iter().map(|(k, v)| Label::new(*k, *v)).collect();
    let key = Key::from_parts(name, labels);
    counts.register_counter(&key, &METADATA).increment(by);
}

#[test]
fn a_sum_is_over_all_labels_of_one_name() {
    let counts = Counts::default();
    count(&counts, names::PIPELINE_OUTCOMES, &[("outcome", "stored")], 3);
    count(&counts, names::PIPELINE_OUTCOMES, &[("outcome", "duplicate")], 2);
    count(&counts, names::PIPELINE_OUTCOMES, &[("outcome", "stored")], 1);
    count(&counts, names::PIPELINE_UNENDED, &[], 7);
    assert_eq!(counts.sum(names::PIPELINE_OUTCOMES), 6);
    assert_eq!(counts.sum(names::PIPELINE_UNENDED), 7);
    assert_eq!(counts.sum("muster_never_heard_of"), 0);
}

#[test]
fn a_name_that_begins_like_another_is_not_counted_with_it() {
    let counts = Counts::default();
    count(&counts, names::INGEST_REPORTS, &[("outcome", "taken")], 3);
    let beginning = &names::INGEST_REPORTS[..names::INGEST_REPORTS.len() - 2];
    assert_eq!(counts.sum(beginning), 0);
}

#[test]
fn labels_stand_behind_the_name_in_their_order_and_empty_ones_do_not() {
    let counts = Counts::default();
    let labels = [("outcome", "rejected"), ("reason", "gap"), ("lane", "")];
    count(&counts, names::PIPELINE_OUTCOMES, &labels, 1);
    let expected = format!("{} rejected gap", names::PIPELINE_OUTCOMES);
    assert_eq!(counts.all(), [(expected, 1)]);
}

#[test]
fn what_nobody_asks_for_is_not_kept_and_what_never_counted_is_not_told() {
    let counts = Counts::default();
    count(&counts, "muster_http_requests_total", &[], 5);
    count(&counts, names::QUEUE_DAMAGED, &[], 0);
    assert_eq!(counts.all(), []);
}
