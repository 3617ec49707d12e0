//! Text without its secrets, for documents that leave the host.
//!
//! The last line of defence and not the first: nothing that writes a log or a status writes a secret. But a
//! diagnostics bundle is mailed to strangers, and may hold lines that other programs wrote. What looks like a
//! secret goes; that something harmless goes with it costs nothing. It must never let a token, a key or a
//! password through because it stands in an unusual place.

#[cfg(test)]
mod tests;

/// What stands in the place of a secret.
pub const MARK: &str = "[redacted]";

/// How our own secrets begin: enrolment tokens and API keys.
const PREFIXES: [&str; 2] = ["mst1.", "msk_"];
/// What a secret is called, as the end of a name: `proxy_password: …`, `token=…`.
const NAMES: [&str; 7] =
    ["password", "passwd", "secret", "token", "key", "authorization", "credentials"];
/// What a secret follows without a sign in between (RFC 7617, RFC 6750).
const SCHEMES: [&str; 2] = ["basic", "bearer"];
/// Letters in a row from which on a mixture of capitals, small letters and digits is taken for a secret: half
/// of the shortest that anything of ours has.
const OPAQUE_FROM: usize = 24;

/// Lines without their secrets, keys over several lines among them.
#[must_use]
pub fn lines(text: &str) -> Vec<String> {
    let mut is_in_key = false;
    let mut clean = Vec::new();
    for text in text.lines() {
        if text.contains("-----BEGIN ") {
            is_in_key = true;
            clean.push(MARK.to_owned());
        } else if !is_in_key {
            clean.push(line(text));
        }
        is_in_key &= !text.contains("-----END ");
    }
    clean
}

/// A line without its secrets.
#[must_use]
pub fn line(text: &str) -> String {
    words(&without_logins(text))
}

/// Every text of a JSON document without its secrets, and nothing at all of what a secret's name names.
pub fn document(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::String(text) => *text = lines(text).join("\n"),
        serde_json::Value::Array(values) => values.iter_mut().for_each(document),
        serde_json::Value::Object(fields) => {
            for (name, field) in fields {
                if is_name(name) && field.is_string() {
                    *field = MARK.into();
                } else {
                    document(field);
                }
            }
        }
        serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {}
    }
}

/// Addresses without who signs in to them: `http://user:password@proxy` (RFC 3986, section 3.2.1).
fn without_logins(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        clean.push_str(before);
        clean.push_str("://");
        let end = after
            .find(|letter: char| letter.is_whitespace() || matches!(letter, '"' | '\'' | '<' | '>'))
            .unwrap_or(after.len());
        let (address, behind) = after.split_at(end);
        // The last one: who writes a password with a bare `@` or `/` into an address has it redacted all the same.
        match address.rsplit_once('@') {
            Some((_, host)) => {
                clean.push_str(MARK);
                clean.push('@');
                clean.push_str(host);
            }
            None => clean.push_str(address),
        }
        rest = behind;
    }
    clean.push_str(rest);
    clean
}

fn words(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut reader = Reader::default();
    for piece in text.split_inclusive(is_gap) {
        let gap = piece.chars().next_back().filter(|letter| is_gap(*letter));
        let word = gap.map_or(piece, |gap| &piece[..piece.len() - gap.len_utf8()]);
        reader.take(word, gap, &mut clean);
    }
    clean
}

/// What the words so far say of the next one.
#[derive(Default)]
struct Reader {
    /// The last word was a secret's name.
    is_named: bool,
    /// The next word is a secret.
    is_announced: bool,
    /// The quote that the next word stands behind.
    quote: Option<char>,
    /// The quote that ends the secret in which this is.
    ends_at: Option<char>,
}

impl Reader {
    fn take(&mut self, word: &str, gap: Option<char>, clean: &mut String) {
        if let Some(end) = self.ends_at {
            if gap == Some(end) {
                self.ends_at = None;
                clean.push(end);
            }
            return;
        }
        let is_scheme = SCHEMES.iter().any(|scheme| word.eq_ignore_ascii_case(scheme));
        if word.is_empty() || is_scheme {
            // What announces goes on doing so over blanks, quotes and the name of a scheme.
            self.is_announced |= is_scheme;
            clean.push_str(word);
        } else if self.is_announced || is_secret(word) {
            clean.push_str(MARK);
            // A password of several words ends with its quote.
            self.ends_at = self.quote.filter(|quote| self.is_announced && gap != Some(*quote));
            (self.is_announced, self.is_named) = (false, false);
        } else {
            clean.push_str(word);
            self.is_named = is_name(word);
        }
        clean.extend(gap);
        self.quote = gap.filter(|letter| matches!(letter, '"' | '\''));
        self.is_announced |= self.is_named && matches!(gap, Some('=' | ':'));
    }
}

/// What parts words: not `.`, `@`, `/`, `+` and `-`, of which addresses, paths and secrets are made.
const fn is_gap(letter: char) -> bool {
    letter.is_ascii_whitespace()
        || matches!(letter, '"' | '\'' | '=' | ':' | ',' | ';' | '(' | ')' | '<' | '>')
}

fn is_name(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    // `proxy_password` is one and `monkey` is not.
    NAMES.iter().any(|name| {
        word.strip_suffix(name)
            .is_some_and(|before| before.is_empty() || before.ends_with(['_', '-', '.']))
    })
}

fn is_secret(word: &str) -> bool {
    PREFIXES.iter().any(|prefix| word.contains(prefix)) || is_opaque(word)
}

/// Whether it looks like base64 of something random. Versions, hexadecimal digests and UUIDs are of fewer kinds
/// of letters.
fn is_opaque(word: &str) -> bool {
    word.len() >= OPAQUE_FROM
        && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '_' | '-'))
        && word.contains(|c: char| c.is_ascii_uppercase())
        && word.contains(|c: char| c.is_ascii_lowercase())
        && word.contains(|c: char| c.is_ascii_digit())
}
