//! What digests say: read once for all of a company's that tell of the same while.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use store::companies;
use store::cves::{self, CveFilter, CveSort};
use store::digests::{self, Digest, NewMessage, News};
use store::error::StoreError;
use store::hosts::{self, HostFilter, HostSort};
use store::page::PageRequest;
use store::tenant::TenantScope;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::mail::{Content, Mailer, Standing, Written};

/// What is named of how a company stands; the rest is a number.
const NAMED: u32 = 10;
/// Hosts with an earlier agent that are counted.
const BEHIND_MAX: u32 = 1_000;

/// What writes a company's digests of one round.
#[derive(Debug)]
pub(crate) struct Composer<'a> {
    scope: &'a TenantScope,
    mailer: &'a Mailer,
    now: OffsetDateTime,
    /// The company's name and how it stands, once somebody has asked.
    standing: Option<(String, Standing)>,
    /// What happened from one instant to another: most digests of an hour tell of the same day.
    news: BTreeMap<(OffsetDateTime, OffsetDateTime), News>,
}

/// A digest as it would be sent, and whether it has news.
#[derive(Debug)]
pub(crate) struct Composed {
    written: Written,
    is_news: bool,
}

impl Composed {
    /// As it is kept; `None` where nothing happened and its person wants none then.
    pub(crate) fn message(&self, id: Uuid, digest: &Digest) -> Option<NewMessage<'_>> {
        (self.is_news || digest.when_quiet).then(|| self.anyway(id))
    }

    /// As it is kept, whatever happened.
    pub(crate) fn anyway(&self, id: Uuid) -> NewMessage<'_> {
        let Written { subject, text, html } = &self.written;
        NewMessage { id, subject, text, html }
    }
}

impl<'a> Composer<'a> {
    /// For digests that are written now.
    pub(crate) fn new(scope: &'a TenantScope, mailer: &'a Mailer, now: OffsetDateTime) -> Self {
        Self { scope, mailer, now, standing: None, news: BTreeMap::new() }
    }

    /// Writes a digest for its person.
    ///
    /// # Errors
    ///
    /// When the database cannot be used.
    pub(crate) async fn compose(
        &mut self,
        digest: &Digest,
        name: &str,
    ) -> Result<Composed, StoreError> {
        let (since, until) = (digest.told_until, digest.until(self.now));
        let news = match self.news.entry((since, until)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(digests::news(self.scope, since, until).await?),
        };
        let (company_name, standing) = match &mut self.standing {
            Some(known) => known,
            unknown => {
                let company = companies::own(self.scope).await?;
                unknown.insert((company.name, standing(self.scope).await?))
            }
        };
        let unsubscribe = self.mailer.unsubscribe(self.scope.company(), digest.id);
        let content = Content {
            company: self.scope.company(),
            company_name,
            name,
            sections: &digest.sections,
            since,
            until,
            news,
            standing,
            public_url: self.mailer.public_url(),
            unsubscribe: &unsubscribe,
        };
        Ok(Composed { is_news: content.is_news(), written: content.write() })
    }
}

async fn standing(scope: &TenantScope) -> Result<Standing, StoreError> {
    let exploited = CveFilter { kev: Some(true), on_hosts: Some(true), ..CveFilter::default() };
    let page = PageRequest::first(NAMED);
    let exploited = cves::list(scope, &exploited, CveSort::Kev, &page).await?.items;
    let behind = HostFilter { agent_before: release(), ..HostFilter::default() };
    let page = PageRequest::first(BEHIND_MAX);
    let behind = if behind.agent_before.is_some() {
        hosts::list(scope, &behind, HostSort::Hostname, &page).await?.items
    } else {
        Vec::new()
    };
    let named = usize::try_from(NAMED).unwrap_or(usize::MAX);
    Ok(Standing {
        exploited: exploited.into_iter().map(|item| (item.cve.id, item.hosts)).collect(),
        behind_count: u64::try_from(behind.len()).unwrap_or(u64::MAX),
        behind: behind.into_iter().take(named).map(|host| (host.id, host.hostname)).collect(),
    })
}

/// This collector's release: agents of it are packed from the same commit.
fn release() -> Option<[u32; 3]> {
    let number = |text: &str| text.parse().ok();
    Some([
        number(env!("CARGO_PKG_VERSION_MAJOR"))?,
        number(env!("CARGO_PKG_VERSION_MINOR"))?,
        number(env!("CARGO_PKG_VERSION_PATCH"))?,
    ])
}
