//! The page that posts an authorization response to its client (OAuth 2.0 Form Post Response Mode §2).

use gatepass_core::redirect::RedirectUri;
use gatepass_edge::EdgeError;
use worker::Response;

use super::{Template, host, layout, render, respond_under};

const FORM: Template = template!("form_post.html");
const FIELD: &str = "<input type=\"hidden\" name=\"{{name}}\" value=\"{{value}}\">\n";

/// The page, whose form may go to this redirect URI and nowhere else.
pub fn form_post(
    uri: &RedirectUri,
    fields: &[(&'static str, String)],
) -> Result<Response, EdgeError> {
    let policy = format!("script-src 'self'; form-action {}", target(uri));
    respond_under(html(uri, fields), &policy)
}

/// The redirect URI as a policy names it: without its query, which no source has, and as its origin or
/// scheme where it has characters that mean something to a policy.
fn target(uri: &RedirectUri) -> &str {
    let path = uri.as_str().split('?').next().unwrap_or_default();
    let is_plain = !path.contains([';', ',', '\'', '"', '[']);
    if is_plain { path } else { uri.csp_source() }
}

fn html(uri: &RedirectUri, fields: &[(&'static str, String)]) -> String {
    let values = [("uri", uri.as_str()), ("return_host", host(uri))];
    let whole = FORM.text();
    let (before, after) = whole.split_once("<!--fields-->\n").unwrap_or_default();
    let mut content = render(before, &values);
    for (name, value) in fields {
        content.push_str(&render(FIELD, &[("name", name), ("value", value)]));
    }
    content.push_str(&render(after, &values));
    layout("Back to the app", &content)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> RedirectUri {
        RedirectUri::parse(text).unwrap()
    }

    #[test]
    fn it_holds_every_field_escaped_and_nothing_is_left_over() {
        let fields = [
            ("code", "c1".to_owned()),
            ("state", "\"><script>".to_owned()),
        ];
        let html = html(&uri("https://app.example/cb?a=b&c=\"d"), &fields);
        assert!(html.contains("action=\"https://app.example/cb?a=b&amp;c=&quot;d\""));
        assert!(html.contains("name=\"code\" value=\"c1\">"));
        assert!(html.contains("value=\"&quot;&gt;&lt;script&gt;\">"));
        assert!(!html.contains("{{") && !html.contains("<!--"), "{html}");
        assert_eq!(html.matches("<script").count(), 1);
    }

    #[test]
    fn a_policy_names_the_redirect_uri_alone() {
        for (address, expected) in [
            ("https://app.example/cb", "https://app.example/cb"),
            ("https://app.example/cb?a=b;c", "https://app.example/cb"),
            ("https://app.example/a;script-src", "https://app.example"),
            ("https://app.example/a,b", "https://app.example"),
            ("http://[::1]:8000/cb", "http:"),
        ] {
            assert_eq!(target(&uri(address)), expected);
        }
    }
}
