//! Which system a labelled image has. The labels do not say it; its name and the versions of its
//! C library, busybox or OpenSSL do.

/// The end of an image's digest, how its packages are packed, `ID` and `VERSION_ID`.
const IMAGES: [(&str, &str, &str, &str); 29] = [
    ("0cd7d507", "apk", "wolfi", "20220914"),
    ("276975f9", "apk", "alpine", "3.2.3"),
    ("b9777bfe", "apk", "alpine", "3.14.2"),
    ("2f2de63d", "apk", "alpine", "3.6.5"),
    ("ff44738d", "apk", "alpine", "3.12.8"),
    ("1b19ca1c", "apk", "alpine", "3.14.2"),
    ("04fdea80", "apk", "alpine", "3.18.4"),
    ("587e38c5", "apk", "alpine", "3.14.6"),
    ("ac52babe", "apk", "alpine", "3.15.6"),
    ("de2f6175", "apk", "alpine", "3.13.5"),
    ("a9806d74", "deb", "debian", "11"),
    ("a0a6b82d", "deb", "debian", "10"),
    ("da2ad264", "deb", "debian", "7"),
    ("0aa3e69f", "deb", "debian", "11"),
    ("583efac0", "deb", "debian", "11"),
    ("28eb09ce", "deb", "debian", "8"),
    ("94c13da3", "deb", "debian", "10"),
    ("eb5d3e02", "deb", "ubuntu", "20.04"),
    ("f8151723", "deb", "ubuntu", "20.10"),
    ("5ab38ede", "deb", "ubuntu", "22.10"),
    ("4ef0248c", "deb", "ubuntu", "13.04"),
    ("d5b7880b", "rpm", "rhel", "8.6"),
    ("6102bcc9", "rpm", "centos", "8"),
    ("31e0b0f1", "rpm", "ol", "8.6"),
    ("66608880", "rpm", "rhel", "8.4"),
    ("38584bdb", "rpm", "rhel", "8.3"),
    ("f6e75495", "rpm", "ol", "6.9"),
    ("69df1dd8", "rpm", "rocky", "8.5"),
    ("5aa3bb75", "rpm", "sles", "15.1"),
];

/// How the distribution's packages of an image are packed, and its `ID` and `VERSION_ID`.
pub(crate) fn of(image: &str) -> Option<[&'static str; 3]> {
    let (_, source, id, release) = IMAGES.iter().find(|(end, ..)| image.ends_with(end))?;
    Some([source, id, release])
}

/// How a package is packed, and `ID` and `VERSION_ID` of its image; `None` for one that the
/// distribution's package manager does not know.
pub(crate) fn system(image: &str, version: &str) -> Option<[&'static str; 3]> {
    let [source, id, release] = of(image)?;
    let is_packed = match source {
        "apk" => version.rsplit_once("-r").is_some_and(|(_, number)| is_number(number)),
        "rpm" => version.contains(".el") || version.contains(".module") || id == "sles",
        // A version with a revision; Java and Go write dashes for other things.
        _ => {
            let marks = ["deb", "dfsg", "ubuntu"];
            let revision = version.rsplit_once('-').map_or("", |(_, revision)| revision);
            revision.starts_with(|c: char| c.is_ascii_digit())
                && !version.starts_with('v')
                && (version.matches('-').count() == 1
                    || marks.iter().any(|mark| version.contains(mark)))
        }
    };
    is_packed.then_some([source, id, release])
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
