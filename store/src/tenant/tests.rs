//! What a user would miss of tenancy.

mod isolation;
mod partitions;

use super::*;

#[test]
fn roles_are_ordered_and_named_both_ways() {
    assert!(Role::Operator > Role::Admin && Role::Admin > Role::Analyst);
    assert!(Role::Analyst > Role::Viewer);
    for role in [Role::Viewer, Role::Analyst, Role::Admin, Role::Operator] {
        assert_eq!(Role::parse(role.as_str()), Some(role));
    }
    assert_eq!(Role::parse("root"), None);
}
