//! What a company's log says of its people's ways in: what concerns a person wherever they work.

use store::audit::REFUSED_PER_HOUR;

use super::*;
use crate::http::tests::walk::things::admitted;

/// What a company's log has of some actions, newest first.
async fn told(api: &Api, key: &str, action: &str) -> Vec<Value> {
    api.get(&format!("/api/v1/audit?action={action}"), key).await.items()
}

/// The same once there are so many: attempts that were refused are told of beside their answers.
async fn told_in_time(api: &Api, key: &str, count: usize) -> Vec<Value> {
    let all = async {
        loop {
            let refused = told(api, key, "session.refused").await;
            if refused.len() == count {
                return refused;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), all).await.unwrap()
}

#[tokio::test]
async fn each_company_of_a_person_is_told_of_sign_ins_and_passwords_and_of_no_other_company() {
    let api = Api::new().await;
    let both = [(&api.ours, "viewer"), (&api.theirs, "admin")];
    let mut ann = admitted(&api, &both, "ann@example.org").await;
    person(&api, "bob@example.org", "viewer").await;
    let set = json!({ "password": PASSWORD, "new_password": "four loud herons" });
    let set = ann.send(&api, Method::PUT, "/me/password", Some(set)).await;
    assert_eq!(set.status, StatusCode::NO_CONTENT, "{}", set.text);
    for (tenant, other) in [(&api.ours, &api.theirs), (&api.theirs, &api.ours)] {
        for action in ["session.begin", "user.set_password"] {
            let entries = told(&api, &tenant.admin, action).await;
            assert_eq!(entries.len(), 1, "{action}: {entries:?}");
            let entry = entries[0].to_string();
            assert!(entry.contains("ann@example.org"), "{entry}");
            assert!(!entry.contains(&other.company.to_string()), "{entry}");
        }
    }
}

#[tokio::test]
async fn a_company_is_told_of_attempts_that_were_refused_and_not_of_all_of_many() {
    let api = Api::new().await;
    person(&api, "ann@example.org", "viewer").await;
    let admin = &api.ours.admin;
    let refused = async || {
        let answer = Browser::default().sign_in(&api, "ann@example.org", "no heron at all").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{}", answer.text);
    };
    refused().await;
    let first = told_in_time(&api, admin, 1).await;
    assert_eq!(first[0]["after"]["email"], "ann@example.org");
    assert!(!first[0].to_string().contains("heron"), "{}", first[0]);
    // Slowly enough for whoever counts requests.
    for count in 2..=REFUSED_PER_HOUR as usize {
        api.hand.advance(Duration::from_secs(61));
        refused().await;
        told_in_time(&api, admin, count).await;
    }
    api.hand.advance(Duration::from_secs(61));
    refused().await;
    // An hour after the first there is room for one.
    api.hand.advance(Duration::from_secs(3_600));
    refused().await;
    told_in_time(&api, admin, REFUSED_PER_HOUR as usize + 1).await;
    assert!(told(&api, &api.theirs.admin, "session").await.is_empty());
    assert!(told(&api, admin, "session.begin").await.is_empty());
}
