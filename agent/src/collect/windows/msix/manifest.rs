//! A package's `AppxManifest.xml`: the two texts in it that people see.
//!
//! Only `<Properties>` is looked at, as text: the rest describes how to start the package's programs.

/// What a record needs of a manifest; empty where it does not say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Manifest {
    pub(super) display_name: String,
    pub(super) publisher: String,
}

impl Manifest {
    pub(super) fn parse(xml: &[u8]) -> Self {
        let text = String::from_utf8_lossy(xml);
        let properties = between(&text, "<Properties>", "</Properties>").unwrap_or_default();
        let text = |open, close| between(properties, open, close).map(unescape);
        Self {
            display_name: text("<DisplayName>", "</DisplayName>").unwrap_or_default(),
            publisher: text("<PublisherDisplayName>", "</PublisherDisplayName>")
                .unwrap_or_default(),
        }
    }
}

/// Whether a text is one for people and not the name of one in a file of translations.
pub(super) fn is_resolved(text: &str) -> bool {
    let text = text.trim();
    !text.is_empty()
        && !text.starts_with("@{")
        && !text.to_ascii_lowercase().starts_with("ms-resource:")
}

fn between<'a>(text: &'a str, open: &str, close: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(open)?;
    Some(rest.split_once(close)?.0)
}

/// The five entities that every XML has.
fn unescape(text: &str) -> String {
    // The ampersand last: it would make entities out of what is none.
    let entities =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    let mut text = text.trim().to_owned();
    for (entity, character) in entities {
        if text.contains(entity) {
            text = text.replace(entity, character);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_texts_of_the_properties_alone() {
        let xml = b"\xef\xbb\xbf<?xml version=\"1.0\"?><Package><Properties>\n\
            <DisplayName>AT&amp;T &lt;App&gt;</DisplayName>\
            <PublisherDisplayName> Example Ltd </PublisherDisplayName></Properties>\
            <Applications><DisplayName>other</DisplayName></Applications></Package>";
        assert_eq!(
            Manifest::parse(xml),
            Manifest { display_name: "AT&T <App>".to_owned(), publisher: "Example Ltd".to_owned() }
        );
    }

    #[test]
    fn says_nothing_where_the_manifest_says_nothing() {
        for xml in [
            "",
            "<Properties>",
            "<Properties><DisplayName>cut",
            "<DisplayName>outside</DisplayName>",
        ] {
            assert_eq!(Manifest::parse(xml.as_bytes()), Manifest::default(), "{xml}");
        }
    }

    #[test]
    fn names_of_translations_are_no_names() {
        for text in ["ms-resource:AppName", "MS-RESOURCE://x/y", "@{a?ms-resource://b}", " ", ""] {
            assert!(!is_resolved(text), "{text}");
        }
        assert!(is_resolved("Calculator"));
    }
}
