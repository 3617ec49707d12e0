//! CPE names: reading, writing and comparing them after NISTIR 7695 and NISTIR 7696.
//!
//! A CVE record says what it is about in CPE names, and an installed program is given one to be
//! compared with it. Names are folded to lower case and unescaped once, on reading, so that the
//! rest of the crate compares plain text. A name is never repaired: what is malformed is refused
//! with the attribute and the reason.

mod compare;
mod format;
#[cfg(test)]
mod tests;

pub use compare::{Relation, compare, matches, relate};
pub use format::CpeError;

/// Attributes of a name.
pub const ATTRIBUTES: usize = 11;

/// Which attribute of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Attribute {
    /// `a` application, `o` operating system, `h` hardware.
    Part,
    /// Who makes it.
    Vendor,
    /// What it is called.
    Product,
    /// Its version.
    Version,
    /// Its update, patch level or pre-release.
    Update,
    /// Deprecated by CPE 2.3, still in old names.
    Edition,
    /// The language of its user interface.
    Language,
    /// Its edition for a market or a class of users.
    SwEdition,
    /// What it runs in: an operating system, a browser, a framework.
    TargetSw,
    /// The instruction set it runs on.
    TargetHw,
    /// Anything else.
    Other,
}

impl Attribute {
    /// All of them, in the order of a name.
    pub const ALL: [Self; ATTRIBUTES] = [
        Self::Part,
        Self::Vendor,
        Self::Product,
        Self::Version,
        Self::Update,
        Self::Edition,
        Self::Language,
        Self::SwEdition,
        Self::TargetSw,
        Self::TargetHw,
        Self::Other,
    ];

    /// The name in NISTIR 7695.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Part => "part",
            Self::Vendor => "vendor",
            Self::Product => "product",
            Self::Version => "version",
            Self::Update => "update",
            Self::Edition => "edition",
            Self::Language => "language",
            Self::SwEdition => "sw_edition",
            Self::TargetSw => "target_sw",
            Self::TargetHw => "target_hw",
            Self::Other => "other",
        }
    }
}

impl std::fmt::Display for Attribute {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One attribute's value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Attr {
    /// `*`: any value.
    #[default]
    Any,
    /// `-`: the attribute has no meaning for this product.
    Na,
    /// A text in lower case, without escapes.
    Value(Box<str>),
    /// A text with wildcards at an end.
    Pattern(Pattern),
}

impl Attr {
    /// The text of a plain value.
    #[must_use]
    pub fn as_value(&self) -> Option<&str> {
        match self {
            Self::Value(text) => Some(text),
            Self::Any | Self::Na | Self::Pattern(_) => None,
        }
    }

    /// A plain value; empty text means any.
    #[must_use]
    pub fn value(text: &str) -> Self {
        if text.is_empty() {
            Self::Any
        } else {
            // To NISTIR 7695 names that differ in case are the same; folded once, they need not be
            // again. A character at a time, as names are read: `to_lowercase` of a whole text gives
            // a sigma at its end another letter.
            let folded: String = text.chars().flat_map(char::to_lowercase).collect();
            Self::Value(folded.into_boxed_str())
        }
    }
}

/// A text with wildcards before or behind it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pattern {
    /// Before the text.
    pub leading: Wildcard,
    /// The text in lower case, without escapes.
    pub text: Box<str>,
    /// Behind the text.
    pub trailing: Wildcard,
}

/// What may stand at one end of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wildcard {
    /// Nothing.
    Nothing,
    /// `?` as often as said: up to so many characters.
    UpTo(u8),
    /// `*`: any number of characters.
    Anything,
}

/// A CPE name: eleven attributes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Cpe {
    attributes: [Attr; ATTRIBUTES],
}

impl Cpe {
    /// Reads a formatted string `cpe:2.3:…` (NISTIR 7695, 6.2) or a URI `cpe:/…` (6.1).
    ///
    /// # Errors
    ///
    /// Which attribute is malformed, and how.
    pub fn parse(text: &str) -> Result<Self, CpeError> {
        format::parse(text)
    }

    /// A name of a part (`a`, `o` or `h`), a vendor and a product, anything else any.
    #[must_use]
    pub fn of_product(part: &str, vendor: &str, product: &str) -> Self {
        Self::default()
            .with(Attribute::Part, Attr::value(part))
            .with(Attribute::Vendor, Attr::value(vendor))
            .with(Attribute::Product, Attr::value(product))
    }

    /// The same name with another value for one attribute.
    #[must_use]
    pub fn with(mut self, attribute: Attribute, value: Attr) -> Self {
        self.attributes[attribute as usize] = value;
        self
    }

    /// One attribute.
    #[must_use]
    pub const fn get(&self, attribute: Attribute) -> &Attr {
        &self.attributes[attribute as usize]
    }

    /// All attributes in the order of a name.
    #[must_use]
    pub const fn attributes(&self) -> &[Attr; ATTRIBUTES] {
        &self.attributes
    }
}

impl std::str::FromStr for Cpe {
    type Err = CpeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}
