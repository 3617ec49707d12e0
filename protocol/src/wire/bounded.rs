//! Lists and texts that are refused before memory is taken for more than they may hold.
//!
//! They exist because a length on the wire is only a claim. They bound what one message can make
//! a receiver allocate; whether a report keeps every limit is for its validation to say.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::limits::{CERTIFICATE_BYTES_MAX, CHAIN_CERTIFICATES_MAX};

/// Reads a list of at most `MAX` entries.
pub(crate) fn list<'de, D, T, const MAX: usize>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_seq(List::<T, MAX>(PhantomData))
}

/// Reads a text of at most `MAX` bytes.
pub(crate) fn text<'de, D, const MAX: usize>(deserializer: D) -> Result<String, D::Error>
where
    D: Deserializer<'de>,
{
    deserializer.deserialize_str(Text::<MAX>)
}

/// Reads a certificate chain.
pub(crate) fn chain<'de, D>(deserializer: D) -> Result<Vec<Vec<u8>>, D::Error>
where
    D: Deserializer<'de>,
{
    let certificates: Vec<Bytes<CERTIFICATE_BYTES_MAX>> =
        list::<_, _, CHAIN_CERTIFICATES_MAX>(deserializer)?;
    Ok(certificates.into_iter().map(|bytes| bytes.0).collect())
}

/// At most `MAX` bytes.
#[derive(Deserialize)]
#[serde(transparent)]
struct Bytes<const MAX: usize>(#[serde(deserialize_with = "list::<_, _, MAX>")] Vec<u8>);

struct List<T, const MAX: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for List<T, MAX> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at most {MAX} entries")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Vec<T>, A::Error> {
        // In postcard the hint is the length on the wire, a varint that costs a sender five bytes
        // whatever it claims: it is judged before an entry is read or room is made for one.
        let announced = entries.size_hint().unwrap_or(0);
        if announced > MAX {
            return Err(A::Error::invalid_length(announced, &self));
        }
        let mut list = Vec::with_capacity(announced);
        while let Some(entry) = entries.next_element()? {
            // A format whose hint is missing or wrong ends here. Postcard never gets this far.
            if list.len() == MAX {
                return Err(A::Error::invalid_length(MAX + 1, &self));
            }
            list.push(entry);
        }
        Ok(list)
    }
}

struct Text<const MAX: usize>;

impl<const MAX: usize> Visitor<'_> for Text<MAX> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at most {MAX} bytes of text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        if text.len() > MAX {
            return Err(E::invalid_length(text.len(), &self));
        }
        Ok(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Probe {
        #[serde(deserialize_with = "list::<_, _, 3>")]
        numbers: Vec<u8>,
        #[serde(deserialize_with = "text::<_, 3>")]
        word: String,
    }

    fn probe(numbers: &[u8], word: &str) -> Result<Probe, postcard::Error> {
        let bytes = postcard::to_stdvec(&(numbers, word))?;
        postcard::from_bytes(&bytes)
    }

    #[test]
    fn takes_lists_and_texts_that_are_just_full() {
        assert_eq!(
            probe(&[1, 2, 3], "abc"),
            Ok(Probe { numbers: vec![1, 2, 3], word: "abc".to_owned() })
        );
    }

    #[test]
    fn refuses_one_entry_or_one_byte_too_many() {
        assert!(probe(&[1, 2, 3, 4], "abc").is_err());
        assert!(probe(&[1, 2, 3], "abcd").is_err());
        assert!(probe(&[], "äö").is_err(), "bytes count, not characters");
    }

    #[test]
    fn refuses_a_list_that_only_claims_to_be_long() {
        // A length of 2^35 - 1 and nothing behind it.
        let bytes = [0xff, 0xff, 0xff, 0xff, 0x7f];
        assert!(postcard::from_bytes::<Probe>(&bytes).is_err());
    }

    #[test]
    fn refuses_a_chain_with_one_certificate_too_many_or_one_too_long() {
        #[derive(Deserialize)]
        struct Chain(#[serde(deserialize_with = "chain")] Vec<Vec<u8>>);
        let read = |chain: Vec<Vec<u8>>| {
            let bytes = postcard::to_stdvec(&chain).expect("encodes");
            postcard::from_bytes::<Chain>(&bytes).map(|chain| chain.0)
        };
        let full = vec![vec![7; CERTIFICATE_BYTES_MAX]; CHAIN_CERTIFICATES_MAX];
        assert_eq!(read(full.clone()), Ok(full));
        assert!(read(vec![vec![7]; CHAIN_CERTIFICATES_MAX + 1]).is_err());
        assert!(read(vec![vec![7; CERTIFICATE_BYTES_MAX + 1]]).is_err());
    }
}
