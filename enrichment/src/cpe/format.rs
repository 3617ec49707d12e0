//! CPE names as text: the formatted string of CPE 2.3 and the URI of CPE 2.2.
//!
//! Both are read from feeds, so every byte may be wrong; nothing here may panic or guess.

use std::fmt;
use std::str::Chars;

use super::{ATTRIBUTES, Attr, Attribute, Cpe, Pattern, Wildcard};

const PREFIX_23: &str = "cpe:2.3:";
const PREFIX_22: &str = "cpe:/";
/// Characters of the longest name that is read; the longest of NVD has under 400.
const NAME_BYTES_MAX: usize = 4 * 1024;

/// Why a text is no CPE name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CpeError {
    /// Neither `cpe:2.3:` nor `cpe:/` begins it.
    #[error("a CPE name begins with `cpe:2.3:` or `cpe:/`, this begins with {0:?}")]
    Prefix(String),
    /// It is longer than any name can be.
    #[error("a CPE name has at most {max} bytes, this has {0}", max = NAME_BYTES_MAX)]
    TooLong(usize),
    /// It has too few or too many attributes.
    #[error("a CPE name has {ATTRIBUTES} attributes, this has {0}")]
    Count(usize),
    /// The part is none of `a`, `o`, `h`, `*`, `-`.
    #[error("part is `a`, `o`, `h`, `*` or `-`, not {0:?}")]
    Part(String),
    /// An attribute is empty.
    #[error("{0} is empty; write `*` for any value")]
    Empty(Attribute),
    /// A backslash stands at the end.
    #[error("{0} ends with a backslash that escapes nothing")]
    Escape(Attribute),
    /// A percent sign without two hexadecimal digits.
    #[error("{0} holds a percent sign without two hexadecimal digits")]
    Percent(Attribute),
    /// An unescaped wildcard within a text.
    #[error("{0} holds an unescaped wildcard that is not at an end")]
    Wildcard(Attribute),
    /// White space or a control character.
    #[error("{0} holds white space or a control character")]
    Character(Attribute),
}

pub(super) fn parse(text: &str) -> Result<Cpe, CpeError> {
    // Asked before anything is allocated: the parts of a name are copies.
    if text.len() > NAME_BYTES_MAX {
        return Err(CpeError::TooLong(text.len()));
    }
    if let Some(rest) = strip_prefix_folded(text, PREFIX_23) {
        parse_formatted(rest)
    } else if let Some(rest) = strip_prefix_folded(text, PREFIX_22) {
        parse_uri(rest)
    } else {
        Err(CpeError::Prefix(text.chars().take(8).collect()))
    }
}

fn strip_prefix_folded<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
}

fn parse_formatted(text: &str) -> Result<Cpe, CpeError> {
    let mut attributes: [Attr; ATTRIBUTES] = Default::default();
    let mut count = 0;
    let mut rest = Some(text);
    while let Some(current) = rest {
        let (field, next) = split_unescaped(current);
        if let Some(attribute) = Attribute::ALL.get(count) {
            attributes[count] = value_of_formatted(*attribute, field)?;
        }
        // Goes on behind the eleventh, so that the error tells how many there are.
        count += 1;
        rest = next;
    }
    if count != ATTRIBUTES {
        return Err(CpeError::Count(count));
    }
    checked(attributes)
}

/// The text before the next colon that no backslash escapes, and what follows the colon.
fn split_unescaped(text: &str) -> (&str, Option<&str>) {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            // Perl's modules have escaped ones: `perl:file\:\:path` of CVE-2008-5302.
            b':' => return (&text[..at], Some(&text[at + 1..])),
            _ => {}
        }
    }
    (text, None)
}

fn checked(attributes: [Attr; ATTRIBUTES]) -> Result<Cpe, CpeError> {
    let name = Cpe { attributes };
    match name.get(Attribute::Part) {
        Attr::Any | Attr::Na => Ok(name),
        Attr::Value(part) if matches!(part.as_ref(), "a" | "o" | "h") => Ok(name),
        Attr::Value(part) => Err(CpeError::Part(part.to_string())),
        Attr::Pattern(_) => Err(CpeError::Wildcard(Attribute::Part)),
    }
}

fn value_of_formatted(attribute: Attribute, field: &str) -> Result<Attr, CpeError> {
    match field {
        "" => return Err(CpeError::Empty(attribute)),
        "*" => return Ok(Attr::Any),
        "-" => return Ok(Attr::Na),
        _ => {}
    }
    let mut value = ValueBuilder::new(attribute);
    let mut chars = field.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                // Whatever it is: `\-` and `-` within a text are the same value.
                let literal = chars.next().ok_or(CpeError::Escape(attribute))?;
                value.literal(literal)?;
            }
            '*' | '?' => value.wildcard(c)?,
            _ => value.literal(c)?,
        }
    }
    value.build()
}

/// Puts one value together, with wildcards only at its ends.
struct ValueBuilder {
    attribute: Attribute,
    leading: Wildcard,
    text: String,
    trailing: Wildcard,
}

impl ValueBuilder {
    const fn new(attribute: Attribute) -> Self {
        Self {
            attribute,
            leading: Wildcard::Nothing,
            text: String::new(),
            trailing: Wildcard::Nothing,
        }
    }

