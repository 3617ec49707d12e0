//! Display names, freed from what installers add to them: versions, architectures, languages.
//!
//! Only what is written by rule is taken away, and nothing is ever added or guessed, so a name
//! that follows no rule stays as it is and then matches nothing.

/// A display name after cleaning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Name<'a> {
    /// The words that are left, in lower case.
    pub(crate) words: Vec<String>,
    /// The version that stood in the name.
    pub(crate) version: Option<&'a str>,
}

/// Words that say how something was built or delivered, never what it is.
const NOISE: [&str; 35] = [
    "32-bit",
    "32bit",
    "64-bit",
    "64bit",
    "all",
    "amd64",
    "arm64",
    "bit",
    "bits",
    "edition",
    "en",
    "english",
    "ia32",
    "linux",
    "mac",
    "macos",
    // As in `Microsoft Word MUI (English) 2016`: the texts of a user interface.
    "mui",
    "multilingual",
    "os",
    "release",
    "stable",
    "user",
    "users",
    "v.",
    "ver",
    "ver.",
    "version",
    "win",
    "win32",
    "win64",
    "windows",
    "x64",
    "x86",
    "x86-64",
    "x86_64",
];

/// Words that name an edition or a channel of the same product.
const EDITIONS: [&str; 27] = [
    "app",
    "basic",
    "beta",
    "business",
    "cc",
    "ce",
    "community",
    "current",
    "eap",
    "enterprise",
    "esr",
    "express",
    "free",
    "full",
    "home",
    "lite",
    "lts",
    "ltsr",
    "machine-wide",
    "nightly",
    "oss",
    "personal",
    "premium",
    "pro",
    "professional",
    "standard",
    "ultimate",
];

impl<'a> Name<'a> {
    /// Cleans a display name.
    pub(crate) fn clean(text: &'a str) -> Self {
        let (text, remark) = split_remark(text.trim());
        let text = strip_suffix_folded(text, ".app");
        let mut name = Self::default();
        let mut depth = 0_usize;
        for word in text.split_whitespace() {
            let opens = word.matches('(').count();
            let is_inside = depth > 0 || word.starts_with('(');
            // What stands in brackets is an architecture, a language or a user: `Mozilla Firefox
            // (x64 en-US)`. Brackets may hold several words.
            depth = (depth + opens).saturating_sub(word.matches(')').count());
            if !is_inside {
                name.push(word);
            }
        }
        // All of it was in brackets; a name of nothing would match a table's empty key.
        if name.words.is_empty() {
            name.words.push(text.to_lowercase());
        }
        // Some installers put the version behind the dash, as in `Program - 1.2.3`.
        if name.version.is_none() {
            name.version = remark.split_whitespace().next().and_then(|word| split_version(word).1);
        }
        name.drop_platform();
        name
    }

    fn push(&mut self, word: &'a str) {
        let word = word.trim_matches([',', ';', ':', '|', '\'', '"', '®', '™', '©']);
        let (word, version) = split_version(word);
        if self.version.is_none() {
            self.version = version;
        }
        let mut word = word.to_lowercase();
        for mark in ["®", "™", "©", "(r)", "(tm)"] {
            if word.contains(mark) {
                word = word.replace(mark, "");
            }
        }
        if !word.is_empty() && !is_language(&word) {
            self.words.push(word);
        }
    }

    /// Drops noise, but never the first word: `Windows Terminal` is not `Terminal`. A `for` goes
    /// only with the platform behind it: `Skype for Business` is another product than `Skype`.
    fn drop_platform(&mut self) {
        let is_noise = |word: &String| NOISE.contains(&word.as_str());
        let kept: Vec<bool> = (0..self.words.len())
            .map(|at| {
                let is_for_platform =
                    self.words[at] == "for" && self.words.get(at + 1).is_some_and(is_noise);
                at == 0 || !(is_noise(&self.words[at]) || is_for_platform)
            })
            .collect();
        let mut kept = kept.into_iter();
        self.words.retain(|_| kept.next().unwrap_or(true));
    }

    /// The year that the name ends with.
    pub(crate) fn year(&self) -> Option<&str> {
        let last = self.words.last()?;
        let is_year = last.len() == 4 && matches!(last.parse(), Ok(1990..=2099_u16));
        is_year.then_some(last.as_str())
    }

