//! Certificates that run out, and collectors that do not renew them.

use super::*;

#[test]
fn renews_the_certificate_in_time_and_then_uses_it() {
    let mut bench = Bench::open(0);
    bench.session.renew_at = bench.now + 100 * SECOND;
    bench.sleep_for(99 * SECOND);
    assert!(!bench.done.contains(&Action::Renew));
    bench.sleep_for(SECOND);
    assert_eq!(bench.count(|action| *action == Action::Renew), 1);
    let chain = vec![vec![1]];
    bench.tell(CollectorMessage::Certificate { chain: chain.clone() });
    assert_eq!(bench.done.back(), Some(&Action::InstallCertificate(chain)));
    let renew_at = bench.now + 1_000_000 * SECOND;
    bench.give(Event::CertificateInstalled { renew_at });
    assert_eq!(bench.done.back(), Some(&Action::Disconnect(Parting::CertificateRenewed)));
    assert!(bench.waits_until() - bench.now <= 5 * SECOND);
}

#[test]
fn a_renewal_that_is_refused_or_forgotten_is_asked_for_hourly() {
    let mut bench = Bench::open(0);
    bench.session.renew_at = bench.now;
    let end = bench.now + Duration::from_secs(10 * 3_600);
    while bench.now < end {
        if bench.session.is_scanning() {
            bench.scanned(0);
        }
        bench.sleep();
        if bench.done.back() == Some(&Action::Renew) {
            bench.reject(Position::default(), RejectReason::InvalidRequest, 0);
        }
    }
    let renewals = bench.count(|action| *action == Action::Renew);
    assert!((8..=12).contains(&renewals), "{renewals}");
    assert_eq!(bench.count(is_disconnect), 0);
}

#[test]
fn does_not_ask_a_collector_that_cannot_renew() {
    let mut bench = Bench::new();
    bench.give(Event::Connected);
    bench.tell(CollectorMessage::Welcome(Welcome {
        version: 1,
        capabilities: Capabilities::default(),
        now_ms: 0,
        settings: Settings::default(),
        extension: Vec::new(),
    }));
    bench.session.renew_at = bench.now;
    bench.sleep_for(3_600 * SECOND);
    assert!(!bench.done.contains(&Action::Renew));
}

#[test]
fn trusts_other_authorities_and_renews_once_within_the_time_that_it_is_given() {
    let mut bench = Bench::open(0);
    bench.session.renew_at = bench.now + 1_000_000 * SECOND;
    let roots = vec![vec![1], vec![2]];
    let told =
        |renew_within_s| CollectorMessage::Authorities { roots: roots.clone(), renew_within_s };
    bench.tell(told(None));
    assert_eq!(bench.done.back(), Some(&Action::TrustAuthorities(roots.clone())));
    assert_eq!(bench.session.renew_at, bench.now + 1_000_000 * SECOND);
    bench.tell(told(Some(100)));
    let renew_at = bench.session.renew_at;
    assert!(renew_at <= bench.now + 100 * SECOND);
    // Said again with the next connection, by a collector whose clock says that it is due much later.
    bench.tell(told(Some(100)));
    bench.give(Event::CertificateDue { renew_at: bench.now + 1_000_000 * SECOND });
    assert_eq!(bench.session.renew_at, renew_at);
    bench.sleep_for(101 * SECOND);
    assert_eq!(bench.count(|action| *action == Action::Renew), 1);
    bench.give(Event::CertificateInstalled { renew_at: bench.now + 1_000_000 * SECOND });
    bench.give(Event::CertificateDue { renew_at: bench.now + 1_000_000 * SECOND });
    assert_eq!(bench.session.renew_at, bench.now + 1_000_000 * SECOND);
}
