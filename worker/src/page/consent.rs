//! The consent page: what a client asks for, in plain words.

use gatepass_core::authorize::AuthorizationDetails;
use gatepass_core::authorize::consent::{describe, field, in_order, is_fixed};
use gatepass_core::redirect::RedirectUri;
use gatepass_core::scope::Scope;
use gatepass_edge::EdgeError;
use worker::Response;

use super::{Template, host, layout, render, respond};

const CONSENT: Template = template!("consent.html");
const SCOPE: Template = template!("consent_scope.html");
const DETAIL: Template = template!("consent_detail.html");

/// What the consent page shows.
#[derive(Debug)]
pub struct Consent<'a> {
    pub client_name: &'a str,
    /// Where it says who it is, if it does so by itself.
    pub client_host: &'a str,
    pub redirect_uri: &'a RedirectUri,
    pub username: &'a str,
    pub state_token: &'a str,
    /// What is asked for.
    pub requested: &'a Scope,
    /// What is asked for in detail: all of it, or nothing.
    pub details: &'a AuthorizationDetails,
    /// What of it is ticked.
    pub ticked: &'a Scope,
    pub error: &'a str,
}

/// The consent page. Its form may only end where the request goes.
pub fn consent(shown: &Consent<'_>) -> Result<Response, EdgeError> {
    let status = if shown.error.is_empty() { 200 } else { 400 };
    Ok(respond(html(shown), shown.redirect_uri.csp_source())?.with_status(status))
}

fn html(shown: &Consent<'_>) -> String {
    let values = [
        ("client_name", shown.client_name),
        ("client_host", shown.client_host),
        ("return_host", host(shown.redirect_uri)),
        ("username", shown.username),
        ("state_token", shown.state_token),
        ("error", shown.error),
    ];
    let whole = CONSENT.text();
    let (before, after) = whole.split_once("<!--scopes-->\n").unwrap_or_default();
    let mut content = render(before, &values);
    for token in in_order(shown.requested) {
        content.push_str(&choice(token, shown.ticked.contains(token)));
    }
    for detail in shown.details.described() {
        content.push_str(&render(&DETAIL.text(), &[("detail", &detail)]));
    }
    content.push_str(&render(after, &values));
    layout("Allow access", &content)
}

fn choice(token: &str, ticked: bool) -> String {
    let (words, note) = match describe(token) {
        Some(words) if is_fixed(token) => (words, "always needed"),
        Some(words) => (words, ""),
        None => ("Something that only the app can explain:", token),
    };
    let flag = |set: bool| if set { "yes" } else { "" };
    let values = [
        ("field", field(token)),
        ("words", words.to_owned()),
        ("note", note.to_owned()),
        ("allowed", flag(ticked || is_fixed(token)).to_owned()),
        ("fixed", flag(is_fixed(token)).to_owned()),
    ];
    render(
        &SCOPE.text(),
        &values
            .each_ref()
            .map(|(name, value)| (*name, value.as_str())),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const DETAILS: &str = r#"[{"type":"payment","to":"<i>Anna</i>"}]"#;

    fn shown(client_name: &str, requested: &str, ticked: &str) -> String {
        html(&Consent {
            client_name,
            client_host: "<u>",
            redirect_uri: &RedirectUri::parse("https://app.example/cb").unwrap(),
            username: "anna",
            state_token: "st",
            requested: &Scope::parse(requested).unwrap(),
            details: &AuthorizationDetails::read(Some(DETAILS)).unwrap().unwrap(),
            ticked: &Scope::parse(ticked).unwrap(),
            error: "",
        })
    }

    #[test]
    fn each_scope_is_a_box_to_tick_and_openid_one_that_is() {
        let html = shown("Notes", "openid email read", "read");
        let boxes: Vec<_> = html
            .lines()
            .filter(|line| line.contains("checkbox"))
            .collect();
        let [openid, email, read] = boxes[..] else {
            panic!("not three: {boxes:?}")
        };
        assert!(openid.contains(" checked disabled>") && openid.contains("always needed"));
        assert!(email.contains("name=\"scope:email\" value=\"1\"><span>See your e-mail"));
        assert!(read.contains("name=\"scope:read\" value=\"1\" checked>"));
    }

    #[test]
    fn what_others_chose_is_escaped() {
        let html = shown("<b>Notes</b>", "<script>", "");
        assert!(
            !html.contains("<b>") && !html.contains("<i>") && !html.contains("<script>"),
            "{html}"
        );
        assert!(html.contains("data-testid=\"client-host\">&lt;u&gt;</strong>"));
        assert!(html.contains("name=\"scope:&lt;script&gt;\""));
        assert!(html.contains(">payment\nto: &lt;i&gt;Anna&lt;/i&gt;</p>"));
    }

    #[test]
    fn it_renders_without_leftovers() {
        let html = shown("Notes", "openid a.b", "a.b");
        assert!(!html.contains("{{") && !html.contains("<!--"), "{html}");
        assert!(html.contains("<title>Allow access · Gatepass</title>"));
        assert!(html.contains("app.example"));
    }
}