    /// The words joined by spaces: the key of hand-made tables.
    pub(crate) fn text(&self) -> String {
        self.words.join(" ")
    }

    /// The same name without generation numbers, and then without editions, as far as they differ.
    pub(crate) fn shorter(&self) -> Vec<Vec<&str>> {
        let all: Vec<&str> = self.words.iter().map(String::as_str).collect();
        let is_number = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit());
        let mut forms = vec![all];
        let (first, rest) = match self.words.split_first() {
            Some((first, rest)) => (first.as_str(), rest),
            None => return forms,
        };
        let mut add = |is_kept: &dyn Fn(&str) -> bool| {
            let form: Vec<&str> = std::iter::once(first)
                .chain(rest.iter().map(String::as_str).filter(|word| is_kept(word)))
                .collect();
            // Words are only ever taken away, so equal lengths are equal names.
            if forms.last().is_none_or(|last| last.len() != form.len()) {
                forms.push(form);
            }
        };
        add(&|word| !is_number(word));
        add(&|word| !is_number(word) && !EDITIONS.contains(&word));
        forms
    }
}

/// The text with a space in every word that is two, `FormatFactory`; nothing where there is none.
pub(crate) fn split_camel(text: &str) -> Option<String> {
    let mut split = String::with_capacity(text.len() + 4);
    let mut is_after_lower = false;
    for c in text.chars() {
        if is_after_lower && c.is_uppercase() {
            split.push(' ');
        }
        is_after_lower = c.is_lowercase();
        split.push(c);
    }
    (split.len() > text.len()).then_some(split)
}

/// The text before a remark behind a dash, and the remark.
fn split_remark(text: &str) -> (&str, &str) {
    [" - ", " – ", " — "]
        .iter()
        .filter_map(|dash| text.split_once(dash))
        .filter(|(before, _)| !before.is_empty())
        // The first dash of any kind.
        .min_by_key(|(before, _)| before.len())
        .unwrap_or((text, ""))
}

pub(crate) fn strip_suffix_folded<'a>(text: &'a str, suffix: &str) -> &'a str {
    let Some(at) = text.len().checked_sub(suffix.len()) else {
        return text;
    };
    match text.get(at..) {
        Some(end) if end.eq_ignore_ascii_case(suffix) => &text[..at],
        _ => text,
    }
}

/// Divides `grep-2.5.4` and `v1.2` into a word and a version.
fn split_version(word: &str) -> (&str, Option<&str>) {
    if is_version(word) {
        return ("", Some(word.trim_start_matches(|c: char| c.is_ascii_alphabetic())));
    }
    for (at, _) in word.match_indices('-') {
        let behind = &word[at + 1..];
        // A number alone behind a hyphen belongs to the name (`SHA-256`), a dotted one is a
        // version.
        if at > 0 && is_version(behind) {
            return (&word[..at], Some(behind));
        }
    }
    (word, None)
}

/// Whether a word is a version: digits with a dot, perhaps behind `v`, `r` or `go`.
fn is_version(word: &str) -> bool {
    let digits =
        ["v", "V", "r", "go"].iter().find_map(|prefix| word.strip_prefix(prefix)).unwrap_or(word);
    let (number, rest) = match digits.find(|c: char| !c.is_ascii_digit()) {
        Some(at) => digits.split_at(at),
        None => return digits.len() < word.len() && !digits.is_empty(),
    };
    let is_dotted = matches!(rest.as_bytes(), [b'.' | b'_', b'0'..=b'9', ..]);
    !number.is_empty()
        && is_dotted
        && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-+,".contains(&byte))
}

