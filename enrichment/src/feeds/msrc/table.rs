//! The table of CVE, update, product and replaced updates that auditors of Windows without a network
//! carry along (`CVEs_….csv` of bitsadmin/wesng): Microsoft's documents back to 2008, without builds.
//!
//! A CVE's rows lie all over the file, so the whole of it is held, in numbers.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::cve::CveId;
use crate::feeds::msrc::{Bulletin, Fix, Published, Target, Updates, counted, worse};
use crate::windows::{self, Product};

/// Rows that are held. The table of 2026 has 609,000, of which 390,000 are about Windows.
const ROWS_MAX: usize = 8_000_000;

/// Different products that are told apart; Microsoft has 6,800.
const PRODUCTS_MAX: usize = 100_000;

/// How the first line begins, in lower case and without quotes.
pub(in crate::feeds) const HEADER: &str = "dateposted,cve,bulletinkb,";

/// The columns that are used.
#[derive(Debug)]
struct Columns {
    cve: usize,
    update: usize,
    product: usize,
    severity: usize,
    replaced: usize,
}

/// The table so far.
pub(in crate::feeds) struct Table {
    columns: Columns,
    /// Products by name; of the unknown ones how many rows were about them.
    products: HashMap<String, Result<u32, u64>>,
    known: Vec<Product>,
    cves: BTreeMap<CveId, OfCve>,
    updates: Updates,
    rows: usize,
    /// Rows about Windows that name no update.
    without_update: u64,
}

/// What the rows of one CVE say.
#[derive(Default)]
struct OfCve {
    /// Products and the updates that repair them.
    fixes: BTreeSet<(u32, u32)>,
    severity: &'static str,
}

impl Table {
    /// A table with these columns.
    pub(in crate::feeds) fn new(header: &[String]) -> Result<Self, String> {
        let need = |name: &str| {
            let at = header.iter().position(|column| column.eq_ignore_ascii_case(name));
            at.ok_or_else(|| format!("there is no column {name}"))
        };
        Ok(Self {
            columns: Columns {
                cve: need("CVE")?,
                update: need("BulletinKB")?,
                product: need("AffectedProduct")?,
                severity: need("Severity")?,
                replaced: need("Supersedes")?,
            },
            products: HashMap::new(),
            known: Vec::new(),
            cves: BTreeMap::new(),
            updates: Updates::default(),
            rows: 0,
            without_update: 0,
        })
    }

    /// Takes a row in; gives whether it says anything that is used.
    pub(in crate::feeds) fn add(&mut self, fields: &[String]) -> Result<bool, String> {
        let field = |at: usize| fields.get(at).map(|field| field.trim()).ok_or("it is too short");
        let (cve, update) = (field(self.columns.cve)?, field(self.columns.update)?);
        let (severity, replaced) = (field(self.columns.severity)?, field(self.columns.replaced)?);
        let name = field(self.columns.product)?;
        // What was published before CVEs were named, and service packs: `SP81U1X64`.
        if !cve.starts_with("CVE-") {
            return Ok(false);
        }
        let cve: CveId =
            cve.parse().map_err(|error: crate::cve::InvalidCveId| error.to_string())?;
        let Some(product) = self.product(name) else {
            return Ok(false);
        };
        let Some(update) = windows::update(update) else {
            self.without_update += 1;
            return Ok(false);
        };
        self.rows += 1;
        if self.rows > ROWS_MAX {
            return Err(format!("more than {ROWS_MAX} rows are about Windows"));
        }
        let of_cve = self.cves.entry(cve).or_default();
        of_cve.fixes.insert((product, update));
        of_cve.severity = worse(of_cve.severity, severity);
        if let Some(product) = usize::try_from(product).ok().and_then(|at| self.known.get(at)) {
            self.updates.add(update, product, replaced);
        }
        Ok(true)
    }

    fn product(&mut self, name: &str) -> Option<u32> {
        if let Some(known) = self.products.get_mut(name) {
            return match known {
                Ok(number) => Some(*number),
                Err(rows) => {
                    *rows += 1;
                    None
                }
            };
        }
        // Not an error: the rows of known products before this one are right whatever follows.
        if self.products.len() >= PRODUCTS_MAX {
            return None;
        }
        // Programs have no versions here, and without one nothing can be said of them.
        let number = match Target::of(name) {
            Ok(Target::Windows(product)) => {
                self.known.push(product);
                u32::try_from(self.known.len() - 1).map_err(|_| 1)
            }
            Ok(Target::Program(_)) | Err(_) => Err(1),
        };
        self.products.insert(name.to_owned(), number);
        number.ok()
    }

    /// All that the table says.
    pub(in crate::feeds) fn finish(self) -> (Published, BTreeMap<String, u64>) {
        let mut published = Published::default();
        let mut left_out = BTreeMap::new();
        for (name, rows) in &self.products {
            if let Err(rows) = rows {
                *left_out.entry(format!("Microsoft: {}", counted(name))).or_default() += rows;
            }
        }
        if self.without_update > 0 {
            left_out.insert("Microsoft: Windows without an update".to_owned(), self.without_update);
        }
        let mut known = self.known;
        let targets: Vec<Target> = known.drain(..).map(Target::Windows).collect();
        for (cve, OfCve { fixes, severity }) in self.cves {
            let mut bulletin = Bulletin::new(cve);
            bulletin.severity = severity;
            for (product, update) in fixes {
                let fix = Fix { update: Some(update), ..Fix::default() };
                if let Some(target) = usize::try_from(product).ok().and_then(|at| targets.get(at)) {
                    bulletin.add(target, Some(&fix));
                }
            }
            published.advisories.extend(bulletin.finish());
        }
        published.advisories.extend(self.updates.finish("", None));
        (published, left_out)
    }
}
