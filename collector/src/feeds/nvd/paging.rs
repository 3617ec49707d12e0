//! Going through the pages of one question, whose answer changes meanwhile.
//!
//! Pure. Records that arrive between two pages make the total grow and push others back: then some
//! are seen twice, which does no harm. When the total shrinks, records moved forward over a page's
//! edge and would be missed: then everything is asked for again.

/// What is asked for next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A page.
    Page {
        /// Number of its first record.
        start: u64,
        /// How many records it may have.
        records: u64,
    },
    /// Everything was seen.
    Done,
}

/// Why a page cannot be what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Misfit {
    /// Another page than that asked for.
    #[error("asked for records from {asked} on, got them from {got} on")]
    Start {
        /// What was asked for.
        asked: u64,
        /// What came.
        got: u64,
    },
    /// A page in the middle that is not full.
    #[error("a page of {asked} records in the middle holds {got}")]
    Short {
        /// What was asked for.
        asked: u64,
        /// What came.
        got: u64,
    },
    /// There are fewer records than a moment ago.
    #[error("there were {before} records and now there are {now}")]
    Shrunk {
        /// What was said first.
        before: u64,
        /// What is said now.
        now: u64,
    },
}

/// The way through the pages.
#[derive(Clone, Debug)]
pub(super) struct Paging {
    page_records: u64,
    start: u64,
    total: u64,
}

impl Paging {
    /// Begins with what the first answer, to a question for one record, said of the total.
    pub(super) const fn new(page_records: u64, total: u64) -> Self {
        Self { page_records, start: 0, total }
    }

    /// What is asked for next.
    pub(super) const fn next(&self) -> Next {
        if self.start < self.total {
            Next::Page { start: self.start, records: self.page_records }
        } else {
            Next::Done
        }
    }

    /// Takes a page that lists so many records.
    ///
    /// # Errors
    ///
    /// [`Misfit`]; the page is not counted then.
    pub(super) const fn take(&mut self, start: u64, total: u64, listed: u64) -> Result<(), Misfit> {
        if start != self.start {
            return Err(Misfit::Start { asked: self.start, got: start });
        }
        // Before the length is looked at: it is what makes a page short.
        if total < self.total {
            return Err(Misfit::Shrunk { before: self.total, now: total });
        }
        // The last page may have fewer records than asked for, or more: they arrive meanwhile.
        let is_last = start + listed >= total;
        if !is_last && listed != self.page_records {
            return Err(Misfit::Short { asked: self.page_records, got: listed });
        }
        // It may only grow from here on, page by page.
        self.total = total;
        self.start += listed;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn page(start: u64) -> Next {
        Next::Page { start, records: 3 }
    }

    #[test]
    fn goes_through_full_pages_and_a_last_one() {
        let mut paging = Paging::new(3, 8);
        for (start, listed) in [(0, 3), (3, 3), (6, 2)] {
            assert_eq!(paging.next(), page(start));
            paging.take(start, 8, listed).unwrap();
        }
        assert_eq!(paging.next(), Next::Done);
        assert_eq!(Paging::new(3, 0).next(), Next::Done);
    }

    #[test]
    fn goes_on_when_the_answer_grows_over_a_pages_edge() {
        let mut paging = Paging::new(3, 6);
        paging.take(0, 6, 3).unwrap();
        paging.take(3, 7, 3).unwrap();
        assert_eq!(paging.next(), page(6));
        paging.take(6, 7, 1).unwrap();
        assert_eq!(paging.next(), Next::Done);
    }

    #[test]
    fn a_last_page_may_hold_more_than_was_asked_for() {
        let mut paging = Paging::new(3, 8);
        paging.take(0, 8, 8).unwrap();
        assert_eq!(paging.next(), Next::Done);
    }

    #[test]
    fn a_page_in_the_middle_has_to_be_full_and_the_one_that_was_asked_for() {
        let mut paging = Paging::new(3, 8);
        assert_eq!(paging.take(0, 8, 2), Err(Misfit::Short { asked: 3, got: 2 }));
        assert_eq!(
            // An empty page that is said to be in the middle: taken, it would be asked for for
            // ever.
            paging.take(0, 8, 0),
            Err(Misfit::Short { asked: 3, got: 0 })
        );
        assert_eq!(paging.take(3, 8, 3), Err(Misfit::Start { asked: 0, got: 3 }));
        assert_eq!(paging.next(), page(0), "a misfit is not counted");
    }

    #[test]
    fn an_answer_that_shrinks_is_not_trusted() {
        let mut paging = Paging::new(3, 8);
        paging.take(0, 8, 3).unwrap();
        assert_eq!(paging.take(3, 7, 3), Err(Misfit::Shrunk { before: 8, now: 7 }));
    }
}
