//! A digest as a page: styles stand with what they style, because mail programs take others away.

use std::borrow::Cow;

use super::{Block, Content};

const BODY: &str = "font:14px/1.5 system-ui,sans-serif;max-width:40rem;margin:0 auto;padding:16px";
const TITLE: &str = "font-size:16px;margin:24px 0 4px";
const SMALL: &str = "font-size:12px;opacity:.75;margin-top:32px";

/// Writes it.
pub(super) fn write(content: &Content<'_>, blocks: &[Block]) -> String {
    let mut html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{}</title></head>\
         <body style=\"{BODY}\"><p>{}</p>\n",
        escaped(&content.subject()),
        escaped(&content.greeting())
    );
    for block in blocks {
        html.push_str(&format!(
            "<h2 style=\"{TITLE}\"><a href=\"{}\">{}</a></h2><p>{}</p>\n",
            escaped(&block.link),
            block.title,
            escaped(&block.line)
        ));
        if block.rows.is_empty() {
            continue;
        }
        html.push_str("<ul>");
        for row in &block.rows {
            html.push_str(&format!(
                "<li><a href=\"{}\">{}</a> {}</li>\n",
                escaped(&row.link),
                escaped(&row.what),
                escaped(&row.more)
            ));
        }
        html.push_str("</ul>\n");
    }
    html.push_str(&format!(
        "<p style=\"{SMALL}\"><a href=\"{}\">Change what you are told, and when</a> · \
         <a href=\"{}\">End this digest</a></p></body></html>\n",
        escaped(&content.page("/account")),
        escaped(content.unsubscribe)
    ));
    html
}

/// A text that came from anywhere.
fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"', '\'']) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    Cow::Owned(escaped)
}
