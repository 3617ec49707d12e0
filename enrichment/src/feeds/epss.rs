//! FIRST's exploitation scores: a table of CVE, score and percentile, in FIRST's own layout with a
//! first line that names the model, or bare with another separator.

use crate::cve::{CveId, EpssEntry};

/// The separator of a table that begins with `head`.
pub(super) fn separator(head: &[u8]) -> u8 {
    // Not FIRST's line about the model, which has commas whatever the rows have.
    let body = head.split(|byte| *byte == b'\n').find(|line| !line.starts_with(b"#"));
    match body {
        Some(line) if line.contains(&b';') => b';',
        Some(_) | None => b',',
    }
}

/// One row as an entry; `None` for rows that only explain.
pub(super) fn entry(fields: &[String]) -> Result<Option<EpssEntry>, String> {
    let [cve, score, percentile, ..] = fields else {
        return match fields.first() {
            Some(first) if first.starts_with('#') => Ok(None),
            _ => Err(format!("{} fields where 3 are expected", fields.len())),
        };
    };
    // The model's line has commas too, and the line of columns is like a row.
    if cve.starts_with('#') || cve == "cve" {
        return Ok(None);
    }
    Ok(Some(EpssEntry {
        cve: cve.parse::<CveId>().map_err(|error| error.to_string())?,
        score: part(score)?,
        percentile: part(percentile)?,
    }))
}

fn part(text: &str) -> Result<f32, String> {
    match text.trim().parse::<f32>() {
        // Also refuses NaN, which `parse` takes and which would have no place in a sorted list.
        Ok(part) if (0.0..=1.0).contains(&part) => Ok(part),
        Ok(_) | Err(_) => {
            Err(format!("{:?} is not between 0 and 1", text.chars().take(20).collect::<String>()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(text: &str) -> Result<Option<EpssEntry>, String> {
        let fields: Vec<_> = text.split([',', ';']).map(str::to_owned).collect();
        entry(&fields)
    }

    #[test]
    fn reads_rows_and_passes_over_the_two_lines_above_them() {
        assert_eq!(row("#model_version:v2025.03.14,score_date:2026-08-16T12:55:00Z"), Ok(None));
        assert_eq!(row("cve,epss,percentile"), Ok(None));
        let entry = row("CVE-1999-0001,0.03351,0.87650").unwrap().unwrap();
        assert_eq!(entry.cve, CveId::new(1999, 1));
        assert!((entry.score - 0.033_51).abs() < 1e-6);
        assert!((entry.percentile - 0.8765).abs() < 1e-6);
    }

    #[test]
    fn refuses_scores_that_are_no_probabilities() {
        for text in [
            "CVE-1999-0001,1.5,0.5",
            "CVE-1999-0001,NaN,0.5",
            "CVE-1999-0001,,0.5",
            "CVE-1999,0.1,0.5",
            "CVE-1999-0001,0.1",
        ] {
            assert!(row(text).is_err(), "{text}");
        }
    }

    #[test]
    fn tells_the_separator_by_the_first_row() {
        assert_eq!(separator(b"#model_version:x;y\ncve,epss,percentile"), b',');
        assert_eq!(separator(b"CVE-1999-0001;0.1;0.2"), b';');
    }
}
