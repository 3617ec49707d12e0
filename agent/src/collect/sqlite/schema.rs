//! The columns of a table, out of the text that makes it.
//!
//! Programs add columns over the years, so where one is in a row is asked of the database itself. Pure,
//! and no parser of SQL: the names of the columns are all that is taken.

/// What begins a rule about the whole table, which stands behind its columns.
const RULES: [&[u8]; 5] = [b"CONSTRAINT", b"PRIMARY", b"UNIQUE", b"CHECK", b"FOREIGN"];

/// The names of a table's columns, in the order in which its rows have them.
pub(in crate::collect) fn columns(sql: &[u8]) -> Vec<&[u8]> {
    let mut columns = Vec::new();
    let Some(open) = sql.iter().position(|byte| *byte == b'(') else {
        return columns;
    };
    for part in parts(&sql[open + 1..]) {
        let name = first_word(part);
        if RULES.iter().any(|rule| name.eq_ignore_ascii_case(rule)) {
            break;
        }
        columns.push(unquoted(name));
    }
    columns
}

/// What stands between the commas of a list, up to the bracket that ends it.
fn parts(mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut is_over = false;
    std::iter::from_fn(move || {
        if is_over {
            return None;
        }
        let (mut depth, mut quote) = (0_usize, None);
        for (at, byte) in rest.iter().enumerate() {
            match (quote, byte) {
                (Some(end), _) if end == *byte => quote = None,
                (Some(_), _) => {}
                (None, b'\'' | b'"' | b'`') => quote = Some(*byte),
                (None, b'[') => quote = Some(b']'),
                (None, b'(') => depth += 1,
                (None, b')') if depth > 0 => depth -= 1,
                (None, b',' | b')') if depth == 0 => {
                    let part = &rest[..at];
                    is_over = *byte == b')';
                    rest = &rest[at + 1..];
                    return Some(part);
                }
                (None, _) => {}
            }
        }
        // The end of the list is not there: what is left of it is no column for certain.
        None
    })
}

fn first_word(part: &[u8]) -> &[u8] {
    let part = part.trim_ascii();
    let is_end = |byte: &u8| byte.is_ascii_whitespace() || *byte == b'(';
    let end = match part.first() {
        Some(b'"' | b'`' | b'[') => {
            let close = |byte: &u8| matches!(byte, b'"' | b'`' | b']');
            part.iter().skip(1).position(close).map(|at| at + 2)
        }
        _ => part.iter().position(is_end),
    };
    &part[..end.unwrap_or(part.len())]
}

/// A name without the marks around it.
fn unquoted(name: &[u8]) -> &[u8] {
    match name {
        [b'"' | b'`' | b'[', inner @ .., b'"' | b'`' | b']'] => inner,
        name => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(sql: &str) -> Vec<String> {
        let names = columns(sql.as_bytes()).into_iter();
        names.map(|name| String::from_utf8_lossy(name).into_owned()).collect()
    }

    #[test]
    fn takes_columns_and_no_rules() {
        let sql = "CREATE TABLE ports (id INTEGER PRIMARY KEY, name TEXT COLLATE NOCASE\n, \
            version TEXT COLLATE VERSION, date DATETIME DEFAULT (strftime('%s', 'now')), \
            UNIQUE (name, version), UNIQUE (version))";
        assert_eq!(names(sql), ["id", "name", "version", "date"]);
    }

    #[test]
    fn takes_names_in_every_kind_of_marks() {
        let sql = "CREATE TABLE \"ports\" (\"a b\" TEXT, [c,d] TEXT, `e` TEXT DEFAULT ',)', f)";
        assert_eq!(names(sql), ["a b", "c,d", "e", "f"]);
    }

    #[test]
    fn finds_nothing_in_what_is_no_table() {
        for sql in ["", "CREATE TABLE", "(", "(a", "(\"a", "('"] {
            assert!(names(sql).is_empty(), "{sql}");
        }
        assert_eq!(names("()"), [""]);
        assert_eq!(names("(a, (b"), ["a"]);
    }
}
