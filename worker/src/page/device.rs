//! The pages on which a user connects a device (RFC 8628 §3.3).

use gatepass_core::authorize::consent::{describe, in_order};
use gatepass_core::grant::device::Settled;
use gatepass_core::scope::Scope;
use gatepass_core::text::escape_into;
use gatepass_edge::EdgeError;
use worker::Response;

use super::{Template, page, respond};

const ENTER: Template = template!("device.html");
const CONFIRM: Template = template!("device_confirm.html");
const AGAIN: Template = template!("device_again.html");
const SETTLED: Template = template!("device_settled.html");

/// The same words for a code that no device shows, that was answered already, and that is too old.
pub const WRONG: &str = "No device waits with this code. Compare it with the one that your device \
                         shows, or let the device show a new one.";

/// Asks for the code that the device shows.
pub fn enter(user_code: &str, error: &str) -> Result<Response, EdgeError> {
    let html = page(
        "Connect a device",
        ENTER,
        &[("user_code", user_code), ("error", error)],
    );
    let status = if error.is_empty() { 200 } else { 400 };
    Ok(respond(html, "")?.with_status(status))
}

/// What the user is asked.
#[derive(Debug)]
pub struct Confirm<'a> {
    pub client_name: &'a str,
    pub user_code: &'a str,
    pub username: &'a str,
    pub confirmation: &'a str,
    pub scope: &'a Scope,
}

/// Asks whether the client on the device may.
pub fn confirm(shown: &Confirm<'_>) -> Result<Response, EdgeError> {
    let html = page(
        "Allow this device?",
        CONFIRM,
        &[
            ("client_name", shown.client_name),
            ("user_code", shown.user_code),
            ("username", shown.username),
            ("confirmation", shown.confirmation),
            ("scopes", if shown.scope.is_empty() { "" } else { "some" }),
        ],
    );
    respond(html.replacen("<!--scopes-->", &scopes(shown.scope), 1), "")
}

/// Says that the user has to sign in again before another code.
pub fn too_many() -> Result<Response, EdgeError> {
    let html = page("Too many wrong codes", AGAIN, &[]);
    Ok(respond(html, "")?.with_status(429))
}

/// Says what came of it.
pub fn settled(settled: Settled) -> Result<Response, EdgeError> {
    let (title, message) = match settled {
        Settled::Allowed => (
            "Your device is connected",
            "Go back to it: it goes on by itself in a few seconds. You may close this page.",
        ),
        Settled::Denied => (
            "Nothing was allowed",
            "The device has no access. You may close this page.",
        ),
        Settled::Gone => return enter("", WRONG),
    };
    let html = page(title, SETTLED, &[("title", title), ("message", message)]);
    respond(html, "")
}

fn scopes(scope: &Scope) -> String {
    let mut list = String::new();
    for token in in_order(scope) {
        let own = format!("Something that only the app can explain: {token}");
        list.push_str("<li>");
        escape_into(&mut list, describe(token).unwrap_or(&own));
        list.push_str("</li>");
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_renders_without_leftovers() {
        for template in [ENTER, CONFIRM, AGAIN, SETTLED] {
            let html = page("Title", template, &[]);
            assert!(!html.contains("{{") && !html.contains("<!--"), "{html}");
            assert!(html.starts_with("<!doctype html>") && html.ends_with("</html>\n"));
        }
    }

    #[test]
    fn scopes_are_said_in_words_and_escaped() {
        let scope = Scope::parse("openid <script>").unwrap();
        let list = scopes(&scope);
        assert_eq!(list.matches("<li>").count(), 2, "{list}");
        assert!(list.contains("only the app can explain: &lt;script&gt;</li>"));
    }
}
