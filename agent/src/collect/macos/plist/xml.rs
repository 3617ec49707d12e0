//! Property lists in XML.
//!
//! Read as a stream of tags: nothing is kept but the keys on the way to where the reading is.

/// Dictionaries and arrays in each other, of which the keys are kept.
const DEPTH_MAX: usize = 64;

/// The key of an array: no part of a path is called so.
const IN_ARRAY: &str = "/";

/// What a tag does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tag {
    Open,
    Close,
    Empty,
}

/// Where the reading is in the list.
#[derive(Debug, Default)]
struct Place {
    /// The key of each open dictionary or array that is being read.
    keys: Vec<String>,
    /// Open ones that are deeper than keys are kept for.
    too_deep: usize,
}

/// See [`super::texts`].
pub(super) fn texts<const N: usize>(bytes: &[u8], paths: [&str; N]) -> Option<[String; N]> {
    let text = String::from_utf8_lossy(bytes);
    let mut rest = text.split_once("<plist")?.1;
    let mut found = [const { String::new() }; N];
    let mut place = Place::default();
    while let Some((_, after)) = rest.split_once('<') {
        if let Some(comment) = after.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, rest)| rest);
            continue;
        }
        let (inside, after) = after.split_once('>')?;
        rest = after;
        match tag(inside) {
            ("dict", Tag::Open) => place.enter(String::new()),
            ("array", Tag::Open) => place.enter(IN_ARRAY.to_owned()),
            ("dict" | "array", Tag::Close) => place.leave(),
            ("key", Tag::Open) => {
                let (key, after) = content(rest)?;
                place.go_to(key);
                rest = after;
            }
            ("string" | "integer" | "date" | "real", Tag::Open) => {
                let (value, after) = content(rest)?;
                if let Some(at) = place.is_one_of(&paths) {
                    found[at] = value;
                }
                rest = after;
            }
            ("plist", Tag::Close) => return Some(found),
            _ => {}
        }
    }
    // A list that ends early has lost what would have come.
    None
}

impl Place {
    fn enter(&mut self, key: String) {
        if self.keys.len() < DEPTH_MAX {
            self.keys.push(key);
        } else {
            self.too_deep += 1;
        }
    }

    fn leave(&mut self) {
        match self.too_deep.checked_sub(1) {
            Some(left) => self.too_deep = left,
            None => drop(self.keys.pop()),
        }
    }

    fn go_to(&mut self, key: String) {
        if self.too_deep == 0
            && let Some(last) = self.keys.last_mut()
        {
            *last = key;
        }
    }

    fn is_one_of(&self, paths: &[&str]) -> Option<usize> {
        if self.too_deep > 0 {
            return None;
        }
        let is_here = |path: &&str| path.split('/').eq(self.keys.iter().map(String::as_str));
        paths.iter().position(is_here)
    }
}

fn tag(inside: &str) -> (&str, Tag) {
    if let Some(name) = inside.strip_prefix('/') {
        return (name.trim(), Tag::Close);
    }
    let (inside, tag) = match inside.strip_suffix('/') {
        Some(inside) => (inside, Tag::Empty),
        None => (inside, Tag::Open),
    };
    let name = inside.split_ascii_whitespace().next().unwrap_or_default();
    (name, tag)
}

/// The text up to the next tag, and what comes from there on.
fn content(rest: &str) -> Option<(String, &str)> {
    let at = rest.find('<')?;
    let (text, rest) = rest.split_at(at);
    if let Some(inside) = rest.strip_prefix("<![CDATA[") {
        let (inside, rest) = inside.split_once("]]>")?;
        return Some((format!("{text}{inside}"), rest));
    }
    Some((unescape(text), rest))
}

/// Resolves entities; what is none stays as it is.
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let resolved =
            after.split_once(';').and_then(|(entity, after)| Some((character(entity)?, after)));
        let (character, after) = resolved.unwrap_or(('&', after));
        plain.push(character);
        rest = after;
    }
    plain.push_str(rest);
    plain
}

fn character(entity: &str) -> Option<char> {
    match entity {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = entity.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}