    fn literal(&mut self, c: char) -> Result<(), CpeError> {
        // Wildcards may stand at the two ends and nowhere else; a text behind one would put it into
        // the middle.
        if self.trailing != Wildcard::Nothing {
            return Err(CpeError::Wildcard(self.attribute));
        }
        // Such a value could not be written into a log or be told from its neighbour.
        if c.is_control() || c.is_whitespace() {
            return Err(CpeError::Character(self.attribute));
        }
        self.text.extend(c.to_lowercase());
        Ok(())
    }

    fn wildcard(&mut self, c: char) -> Result<(), CpeError> {
        let end = if self.text.is_empty() { &mut self.leading } else { &mut self.trailing };
        *end = match (*end, c) {
            (Wildcard::Nothing, '*') => Wildcard::Anything,
            (Wildcard::Nothing, _) => Wildcard::UpTo(1),
            // `**` and `*?` say nothing that `*` does not, and the grammar has neither.
            (Wildcard::UpTo(n), '?') if n < u8::MAX => Wildcard::UpTo(n + 1),
            _ => return Err(CpeError::Wildcard(self.attribute)),
        };
        Ok(())
    }

    fn build(self) -> Result<Attr, CpeError> {
        let text = self.text.into_boxed_str();
        if self.leading == Wildcard::Nothing && self.trailing == Wildcard::Nothing {
            return Ok(Attr::Value(text));
        }
        // `*` alone was read as ANY before, so what comes here is a mixture such as `*?`.
        if text.is_empty() && self.leading == Wildcard::Anything {
            return Err(CpeError::Wildcard(self.attribute));
        }
        Ok(Attr::Pattern(Pattern { leading: self.leading, text, trailing: self.trailing }))
    }
}

fn parse_uri(text: &str) -> Result<Cpe, CpeError> {
    let mut attributes: [Attr; ATTRIBUTES] = Default::default();
    // The URI has seven components; the rest of CPE 2.3 hides in the sixth.
    const COMPONENTS: usize = 7;
    for (at, field) in text.split(':').enumerate() {
        if at >= COMPONENTS {
            return Err(CpeError::Count(at + 1));
        }
        // A leading tilde is how a URI says that five attributes are packed into the place of one.
        if at == Attribute::Edition as usize && field.starts_with('~') {
            unpack_edition(field, &mut attributes)?;
        } else {
            // Components that are left out stay `Any`, which the binding means by them.
            attributes[at] = value_of_uri(Attribute::ALL[at], field)?;
        }
    }
    checked(attributes)
}

/// NISTIR 7695, 6.1.2.3: `~edition~sw_edition~target_sw~target_hw~other`.
fn unpack_edition(field: &str, attributes: &mut [Attr; ATTRIBUTES]) -> Result<(), CpeError> {
    const PACKED: [Attribute; 5] = [
        Attribute::Edition,
        Attribute::SwEdition,
        Attribute::TargetSw,
        Attribute::TargetHw,
        Attribute::Other,
    ];
    let mut fields = field.split('~').skip(1);
    for attribute in PACKED {
        let value = fields.next().unwrap_or_default();
        attributes[attribute as usize] = value_of_uri(attribute, value)?;
    }
    match fields.next() {
        Some(_) => Err(CpeError::Count(ATTRIBUTES + 1)),
        None => Ok(()),
    }
}

fn value_of_uri(attribute: Attribute, field: &str) -> Result<Attr, CpeError> {
    match field {
        "" => return Ok(Attr::Any),
        "-" => return Ok(Attr::Na),
        _ => {}
    }
    let mut value = ValueBuilder::new(attribute);
    let mut chars = field.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            value.literal(c)?;
            continue;
        }
        match percent(&mut chars).ok_or(CpeError::Percent(attribute))? {
            // `%01` and `%02` stand for the wildcards `?` and `*`.
            1 => value.wildcard('?')?,
            2 => value.wildcard('*')?,
            // A byte of a longer character has no meaning alone, and the binding is of ASCII.
            byte if byte.is_ascii() => value.literal(char::from(byte))?,
            _ => return Err(CpeError::Percent(attribute)),
        }
    }
    value.build()
}

fn percent(chars: &mut Chars<'_>) -> Option<u8> {
    let high = chars.next()?.to_digit(16)?;
    let low = chars.next()?.to_digit(16)?;
    u8::try_from(high * 16 + low).ok()
}

impl fmt::Display for Cpe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cpe:2.3")?;
        self.attributes().iter().try_for_each(|value| write!(f, ":{value}"))
    }
}

impl fmt::Display for Attr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Na => f.write_str("-"),
            Self::Value(text) => write_escaped(f, text),
            Self::Pattern(pattern) => {
                write!(f, "{}", pattern.leading)?;
                write_escaped(f, &pattern.text)?;
                write!(f, "{}", pattern.trailing)
            }
        }
    }
}

impl fmt::Display for Wildcard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => Ok(()),
            Self::Anything => f.write_str("*"),
            Self::UpTo(count) => (0..*count).try_for_each(|_| f.write_str("?")),
        }
    }
}

fn write_escaped(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    use fmt::Write as _;

    // A lone `-` would be read back as NA, so it is escaped like the special characters.
    if text == "-" {
        return f.write_str("\\-");
    }
    for c in text.chars() {
        if c.is_ascii() && !c.is_ascii_alphanumeric() && !matches!(c, '_' | '.' | '-') {
            f.write_char('\\')?;
        }
        f.write_char(c)?;
    }
    Ok(())
}
