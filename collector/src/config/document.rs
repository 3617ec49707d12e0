//! The default configuration file: every setting with its default and what it is for.

use std::fmt::Write as _;

use super::SECTIONS;
use super::section::Section;

/// The section whose settings need no name of their section in the environment.
pub(super) const BARE_SECTION: &str = "node";

const HEAD: &str = "\
# The collector's configuration. Every setting stands here with its default; take the mark away
# before a line to change it. `muster-collector config check --config FILE` says what is wrong.
#
# Variables of the environment come over this file, flags over both: `listen` of `[ingest]` is
# MUSTER_INGEST_LISTEN, and settings of `[node]` go without the section's name: MUSTER_DATA_DIR.
";

/// The shipped default file: all settings, commented out.
#[must_use]
pub fn default_file() -> String {
    render(true)
}

/// The defaults alone, to be parsed.
pub(super) fn default_values() -> String {
    render(false)
}

/// What the variables of a section begin with.
pub(super) fn variable_prefix(section: &Section) -> String {
    if section.name == BARE_SECTION {
        "MUSTER_".to_owned()
    } else {
        format!("MUSTER_{}_", section.name.to_ascii_uppercase())
    }
}

fn render(is_for_people: bool) -> String {
    let mut text = if is_for_people { HEAD.to_owned() } else { String::new() };
    for section in SECTIONS {
        if let Err(std::fmt::Error) = render_section(&mut text, section, is_for_people) {
            break; // Writing into a string does not fail.
        }
    }
    text
}

fn render_section(text: &mut String, section: &Section, is_for_people: bool) -> std::fmt::Result {
    if is_for_people {
        writeln!(text)?;
        for line in section.docs {
            // The doc line brings its own space: `///` and the text are apart by one.
            writeln!(text, "#{line}")?;
        }
    }
    writeln!(text, "[{}]", section.name)?;
    for field in section.fields {
        if !is_for_people {
            if let Some(default) = field.default {
                writeln!(text, "{} = {default}", field.name)?;
            }
            continue;
        }
        writeln!(text)?;
        for line in field.docs {
            writeln!(text, "#{line}")?;
        }
        match (field.default, field.example) {
            // A long list is broken into lines by the compiler.
            (Some(default), _) => {
                writeln!(text, "# {} = {}", field.name, default.replace('\n', " "))?;
            }
            (None, Some(example)) => {
                writeln!(text, "# Not set by default. For example:")?;
                writeln!(text, "# {} = {example}", field.name)?;
            }
            (None, None) => {}
        }
    }
    Ok(())
}
