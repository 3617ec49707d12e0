//! What a message says, by template. Pure.
//!
//! The same events give the same bytes whenever they are sent, so that a receiver can tell a message that
//! comes twice. Names of software and hosts are whatever a host says: in Slack and Teams they may be no
//! links and no marks.

use protocol::ids::CompanyId;
use serde_json::{Value, json};
use store::events::company::{CompanyEvent, CompanyEventKind};
use store::webhooks::Template;
use uuid::Uuid;

/// Events that are named one by one where people read them.
const LINES_MAX: usize = 20;
/// Characters of a name in a line.
const NAME_CHARS_MAX: usize = 100;

/// Whose message it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Envelope {
    /// The message.
    pub(super) id: Uuid,
    /// The webhook.
    pub(super) webhook: Uuid,
    /// The company.
    pub(super) company: CompanyId,
}

/// A message's bytes.
pub(super) fn write(envelope: Envelope, template: Template, events: &[CompanyEvent]) -> Vec<u8> {
    let message = match template {
        Template::Generic => json!({
            "id": envelope.id,
            "webhook": envelope.webhook,
            "company": envelope.company.0,
            "events": events,
        }),
        Template::Slack => json!({ "text": lines(events, in_slack).join("\n") }),
        Template::Teams => teams(&lines(events, in_markdown)),
    };
    message.to_string().into_bytes()
}

/// A card as workflows in Teams post it.
fn teams(lines: &[String]) -> Value {
    let blocks: Vec<Value> = lines
        .iter()
        .map(|line| json!({ "type": "TextBlock", "wrap": true, "text": line }))
        .collect();
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": blocks,
            },
        }],
    })
}

/// A line for each event, and one for those that are too many.
fn lines(events: &[CompanyEvent], quote: fn(&str) -> String) -> Vec<String> {
    let mut lines: Vec<String> =
        events.iter().take(LINES_MAX).map(|event| line(event, quote)).collect();
    let more = events.len().saturating_sub(LINES_MAX);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines
}

fn line(event: &CompanyEvent, quote: fn(&str) -> String) -> String {
    let what = match event.kind {
        CompanyEventKind::FindingOpened => "new",
        CompanyEventKind::FindingResolved => "resolved",
        CompanyEventKind::FindingChanged => "changed",
        CompanyEventKind::FindingSuppressed => "left out",
        CompanyEventKind::FindingReopened => "open again",
        CompanyEventKind::PolicyPass => "holds",
        CompanyEventKind::PolicyFail => "fails",
        CompanyEventKind::PolicyUnknown => "is not known",
        CompanyEventKind::WebhookTest => return "Muster can reach this webhook.".to_owned(),
    };
    let name = |text: &str| quote(&text.chars().take(NAME_CHARS_MAX).collect::<String>());
    if let Some(finding) = &event.finding {
        let known = if finding.known_exploited { ", known to be exploited" } else { "" };
        let fixed = finding.fixed_in.as_deref().map(name);
        let fixed = fixed.map_or_else(String::new, |version| format!(", fixed in {version}"));
        return format!(
            "{what}: {} ({}{known}) in {} {}{fixed}",
            name(&finding.cve),
            name(&finding.severity),
            name(&finding.software.name),
            name(&finding.software.version)
        );
    }
    let Some(policy) = &event.policy else {
        return what.to_owned();
    };
    let of =
        |text: &Option<String>, gone: &str| text.as_deref().map_or_else(|| gone.to_owned(), name);
    format!(
        "policy {} {what} for {}",
        of(&policy.name, "that is gone"),
        of(&policy.hostname, "a host that is gone")
    )
}

/// A name in Slack's text, whose links and mentions stand in angle brackets.
fn in_slack(text: &str) -> String {
    one_line(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A name in Markdown.
fn in_markdown(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for c in one_line(text).chars() {
        if matches!(
            c,
            '\\' | '[' | ']' | '(' | ')' | '*' | '_' | '`' | '#' | '<' | '>' | '!' | '~' | '|'
        ) {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use store::events::company::{FindingTold, SoftwareTold};
    use time::OffsetDateTime;

    use super::*;

    fn opened(name: &str) -> CompanyEvent {
        CompanyEvent {
            kind: CompanyEventKind::FindingOpened,
            finding: Some(FindingTold {
                cve: "CVE-2024-1".to_owned(),
                severity: "high".to_owned(),
                score: Some(8.0),
                known_exploited: true,
                source: "nvd".to_owned(),
                confidence: "high".to_owned(),
                fixed_in: Some("2.0".to_owned()),
                exception: None,
                software: SoftwareTold {
                    id: Uuid::from_u128(4),
                    name: name.to_owned(),
                    version: "1.0".to_owned(),
                },
            }),
            ..CompanyEvent::test(OffsetDateTime::UNIX_EPOCH)
        }
    }

    fn written(template: Template, events: &[CompanyEvent]) -> Value {
        let envelope = Envelope {
            id: Uuid::from_u128(1),
            webhook: Uuid::from_u128(2),
            company: CompanyId(Uuid::from_u128(3)),
        };
        let bytes = write(envelope, template, events);
        assert_eq!(bytes, write(envelope, template, events), "twice the same");
        serde_json::from_slice(&bytes).unwrap()
    }

    #[test]
    fn the_generic_message_has_all_of_the_events() {
        let message = written(Template::Generic, &[opened("a"), opened("b")]);
        assert_eq!(message["id"], Uuid::from_u128(1).to_string());
        let event = &message["events"][1];
        assert_eq!((&event["kind"], &event["id"]), (&json!("finding.opened"), &json!("0-0")));
        assert_eq!(event["finding"]["software"]["name"], "b");
    }

    #[test]
    fn people_read_lines_that_no_name_can_break_out_of() {
        let events = [opened("<!channel> [x](https://evil.example)\n*b*")];
        let slack = written(Template::Slack, &events);
        let expected = "new: CVE-2024-1 (high, known to be exploited) in \
                        &lt;!channel&gt; [x](https://evil.example) *b* 1.0, fixed in 2.0";
        assert_eq!(slack["text"], expected);
        let teams = written(Template::Teams, &events);
        let text = &teams["attachments"][0]["content"]["body"][0]["text"];
        let text = text.as_str().unwrap();
        assert!(text.contains(r"\[x\]\(https://evil.example\) \*b\*"), "{text}");
    }

    #[test]
    fn a_storm_is_a_message_of_some_lines() {
        let events: Vec<_> = (0..100).map(|n| opened(&n.to_string())).collect();
        let text = written(Template::Slack, &events)["text"].to_string();
        assert_eq!(text.matches("CVE-2024-1").count(), LINES_MAX);
        assert!(text.contains("and 80 more"), "{text}");
    }
}
