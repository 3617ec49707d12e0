//! Sections of the configuration: a raw struct and what its default file says, in one declaration.
//!
//! The literals of the defaults are TOML as well as Rust, so that the document, the default and
//! the type cannot come apart.

/// What the configuration knows of a section.
#[derive(Debug)]
pub(super) struct Section {
    /// The table's name.
    pub(super) name: &'static str,
    /// What it is for, a line each.
    pub(super) docs: &'static [&'static str],
    /// Its settings.
    pub(super) fields: &'static [Field],
}

/// What the configuration knows of a setting.
#[derive(Debug)]
pub(super) struct Field {
    /// The key.
    pub(super) name: &'static str,
    /// What it is for, a line each.
    pub(super) docs: &'static [&'static str],
    /// The default as TOML; `None` when it is unset by default.
    pub(super) default: Option<&'static str>,
    /// An example as TOML, for what is unset by default.
    pub(super) example: Option<&'static str>,
}

/// Declares a section: `name: Type = default;`, or `name: Option<Type> => example;`.
macro_rules! section {
    (
        $(#[doc = $section_doc:literal])*
        $name:literal $raw:ident {
            $(
                $(#[doc = $doc:literal])*
                // One token tree each: a literal or a list in brackets, which Rust and TOML write
                // alike.
                $field:ident: $type:ty $(= $default:tt)? $(=> $example:tt)?;
            )*
        }
    ) => {
        $(#[doc = $section_doc])*
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $raw {
            $(
                $(#[doc = $doc])*
                pub(super) $field: $type,
            )*
        }

        impl $raw {
            /// What the configuration knows of this section.
            pub(super) const SECTION: $crate::config::section::Section =
                $crate::config::section::Section {
                    name: $name,
                    docs: &[$($section_doc),*],
                    fields: &[$(
                        $crate::config::section::Field {
                            name: stringify!($field),
                            docs: &[$($doc),*],
                            default: $crate::config::section::text!($($default)?),
                            example: $crate::config::section::text!($($example)?),
                        },
                    )*],
                };
        }
    };
}

/// A literal as text, if there is one.
macro_rules! text {
    () => {
        None
    };
    ($literal:tt) => {
        Some(stringify!($literal))
    };
}

// What `macro_rules` makes has no path before a `use` gives it one.
pub(super) use {section, text};
