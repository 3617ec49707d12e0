//! A digest as text.

use super::{Block, Content};

/// Writes it.
pub(super) fn write(content: &Content<'_>, blocks: &[Block]) -> String {
    let mut text = line(&content.greeting());
    text.push('\n');
    for block in blocks {
        text.push_str(&format!("\n{}\n{}\n", block.title, line(&block.line)));
        for row in &block.rows {
            let more = if row.more.is_empty() { String::new() } else { format!(": {}", row.more) };
            text.push_str(&format!("- {}\n", line(&format!("{}{more}", row.what))));
        }
        text.push_str(&format!("{}\n", block.link));
    }
    text.push_str(&format!(
        "\nChange what you are told, and when: {}\nEnd this digest: {}\n",
        content.page("/account"),
        content.unsubscribe
    ));
    text
}

/// One line, whatever somebody is called: a line break would look like one of ours.
fn line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
