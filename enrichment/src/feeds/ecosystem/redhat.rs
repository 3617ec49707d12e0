//! Red Hat's products, which its advisories name by the CPE without its beginning:
//! `enterprise_linux:9::appstream`, `rhel_eus:9.2::baseos`, `openstack:16.2::el8`.

use super::{Release, numbered};

/// Products whose version is the release of RHEL that they belong to. Not every product that is
/// called so: `rhel_stronghold:4.0` ran on another release.
const OF_A_RELEASE: [&str; 24] = [
    "rhel_eus",
    "rhel_eus_long_life",
    "rhel_aus",
    "rhel_tus",
    "rhel_e4s",
    "rhel_els",
    "rhel_mission_critical",
    "rhel_extras",
    "rhel_extras_other",
    "rhel_extras_rt",
    "rhel_extras_rt_els",
    "rhel_extras_sap",
    "rhel_extras_sap_els",
    "rhel_extras_sap_hana",
    "rhel_extras_sap_hana_els",
    "rhel_extras_oracle_java",
    "rhel_atomic",
    "rhel_cluster",
    "rhel_cluster_storage",
    "rhel_global_file_system",
    "rhel_productivity",
    "rhel_rhn_tools",
    "rhel_sjis",
    "rhel_virtualization",
];

/// The release and, where it is not the distribution itself, the product as the channel.
pub(super) fn release(product: &str) -> Option<Release> {
    let mut parts = product.split(':');
    let (name, version) = (parts.next()?, parts.next().unwrap_or(""));
    // What follows is a repository. Those of one release never hold different versions of a package.
    if name == "enterprise_linux" {
        return Some(Release::plain("rhel", main_release(version)?));
    }
    if OF_A_RELEASE.contains(&name) {
        // Extended lines have a minor release, `9.2`; old ones a stream of it, `4.7.z`.
        let release = numbered(version.trim_end_matches(".z"))?;
        let channel = name.strip_prefix("rhel_").unwrap_or(name);
        return Some(Release::of("rhel", release, channel.to_owned()));
    }
    // A product on top of a release says which one last: `el8`, seldom `el7.4`.
    // Without it nothing says on which release the product's packages are installed.
    let release = parts.next_back()?.strip_prefix("el")?;
    let channel = match version {
        "" => name.to_owned(),
        version => format!("{name}:{version}"),
    };
    let release = numbered(release.split('.').next()?)?;
    Some(Release::of("rhel", release, channel))
}

/// Since release 10 the distribution itself is named with its minor release.
fn main_release(version: &str) -> Option<String> {
    let major = version.split('.').next()?;
    // 2.1 was a release of its own, and 10.1 is only how far release 10 has come.
    numbered(if major.len() > 1 { major } else { version })
}
