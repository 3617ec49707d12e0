//! Lists in JSON, one entry after another.
//!
//! Anybody on the host may have written such a list, and a file of a few megabytes can have millions of entries:
//! held all at once they would take a hundred times its size. So an entry is handed over and forgotten. Of a list
//! that is damaged nothing is handed over.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

/// Hands over the entries of a list.
///
/// # Errors
///
/// When it is no list of such entries; none was handed over then.
pub(crate) fn each<'de, T: Deserialize<'de>>(
    json: &'de [u8],
    mut take: impl FnMut(T),
) -> serde_json::Result<()> {
    read(json, Entries::new(&mut drop::<T>))?;
    read(json, Entries::new(&mut take))
}

/// Hands over the entries of the list that an object has under a key; none where it has no such key.
///
/// # Errors
///
/// When it is no object, or has something else there; nothing was handed over then.
pub(crate) fn each_of<'de, T: Deserialize<'de>>(
    json: &'de [u8],
    key: &str,
    mut take: impl FnMut(T),
) -> serde_json::Result<()> {
    read(json, Member { key, seed: Entries::new(&mut drop::<T>) })?;
    read(json, Member { key, seed: Entries::new(&mut take) })
}

/// Hands over the keys of the object that an object has under a key; none where it has no such key.
///
/// # Errors
///
/// When it is no object, or has something else there; nothing was handed over then.
pub(crate) fn each_key_of(
    json: &[u8],
    key: &str,
    mut take: impl FnMut(&str),
) -> serde_json::Result<()> {
    read(json, Member { key, seed: Keys(|_: &str| {}) })?;
    read(json, Member { key, seed: Keys(&mut take) })
}

/// What an object has under the first key that fits.
///
/// # Errors
///
/// When it is no object, or has something else there.
pub(crate) fn find<'de, T: Deserialize<'de>>(
    json: &'de [u8],
    fits: impl Fn(&str) -> bool,
) -> serde_json::Result<Option<T>> {
    read(json, First { fits, kind: PhantomData })
}

fn read<'de, S: DeserializeSeed<'de>>(json: &'de [u8], seed: S) -> serde_json::Result<S::Value> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let value = seed.deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

struct Entries<'f, T, F> {
    take: &'f mut F,
    kind: PhantomData<fn() -> T>,
}

impl<'f, T, F: FnMut(T)> Entries<'f, T, F> {
    const fn new(take: &'f mut F) -> Self {
        Self { take, kind: PhantomData }
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T)> DeserializeSeed<'de> for Entries<'_, T, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_seq(self)
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T)> Visitor<'de> for Entries<'_, T, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        while let Some(entry) = entries.next_element()? {
            (self.take)(entry);
        }
        Ok(())
    }
}

struct Member<'k, S> {
    key: &'k str,
    seed: S,
}

impl<'de, S: DeserializeSeed<'de, Value = ()>> DeserializeSeed<'de> for Member<'_, S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de, S: DeserializeSeed<'de, Value = ()>> Visitor<'de> for Member<'_, S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let mut seed = Some(self.seed);
        while let Some(is_it) = members.next_key_seed(Key(|key: &str| key == self.key))? {
            if is_it {
                let seed = seed.take().ok_or_else(|| A::Error::custom("a key twice"))?;
                members.next_value_seed(seed)?;
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

struct Keys<F>(F);

impl<'de, F: FnMut(&str)> DeserializeSeed<'de> for Keys<F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de, F: FnMut(&str)> Visitor<'de> for Keys<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        let mut take = |key: &str| {
            (self.0)(key);
            true
        };
        while members.next_key_seed(Key(&mut take))?.is_some() {
            members.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

struct First<F, T> {
    fits: F,
    kind: PhantomData<fn() -> T>,
}

impl<'de, F: Fn(&str) -> bool, T: Deserialize<'de>> DeserializeSeed<'de> for First<F, T> {
    type Value = Option<T>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Option<T>, D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de, F: Fn(&str) -> bool, T: Deserialize<'de>> Visitor<'de> for First<F, T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Option<T>, A::Error> {
        let mut first = None;
        while let Some(fits) = members.next_key_seed(Key(&self.fits))? {
            if fits && first.is_none() {
                first = Some(members.next_value()?);
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(first)
    }
}

/// A key that is looked at and not kept.
struct Key<F>(F);

impl<'de, F: FnMut(&str) -> bool> DeserializeSeed<'de> for Key<F> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<bool, D::Error> {
        reader.deserialize_str(self)
    }
}

impl<F: FnMut(&str) -> bool> Visitor<'_> for Key<F> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: serde::de::Error>(mut self, text: &str) -> Result<bool, E> {
        Ok((self.0)(text))
    }
}

