//! Ubuntu's releases and the lines of updates that come with a subscription.

use super::{Release, numbered};

/// Lines of Ubuntu Pro by the words between `Pro` and the release. A record of `Pro` alone is of one
/// of the two ESM lines, and its purl says which.
const LINES: [(&str, &str); 4] = [
    ("FIPS", "fips"),
    ("FIPS-updates", "fips-updates"),
    ("FIPS-preview", "fips-preview"),
    ("Realtime", "realtime"),
];

/// Releases by the first word of their names. The tracker of today still lists the oldest.
const CODENAMES: [(&str, &str); 29] = [
    ("precise", "12.04"),
    ("quantal", "12.10"),
    ("raring", "13.04"),
    ("saucy", "13.10"),
    ("trusty", "14.04"),
    ("utopic", "14.10"),
    ("vivid", "15.04"),
    ("wily", "15.10"),
    ("xenial", "16.04"),
    ("yakkety", "16.10"),
    ("zesty", "17.04"),
    ("artful", "17.10"),
    ("bionic", "18.04"),
    ("cosmic", "18.10"),
    ("disco", "19.04"),
    ("eoan", "19.10"),
    ("focal", "20.04"),
    ("groovy", "20.10"),
    ("hirsute", "21.04"),
    ("impish", "21.10"),
    ("jammy", "22.04"),
    ("kinetic", "22.10"),
    ("lunar", "23.04"),
    ("mantic", "23.10"),
    ("noble", "24.04"),
    ("oracular", "24.10"),
    ("plucky", "25.04"),
    ("questing", "25.10"),
    ("resolute", "26.04"),
];

/// `jammy`, `esm-infra/xenial`, `trusty/esm`, `fips-updates/focal`.
pub(super) fn by_codename(text: &str) -> Option<Release> {
    let number = |codename: &str| {
        let (_, number) = CODENAMES.iter().find(|(known, _)| *known == codename)?;
        Some((*number).to_owned())
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
    let distro = qualifiers
        .split('&')
        .find_map(|qualifier| qualifier.strip_prefix("distro="))?;
    let (line, _) = distro.split_once('/')?;
    line.starts_with("esm-").then_some(line)
}
