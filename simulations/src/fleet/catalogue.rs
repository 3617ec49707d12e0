//! The real packages that simulated hosts are made of.

use std::fmt;

use protocol::software::SoftwareRecord;

/// One package a line; `data/README.md` says where they are from.
static PACKAGES: &[u8] = include_bytes!("../../data/packages.tsv.zst");

/// More than the file unpacks to.
const UNPACKED_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Where a package can be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pool {
    /// Debian's own, the most common first.
    Debian,
    /// Other vendors' packages for Debian and Ubuntu.
    DebianOther,
    /// Ubuntu's own.
    Ubuntu,
    /// Red Hat's own.
    Rhel,
    /// Windows programs.
    Windows,
    /// Python distributions.
    Python,
    /// npm packages.
    Npm,
}

impl Pool {
    /// Every pool, as the catalogue calls it.
    pub(crate) const NAMES: [(&'static str, Self); 7] = [
        ("debian", Self::Debian),
        ("debian-other", Self::DebianOther),
        ("ubuntu", Self::Ubuntu),
        ("rhel", Self::Rhel),
        ("windows", Self::Windows),
        ("python", Self::Python),
        ("npm", Self::Npm),
    ];

    fn from_name(name: &str) -> Option<Self> {
        let known = Self::NAMES.iter().find(|(known, _)| *known == name);
        known.map(|(_, pool)| *pool)
    }
}

/// All packages.
pub(crate) struct Catalogue(Vec<(Pool, SoftwareRecord)>);

impl fmt::Debug for Catalogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Catalogue({} packages)", self.0.len())
    }
}

/// A catalogue that cannot be read: the program was built with a broken one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CatalogueError {
    /// It cannot be unpacked.
    #[error("unpack the package catalogue: {0}")]
    Packing(#[from] std::io::Error),
    /// It is not text.
    #[error("the package catalogue is not text")]
    Text(#[from] std::string::FromUtf8Error),
    /// A line has other fields.
    #[error("line {0} of the package catalogue cannot be read")]
    Line(usize),
}

impl Catalogue {
    /// The packages that came with the program.
    ///
    /// # Errors
    ///
    /// When the program was built with a broken catalogue.
    pub(crate) fn load() -> Result<Self, CatalogueError> {
        // A megabyte of text that packs to a ninth, in the repository and in the program; unpacked
        // once a run.
        let text = String::from_utf8(zstd::bulk::decompress(PACKAGES, UNPACKED_BYTES_MAX)?)?;
        text.lines()
            .enumerate()
            .map(|(number, line)| read(line).ok_or(CatalogueError::Line(number + 1)))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Every package, with the pool that it is found in.
    pub(crate) fn packages(&self) -> &[(Pool, SoftwareRecord)] {
        &self.0
    }

    /// The packages of a pool, in its order.
    pub(crate) fn pool(&self, pool: Pool) -> Vec<&SoftwareRecord> {
        let inside = self.0.iter().filter(|(of, _)| *of == pool);
        inside.map(|(_, record)| record).collect()
    }
}

fn read(line: &str) -> Option<(Pool, SoftwareRecord)> {
    // A tab separates, and no name or version of the catalogue holds one: nothing is escaped.
    let fields: Vec<_> = line.split('\t').collect();
    let &[
        pool,
        source,
        name,
        version,
        epoch,
        release,
        arch,
        vendor,
        source_name,
        source_version,
        origin,
    ] = &fields[..]
    else {
        return None;
    };
    let epoch = match epoch {
        "" => None,
        number => Some(number.parse().ok()?),
    };
    let record = SoftwareRecord {
        epoch,
        release: release.to_owned(),
        arch: arch.to_owned(),
        vendor: vendor.to_owned(),
        source_name: source_name.to_owned(),
        source_version: source_version.to_owned(),
        origin: origin.to_owned(),
        ..SoftwareRecord::new(source.parse().ok()?, name, version)
    };
    Some((Pool::from_name(pool)?, record))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_packages_in_every_pool() {
        let catalogue = Catalogue::load().expect("the catalogue");
        for (name, pool) in Pool::NAMES {
            assert!(catalogue.pool(pool).len() >= 50, "{name}");
        }
        assert!(catalogue.pool(Pool::Debian).len() > 5_000);
    }

    #[test]
    fn begins_with_what_every_debian_has() {
        let catalogue = Catalogue::load().expect("the catalogue");
        let debian = catalogue.pool(Pool::Debian);
        let common = debian.iter().take(400);
        assert!(common.filter(|record| ["dpkg", "libc6"].contains(&&*record.name)).count() == 2);
    }

    #[test]
    fn refuses_a_line_with_a_field_too_few_or_of_no_pool() {
        assert!(read("debian\tdeb\tbash\t5.2\t\t\tamd64\t\t\t\t").is_some());
        assert!(read("debian\tdeb\tbash\t5.2\t\t\tamd64\t\t\t").is_none());
        assert!(read("gentoo\tdeb\tbash\t5.2\t\t\tamd64\t\t\t\t").is_none());
        assert!(read("debian\tebuild\tbash\t5.2\t\t\tamd64\t\t\t\t").is_none());
        assert!(read("debian\tdeb\tbash\t5.2\tone\t\tamd64\t\t\t\t").is_none());
    }
}
