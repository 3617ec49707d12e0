//! What happens on a simulated host after its first inventory: upgrades, mostly; some programs
//! come and some go.

use super::stock::{Item, Rows};
use crate::random::Random;

/// Something on a host, and when it was installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// What it is.
    pub(crate) item: Item,
    /// Seconds after the first of all installations.
    pub(crate) installed_after_s: u32,
}

/// One change of a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Edit {
    /// What goes.
    pub(crate) gone: Option<Row>,
    /// What comes.
    pub(crate) come: Option<Row>,
}

/// The `number`th change of a host, which makes its versions new; `None` for a host without
/// anything, and for a change that would change nothing.
pub(crate) fn draw(
    rows: &Rows,
    installable: &[u32],
    number: u64,
    random: &mut Random,
) -> Option<Edit> {
    // By its place and not by a key: the map is in order, so a seed picks the same each time.
    let (item, after) = rows.iter().nth(random.below(rows.len()))?;
    let row = Row { item: *item, installed_after_s: *after };
    let edit = match random.below(10) {
        // The last one stays, for an empty host has nothing to change any more.
        0 if rows.len() > 1 => Edit { gone: Some(row), come: None },
        1 => Edit {
            gone: None,
            come: Some(Row {
                item: Item { package: *random.pick(installable)?, copy: 0, change: number },
                ..row
            }),
        },
        _ => replace(row, number),
    };
    // A change into something that the host has already would make no row, and a looker would wait
    // for it in vain.
    let is_new = |row: Row| !rows.contains_key(&row.item);
    edit.come.is_none_or(is_new).then_some(edit)
}

/// The same package in another version on a host: in the place of the one that is there, or beside
/// the rest. `None` for a host that has that version already.
pub(crate) fn upgrade(rows: &Rows, package: u32, number: u64) -> Option<Edit> {
    // Only the first copy: the others are there to fill a host.
    let wanted = Item { package, copy: 0, change: number };
    if rows.contains_key(&wanted) {
        return None;
    }
    let present = rows.iter().find(|(item, _)| item.package == package && item.copy == 0);
    Some(match present {
        Some((item, after)) => replace(Row { item: *item, installed_after_s: *after }, number),
        None => Edit { gone: None, come: Some(Row { item: wanted, installed_after_s: 0 }) },
    })
}

const fn replace(row: Row, number: u64) -> Edit {
    let item = Item { change: number, ..row.item };
    Edit { gone: Some(row), come: Some(Row { item, ..row }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(packages: &[u32]) -> Rows {
        let item = |package: &u32| Item { package: *package, copy: 0, change: 0 };
        packages.iter().map(|package| (item(package), 9)).collect()
    }

    fn draw_many(rows: &Rows, count: u64) -> Vec<Edit> {
        let mut random = Random::new(4);
        (1..=count).filter_map(|number| draw(rows, &[77], number, &mut random)).collect()
    }

    #[test]
    fn upgrades_most_of_the_time_and_touches_only_what_is_there() {
        let rows = rows(&[1, 2, 3]);
        let edits = draw_many(&rows, 1_000);
        let of = |come: bool, gone: bool| {
            let alike = |edit: &&Edit| edit.come.is_some() == come && edit.gone.is_some() == gone;
            edits.iter().filter(alike).count()
        };
        assert!(of(true, true) > 700, "upgrades");
        assert!(of(true, false) > 50, "new programs");
        assert!(of(false, true) > 50, "programs that go");
        let mut gone = edits.iter().filter_map(|edit| edit.gone);
        assert!(gone.all(|row| rows.contains_key(&row.item)));
    }

    #[test]
    fn never_leaves_a_host_empty() {
        let edits = draw_many(&rows(&[1]), 1_000);
        assert!(edits.iter().all(|edit| edit.come.is_some()));
        assert_eq!(draw_many(&Rows::new(), 10), []);
    }

    #[test]
    fn reaches_every_record_of_a_host() {
        let rows = rows(&[1, 2, 3, 4]);
        let edits = draw_many(&rows, 200);
        let mut seen: Vec<_> = edits.iter().filter_map(|edit| edit.gone).collect();
        seen.sort_unstable_by_key(|row| row.item);
        seen.dedup();
        assert_eq!(seen.len(), rows.len());
    }

    #[test]
    fn an_upgrade_takes_the_place_of_what_is_there_and_comes_once() {
        let mut rows = rows(&[1, 2]);
        let edit = upgrade(&rows, 2, 5).expect("a change");
        let (gone, come) = (edit.gone.expect("gone"), edit.come.expect("come"));
        assert_eq!((gone.item.package, gone.item.change), (2, 0));
        assert_eq!((come.item.package, come.item.change), (2, 5));
        assert_eq!(come.installed_after_s, 9);
        let edit = upgrade(&rows, 3, 5).expect("a change");
        assert!(edit.gone.is_none() && edit.come.is_some());
        rows.insert(come.item, 9);
        assert_eq!(upgrade(&rows, 2, 5), None);
    }
}
