//! What a user would miss of exceptions: what they leave out, where it still shows, when it comes back,
//! and that a preview says what happens.

mod deciding;
mod documents;
mod effect;
mod labelled;
mod preview;
mod replacing;
mod scoped;

use protocol::ids::AgentId;
use protocol::software::SoftwareRecord;

use super::*;
use crate::audit::{Actor, Origin};
use crate::findings::{self, FindingFilter, FindingSort, FindingState};
use crate::page::PageRequest;
use crate::tenant::TenantScope;
use crate::test_fixtures::{Endpoint, World, at, id, record};

/// A host with these records.
async fn host(world: &World, records: impl IntoIterator<Item = SoftwareRecord>) -> Endpoint {
    let mut endpoint = Endpoint::new(world.agent().await);
    world.apply(&endpoint.snapshot(records, 100)).await;
    endpoint
}

/// `bad1` 1.1 with `CVE-2024-90010` and `CVE-2024-90011`, `bad2` 1 with `CVE-2024-90020`.
async fn world() -> (World, Endpoint) {
    let world = World::new().await;
    let endpoint = host(&world, [record("bad1", "1.1"), record("bad2", "1")]).await;
    (world, endpoint)
}

/// The world's company for a person.
fn somebody(world: &World, number: u128) -> TenantScope {
    let actor = Actor::User { id: Uuid::from_u128(number), email: format!("{number}@example.com") };
    let origin = Origin::of_request(actor, None, String::new());
    world.scope.clone().on_behalf_of(origin)
}

fn accepted() -> Claim {
    Claim {
        status: VexStatus::Affected,
        justification: None,
        note: "the risk is taken".to_owned(),
        action: String::new(),
        suppresses: true,
    }
}

fn of_cve(cve: &str) -> About {
    About { cve: Some(cve.to_owned()), ..About::default() }
}

fn of_product(name: &str) -> About {
    About { product: Some(name.to_owned()), ..About::default() }
}

async fn except(world: &World, about: &About, hosts: Hosts) -> Exception {
    except_until(world, about, hosts, None).await
}

async fn except_until(
    world: &World,
    about: &About,
    hosts: Hosts,
    expires_at: Option<OffsetDateTime>,
) -> Exception {
    let claim = accepted();
    let new = NewException {
        id: id(),
        name: None,
        about,
        hosts,
        claim: &claim,
        expires_at,
        origin: None,
    };
    create(&world.scope, &new, at(10)).await.unwrap().0
}

/// The CVEs of findings in a state, with what else the filter asks for, in their order.
async fn cves(world: &World, state: FindingState, host: Option<AgentId>) -> Vec<String> {
    let filter = FindingFilter { state, host, ..FindingFilter::default() };
    let page = PageRequest::first(100);
    let found = findings::list(&world.scope, &filter, FindingSort::Opened, &page);
    let mut cves: Vec<String> =
        found.await.unwrap().items.into_iter().map(|finding| finding.cve.id).collect();
    cves.sort_unstable();
    cves
}

async fn open(world: &World) -> Vec<String> {
    cves(world, FindingState::Open, None).await
}

async fn suppressed(world: &World) -> Vec<String> {
    cves(world, FindingState::Suppressed, None).await
}
