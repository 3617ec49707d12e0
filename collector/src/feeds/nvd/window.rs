//! Stretches of time that the API is asked for, and the addresses that ask for them.

use time::{Duration, OffsetDateTime};

/// The longest stretch that the API takes: 120 days. A little less, so that no rounding on the
/// other side makes it more.
const LONGEST: Duration = Duration::hours(120 * 24 - 1);
/// How much of the time before is asked for again: records become visible a while after the
/// instant of change that they carry.
const OVERLAP: Duration = Duration::hours(1);

/// A stretch of time in which records were changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) from: OffsetDateTime,
    pub(super) to: OffsetDateTime,
}

impl Window {
    /// The next stretch to ask for, when everything until `seen` is known; `None` when `now` is not
    /// after that, as it is when this clock is behind NVD's.
    pub(super) fn after(seen: OffsetDateTime, now: OffsetDateTime) -> Option<Self> {
        let from = seen - OVERLAP;
        (seen < now).then(|| Self { from, to: now.min(from + LONGEST) })
    }
}

/// The address of a page. Both ends of a window are needed, `:` stays as it is because NVD's
/// gateway does not decode it, and the `+` of the zone is encoded because it would mean a space.
pub(super) fn page_url(base: &str, window: Option<&Window>, start: u64, records: u64) -> String {
    let joint = if base.contains('?') { '&' } else { '?' };
    let mut url = format!("{base}{joint}resultsPerPage={records}&startIndex={start}");
    if let Some(window) = window {
        for (name, at) in [("lastModStartDate", window.from), ("lastModEndDate", window.to)] {
            let at = at.to_offset(time::UtcOffset::UTC);
            let (date, (hour, minute, second)) = (at.date(), at.to_hms());
            // Three digits, as in every example of NVD's.
            let ms = at.millisecond();
            url.push_str(&format!(
                "&{name}={date}T{hour:02}:{minute:02}:{second:02}.{ms:03}%2B00:00"
            ));
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn an_address_has_both_dates_plain_colons_and_an_encoded_plus() {
        let window = Window {
            from: datetime!(2023-11-10 00:00 UTC),
            to: datetime!(2023-11-10 10:41:24.983 +2),
        };
        assert_eq!(
            page_url("https://nvd/cves/2.0", Some(&window), 0, 2_000),
            "https://nvd/cves/2.0?resultsPerPage=2000&startIndex=0\
             &lastModStartDate=2023-11-10T00:00:00.000%2B00:00\
             &lastModEndDate=2023-11-10T08:41:24.983%2B00:00"
        );
        // What the client makes of it is what is sent.
        let url = page_url("https://nvd/cves/2.0", Some(&window), 0, 1);
        assert_eq!(url.parse::<reqwest::Url>().unwrap().as_str(), url);
        assert_eq!(
            page_url("https://mirror/nvd?key=1", None, 4, 2),
            "https://mirror/nvd?key=1&resultsPerPage=2&startIndex=4"
        );
    }

    #[test]
    fn windows_overlap_and_are_never_longer_than_the_api_takes() {
        let now = datetime!(2026-11-21 12:00 UTC);
        let mut seen = datetime!(2025-11-21 12:00 UTC);
        let mut windows = 0;
        while let Some(window) = Window::after(seen, now) {
            assert!(window.to - window.from < Duration::days(120));
            assert_eq!(seen - window.from, OVERLAP);
            assert!(window.to > seen, "it has to end");
            seen = window.to;
            windows += 1;
        }
        assert_eq!((windows, seen), (4, now));
    }

    #[test]
    fn a_clock_that_is_behind_asks_for_nothing() {
        let now = datetime!(2026-11-21 12:00 UTC);
        assert_eq!(Window::after(now, now), None);
        assert_eq!(Window::after(now + Duration::days(2), now), None);
    }
}
