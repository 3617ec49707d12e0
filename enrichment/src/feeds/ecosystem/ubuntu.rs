//! Ubuntu's releases and the lines of updates that come with a subscription.

use super::{Release, numbered};
use crate::codename;

/// Lines of Ubuntu Pro by the words between `Pro` and the release. A record of `Pro` alone is of one
/// of the two ESM lines, and its purl says which.
const LINES: [(&str, &str); 4] = [
    ("FIPS", "fips"),
    ("FIPS-updates", "fips-updates"),
    ("FIPS-preview", "fips-preview"),
    ("Realtime", "realtime"),
];

/// `jammy`, `esm-infra/xenial`, `trusty/esm`, `fips-updates/focal`.
pub(super) fn by_codename(text: &str) -> Option<Release> {
    let number = |codename: &str| {
        let (id, number) = codename::release(codename)?;
        (id == "ubuntu").then(|| number.to_owned())
    };
    let Some((first, second)) = text.split_once('/') else {
        return Some(Release::plain("ubuntu", number(text)?));
    };
    // The order was turned round when there came to be more lines than one.
    if second == "esm" {
        return Some(Release::of("ubuntu", number(first)?, second.to_owned()));
    }
    let is_line = LINES.iter().any(|(_, line)| *line == first) || first.starts_with("esm-");
    is_line.then(|| Some(Release::of("ubuntu", number(second)?, first.to_owned())))?
}

/// `22.04:LTS`, `24.10`, `Pro:14.04:LTS`, `Pro:FIPS-updates:20.04:LTS`.
pub(super) fn release(rest: &str, purl: &str) -> Option<Release> {
    let rest = rest.strip_suffix(":LTS").unwrap_or(rest);
    let Some(rest) = rest.strip_prefix("Pro:") else {
        return Some(Release::plain("ubuntu", numbered(rest)?));
    };
    let (line, release) = match rest.split_once(':') {
        Some((line, release)) => {
            let (_, channel) = LINES.iter().find(|(known, _)| *known == line)?;
            ((*channel).to_owned(), release)
        }
        None => (esm(purl).unwrap_or("pro").to_owned(), rest),
    };
    Some(Release::of("ubuntu", numbered(release)?, line))
}

/// `esm-apps` of `pkg:deb/ubuntu/netty@1?arch=source&distro=esm-apps/xenial`.
fn esm(purl: &str) -> Option<&str> {
    let (_, qualifiers) = purl.split_once('?')?;
    let distro = qualifiers.split('&').find_map(|qualifier| qualifier.strip_prefix("distro="))?;
    let (line, _) = distro.split_once('/')?;
    line.starts_with("esm-").then_some(line)
}