/// Whether a word is a language tag such as `en-us`.
fn is_language(word: &str) -> bool {
    matches!(word.as_bytes(), [a, b, b'-', c, d]
        if [a, b, c, d].iter().all(|byte| byte.is_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(name: &str) -> String {
        Name::clean(name).text()
    }

    #[test]
    fn takes_versions_architectures_and_languages_away() {
        let cases = [
            ("Mozilla Firefox (x64 en-US)", "mozilla firefox"),
            ("Mozilla Firefox 78.0.2 (x64 en-US)", "mozilla firefox"),
            ("7-Zip 16.04 (x64 edition)", "7-zip"),
            ("Git version 2.27.0", "git"),
            ("Wireshark 3.2.4 64-bit", "wireshark"),
            ("Adobe Acrobat Reader DC - Czech", "adobe acrobat reader dc"),
            ("Certify The Web version 5.1.5", "certify the web"),
            ("maxima-5.43.2", "maxima"),
            ("GoldWave v6.52", "goldwave"),
            ("HeavyLoad V3.6 (64 bit)", "heavyload"),
            ("Google Chrome.app", "google chrome"),
            ("Microsoft 365 - en-us", "microsoft 365"),
            ("1Password – Password Manager", "1password"),
            ("VLC media player", "vlc media player"),
            ("Node.js", "node.js"),
            ("Notepad++ (64-bit x64)", "notepad++"),
            ("Adobe® Reader™ XI", "adobe reader xi"),
            ("Java(TM) SE Runtime", "java se runtime"),
            ("Clash for Windows 0.11.1", "clash"),
            ("Skype for Business 2016", "skype for business 2016"),
            ("Dell Command | Update", "dell command update"),
        ];
        for (name, cleaned) in cases {
            assert_eq!(text(name), cleaned, "{name}");
        }
    }

    #[test]
    fn keeps_what_is_the_name() {
        for name in [
            "windows terminal",
            "beyond compare 4",
            "dev-c++",
            "f.lux",
            "4k video downloader",
            "360安全卫士",
        ] {
            assert_eq!(text(name), name);
        }
        assert_eq!(text("(x64)"), "(x64)", "a name is never empty");
        assert_eq!(text(""), "");
    }

    #[test]
    fn tells_the_version_in_a_name() {
        let version = |name| Name::clean(name).version;
        assert_eq!(version("Python 3.14.0rc1 (64-bit)"), Some("3.14.0rc1"));
        assert_eq!(version("IntelliJ IDEA Community Edition 2022.3.2"), Some("2022.3.2"));
        assert_eq!(version("Clink v0.4.9"), Some("0.4.9"));
        assert_eq!(version("Microsoft .NET Runtime - 6.0.13 (x64)"), Some("6.0.13"));
        assert_eq!(version("Beyond Compare 4"), None);
        assert_eq!(version("draw.io"), None);
    }

    #[test]
    fn tells_the_year_at_the_end_of_a_name() {
        assert_eq!(Name::clean("Autodesk AutoCAD 2024").year(), Some("2024"));
        assert_eq!(Name::clean("Beyond Compare 4").year(), None);
        assert_eq!(Name::clean("Office 9999").year(), None);
    }

    #[test]
    fn divides_words_that_are_written_as_one() {
        assert_eq!(split_camel("FormatFactory").as_deref(), Some("Format Factory"));
        assert_eq!(split_camel("McAfee WebAdvisor").as_deref(), Some("Mc Afee Web Advisor"));
        for whole in ["Git", "OBS Studio", "7-Zip", "KNIME", "360安全卫士", ""] {
            assert_eq!(split_camel(whole), None, "{whole}");
        }
    }

    #[test]
    fn offers_shorter_forms_without_numbers_and_editions() {
        let name = Name::clean("Microsoft Visual Studio Professional 2019");
        assert_eq!(
            name.shorter(),
            [
                vec!["microsoft", "visual", "studio", "professional", "2019"],
                vec!["microsoft", "visual", "studio", "professional"],
                vec!["microsoft", "visual", "studio"],
            ]
        );
        assert_eq!(Name::clean("Git").shorter(), [vec!["git"]]);
        let citrix = Name::clean("Citrix Workspace 2203 LTSR");
        assert_eq!(citrix.shorter().last(), Some(&vec!["citrix", "workspace"]));
    }

    proptest! {
        #[test]
        fn cleaning_never_panics_and_never_loses_a_whole_name(name in "\\PC{1,40}") {
            let cleaned = Name::clean(&name);
            prop_assert!(name.trim().is_empty() || !cleaned.words.is_empty());
        }
    }
}