/// Who made something: a text, an object with a name, or something else that says nothing. By hand, because what
/// `serde` does for an untagged choice keeps all of it, whatever it is, before it looks.
#[derive(Debug, Default)]
pub(crate) struct Author<'a>(Option<Cow<'a, str>>);

impl Author<'_> {
    /// The name; empty where none is said.
    pub(crate) fn name(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Author<'a> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        reader.deserialize_any(AuthorVisitor(PhantomData))
    }
}

struct AuthorVisitor<'a>(PhantomData<&'a str>);

impl<'de: 'a, 'a> Visitor<'de> for AuthorVisitor<'a> {
    type Value = Author<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Author<'a>, E> {
        Ok(Author(Some(Cow::Borrowed(text))))
    }

    fn visit_str<E>(self, text: &str) -> Result<Author<'a>, E> {
        Ok(Author(Some(Cow::Owned(text.to_owned()))))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Author<'a>, A::Error> {
        let mut author = Author::default();
        while let Some(is_name) = members.next_key_seed(Key(|key: &str| key == "name"))? {
            if is_name {
                author = members.next_value()?;
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(author)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Author<'a>, A::Error> {
        while entries.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Author::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<Author<'a>, E> {
        Ok(Author::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Author<'a>, E> {
        Ok(Author::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<Author<'a>, E> {
        Ok(Author::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Author<'a>, E> {
        Ok(Author::default())
    }

    fn visit_unit<E>(self) -> Result<Author<'a>, E> {
        Ok(Author::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hands_over_every_entry_and_none_of_a_damaged_list() {
        let taken = |json: &str| {
            let mut all = Vec::new();
            let read = each(json.as_bytes(), |number: u32| all.push(number));
            (read.is_ok(), all)
        };
        assert_eq!(taken("[1, 2, 3]"), (true, vec![1, 2, 3]));
        for damaged in ["[1, 2", "[1, \"2\"]", "{}", "[1] 2", ""] {
            assert_eq!(taken(damaged), (false, Vec::new()), "{damaged}");
        }
    }

    #[test]
    fn finds_the_list_among_other_members() {
        let taken = |json: &str| {
            let mut all = Vec::new();
            let read = each_of(json.as_bytes(), "all", |number: u32| all.push(number));
            (read.is_ok(), all)
        };
        assert_eq!(taken("{\"other\": [7], \"all\": [1, 2], \"x\": {}}"), (true, vec![1, 2]));
        assert_eq!(taken("{\"other\": [7]}"), (true, Vec::new()));
        for damaged in ["{\"all\": 7}", "{\"all\": [1], \"all\": [2]}", "[]", "{\"all\": [1]"] {
            assert_eq!(taken(damaged), (false, Vec::new()), "{damaged}");
        }
    }

    #[test]
    fn hands_over_keys_whatever_they_lead_to() {
        let mut keys = Vec::new();
        let json = r#"{"all": {"a": 1, "\u0062": {"x": []}, "a": null}, "c": {"d": 1}}"#;
        each_key_of(json.as_bytes(), "all", |key| keys.push(key.to_owned())).expect("an object");
        assert_eq!(keys, ["a", "b", "a"]);
    }

    #[test]
    fn finds_the_first_member_that_fits() {
        let json = br#"{"a": {"x": 1}, "B": 2, "b": 3}"#;
        let found = find::<u32>(json, |key| key.eq_ignore_ascii_case("b"));
        assert_eq!(found.expect("an object"), Some(2));
        assert_eq!(find::<u32>(json, |key| key == "c").expect("an object"), None);
    }

    #[test]
    fn an_author_may_be_anything() {
        for (json, name) in [
            ("\"A\"", "A"),
            ("\"\\u0041\"", "A"),
            ("{\"email\": [1], \"name\": \"A\", \"url\": {}}", "A"),
            ("{\"email\": \"A\"}", ""),
            ("{\"name\": 7}", ""),
            ("[{\"name\": \"A\"}, 1]", ""),
            ("null", ""),
            ("-7", ""),
            ("7", ""),
            ("7.5", ""),
            ("true", ""),
        ] {
            let author: Author<'_> = serde_json::from_str(json).expect(json);
            assert_eq!(author.name(), name, "{json}");
        }
    }
}
