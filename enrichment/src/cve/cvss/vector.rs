//! The base score of a CVSS 3 vector, for feeds that carry vectors and no scores.
//!
//! Equations and weights of CVSS 3.1 §7.1 and §7.4, which differ from 3.0 in how they round.
//! Versions 2 and 4 are not computed: no feed that is read here gives them without a score.

/// The base score; `None` for a vector that is of another version or lacks a metric.
pub(crate) fn base_score(vector: &str) -> Option<f32> {
    let metrics = vector.strip_prefix("CVSS:3.1/").or_else(|| vector.strip_prefix("CVSS:3.0/"))?;
    let value = |name: &str| {
        let mut parts = metrics.split('/').filter_map(|part| part.split_once(':'));
        // Looked up by name: the metrics may come in any order, and temporal and environmental ones
        // among them.
        parts.find(|(metric, _)| *metric == name).map(|(_, v)| v)
    };
    let is_changed = value("S")? == "C";
    let impact = 1.0
        - ["C", "I", "A"].iter().try_fold(1.0, |rest, metric| {
            let lost = match value(metric)? {
                "H" => 0.56,
                "L" => 0.22,
                "N" => 0.0,
                _ => return None,
            };
            Some(rest * (1.0 - lost))
        })?;
    let impact = if is_changed {
        // 15 is the exponent of the base score; 13 and the factor 0.9731 belong to the
        // environmental one.
        7.52 * (impact - 0.029) - 3.25 * (impact - 0.02_f64).powi(15)
    } else {
        6.42 * impact
    };
    let exploitability = 8.22
        * weight(value("AV")?, &[("N", 0.85), ("A", 0.62), ("L", 0.55), ("P", 0.2)])?
        * weight(value("AC")?, &[("L", 0.77), ("H", 0.44)])?
        * privileges(value("PR")?, is_changed)?
        * weight(value("UI")?, &[("N", 0.85), ("R", 0.62)])?;
    // What loses nothing is no vulnerability, however easy to exploit.
    if impact <= 0.0 {
        return Some(0.0);
    }
    let sum = impact + exploitability;
    let score = if is_changed { 1.08 * sum } else { sum };
    Some(rounded_up(score.min(10.0)))
}

fn weight(value: &str, weights: &[(&str, f64)]) -> Option<f64> {
    let known = weights.iter().find(|(name, _)| *name == value);
    known.map(|(_, weight)| *weight)
}

fn privileges(value: &str, is_changed: bool) -> Option<f64> {
    // CVSS 3.1, section 7.4: with a changed scope, privileges that are needed hinder an attack
    // less.
    Some(match (value, is_changed) {
        ("N", _) => 0.85,
        ("L", false) => 0.62,
        ("L", true) => 0.68,
        ("H", false) => 0.27,
        ("H", true) => 0.5,
        _ => return None,
    })
}

/// One decimal, up; in whole numbers, because 8.6 times 10 is 86.00000000000001 (appendix A of 3.1).
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a score is from 0 to 10, and a tenth of it fits everywhere"
)]
fn rounded_up(score: f64) -> f32 {
    let parts = (score * 100_000.0).round() as u32;
    parts.div_ceil(10_000) as f32 / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vectors and scores as NVD publishes them.
    #[test]
    fn scores_are_those_that_nvd_publishes() {
        for (vector, score) in [
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 10.0), // CVE-2021-44228
            ("CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:H/I:H/A:H", 8.1),  // CVE-2024-6387
            ("CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", 7.8),  // CVE-2021-4034
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", 7.5),  // CVE-2014-0160
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 6.1),  // CVE-2020-11022
            ("CVSS:3.0/AV:L/AC:H/PR:L/UI:N/S:C/C:H/I:N/A:N", 5.6),  // CVE-2017-5754
            ("CVSS:3.1/AV:P/AC:H/PR:H/UI:R/S:U/C:N/I:N/A:N", 0.0),
        ] {
            assert_eq!(base_score(vector), Some(score), "{vector}");
        }
    }

    #[test]
    fn what_is_no_vector_of_version_3_has_no_score() {
        for vector in [
            "",
            "AV:N/AC:L/Au:N/C:P/I:P/A:P",
            "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N",
            "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H",
            "CVSS:3.1/AV:X/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
        ] {
            assert_eq!(base_score(vector), None, "{vector}");
        }
    }
}
