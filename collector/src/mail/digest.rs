//! How a digest reads: what happened, in blocks, which become a text and a page. Pure.
//!
//! A host is named with its page, so that the message is found when the host is erased (`store::hosts::erase`).
//! Whatever hosts, feeds and people said goes through the one function that escapes for HTML. The page has no
//! script, no picture and nothing of other sites: reading it tells nobody.

mod blocks;
mod html;
mod text;

use protocol::ids::{AgentId, CompanyId};
use store::digests::{News, Section};
use time::OffsetDateTime;
use time::macros::format_description;

use self::blocks::Block;

/// What a digest is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Content<'a> {
    /// The company.
    pub(crate) company: CompanyId,
    /// What it is called.
    pub(crate) company_name: &'a str,
    /// What whoever reads it is called.
    pub(crate) name: &'a str,
    /// What it tells of.
    pub(crate) sections: &'a [Section],
    /// From when on.
    pub(crate) since: OffsetDateTime,
    /// Up to when.
    pub(crate) until: OffsetDateTime,
    /// What happened.
    pub(crate) news: &'a News,
    /// How the company stands, whatever happened.
    pub(crate) standing: &'a Standing,
    /// How browsers reach this collector.
    pub(crate) public_url: &'a str,
    /// The link that ends it.
    pub(crate) unsubscribe: &'a str,
}

/// How a company stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// CVEs on hosts that are known to be exploited, the newest first, and on how many hosts each is.
    pub(crate) exploited: Vec<(String, u64)>,
    /// Hosts whose agent is of an earlier release.
    pub(crate) behind: Vec<(AgentId, String)>,
    /// How many of those there are, at least.
    pub(crate) behind_count: u64,
}

/// A digest as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
}

impl Content<'_> {
    /// Whether anything happened that it tells of. How things stand is no news.
    pub(crate) fn is_news(&self) -> bool {
        self.sections.iter().any(|section| match section {
            Section::Findings => self.news.opened.all > 0,
            Section::Exploited => self.news.opened.kev > 0,
            Section::Exceptions => self.news.expiring_count.1 > 0,
            Section::Silent => self.news.silent_count > 0,
            Section::Policies => self.news.policies.iter().any(|policy| policy.newly > 0),
            Section::Agents => false,
        })
    }

    /// Writes it.
    pub(crate) fn write(&self) -> Written {
        let blocks = blocks::of(self);
        Written {
            subject: self.subject(),
            text: text::write(self, &blocks),
            html: html::write(self, &blocks),
        }
    }

    fn subject(&self) -> String {
        let has = |section| self.sections.contains(&section);
        let (opened, news) = (self.news.opened, self.news);
        let mut parts = Vec::new();
        if (has(Section::Findings) || has(Section::Exploited)) && opened.kev > 0 {
            parts.push(format!("{} known to be exploited", counted(opened.kev, "new finding")));
        } else if has(Section::Findings) && opened.all > 0 {
            parts.push(counted(opened.all, "new finding"));
        }
        if has(Section::Silent) && news.silent_count > 0 {
            parts.push(format!("{} silent", counted(news.silent_count, "host")));
        }
        let what = if parts.is_empty() { "digest".to_owned() } else { parts.join(", ") };
        // Names have none of control; a message with one is refused as a whole, so this one has none.
        let name: String = self.company_name.chars().filter(|c| !c.is_control()).collect();
        format!("{name}: {what}")
    }

    /// A page of the console.
    fn page(&self, path: &str) -> String {
        let and = if path.contains('?') { '&' } else { '?' };
        format!("{}{path}{and}company={}", self.public_url, self.company)
    }

    fn greeting(&self) -> String {
        let Self { name, company_name, .. } = self;
        let (since, until) = (instant(self.since), instant(self.until));
        format!("Hello {name}, this is what happened at {company_name} from {since} to {until}.")
    }
}

/// A number and what it counts.
fn counted(number: u64, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

/// An instant for people, to the minute.
fn instant(at: OffsetDateTime) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
    at.to_offset(time::UtcOffset::UTC).format(&format).unwrap_or_default()
}

#[cfg(test)]
mod tests;
