//! The pages that people see: HTML templates whose every value is escaped.

#[macro_use]
mod template;

mod consent;
pub mod device;
mod form_post;

pub use consent::{Consent, consent};
pub use form_post::form_post;

use core::fmt::Display;

use gatepass_core::redirect::RedirectUri;
use gatepass_core::text::escape_into;
use gatepass_edge::EdgeError;
use gatepass_edge::http;
use worker::Response;

use self::template::Template;
use crate::app::App;

const LAYOUT: Template = template!("layout.html");
const LOGIN: Template = template!("login.html");
const ERROR: Template = template!("error.html");
const SIGN_OUT: Template = template!("sign_out.html");
const SIGNED_OUT: Template = template!("signed_out.html");

/// What the sign-in page shows.
#[derive(Debug)]
pub struct Login<'a> {
    pub client_name: &'a str,
    pub redirect_uri: &'a RedirectUri,
    pub state_token: &'a str,
    pub username: &'a str,
    /// Who may go on without a password; empty if nobody.
    pub signed_in_as: &'a str,
    pub error: &'a str,
}

/// The sign-in page. Its form may only end where the request goes: Chromium holds redirects after a
/// form to `form-action` too.
pub fn login(shown: &Login<'_>) -> Result<Response, EdgeError> {
    let focus = if shown.signed_in_as.is_empty() {
        "autofocus"
    } else {
        ""
    };
    let html = page(
        "Sign in",
        LOGIN,
        &[
            ("client_name", shown.client_name),
            ("return_host", host(shown.redirect_uri)),
            ("state_token", shown.state_token),
            ("username", shown.username),
            ("signed_in_as", shown.signed_in_as),
            ("focus", focus),
            ("error", shown.error),
        ],
    );
    let status = if shown.error.is_empty() { 200 } else { 400 };
    Ok(respond(html, shown.redirect_uri.csp_source())?.with_status(status))
}

/// Where an address leads, for people.
fn host(uri: &RedirectUri) -> &str {
    let source = uri.csp_source();
    match source.split_once("://") {
        Some((_, host)) => host,
        // An IPv6 address, which has no name that a policy knows.
        None if source == "http:" => "this device",
        None => source,
    }
}

/// What the sign-in page shows on the way to one of our own pages.
#[derive(Debug)]
pub struct LoginForPage<'a> {
    pub name: &'a str,
    pub page_token: &'a str,
    pub username: &'a str,
    pub error: &'a str,
}

/// The sign-in page on the way to one of our own.
pub fn login_for_page(shown: &LoginForPage<'_>) -> Result<Response, EdgeError> {
    let html = page(
        "Sign in",
        LOGIN,
        &[
            ("client_name", shown.name),
            ("page_token", shown.page_token),
            ("username", shown.username),
            ("error", shown.error),
        ],
    );
    let status = if shown.error.is_empty() { 200 } else { 400 };
    Ok(respond(html, "")?.with_status(status))
}

/// Asks whether to sign out.
pub fn sign_out(question: &str, fields: [(&str, &str); 3]) -> Result<Response, EdgeError> {
    let [client_id, return_uri, state] = fields;
    let html = page(
        "Sign out",
        SIGN_OUT,
        &[("question", question), client_id, return_uri, state],
    );
    let destination = RedirectUri::parse(return_uri.1).ok();
    respond(
        html,
        destination.as_ref().map_or("", RedirectUri::csp_source),
    )
}

/// Says that the user is signed out.
pub fn signed_out() -> Result<Response, EdgeError> {
    respond(page("Signed out", SIGNED_OUT, &[]), "")
}

/// Something that the user must be told because nobody else can be.
#[derive(Debug)]
pub struct Problem<'a> {
    pub title: &'a str,
    pub message: &'a str,
    pub help: &'a str,
    pub code: &'a str,
    pub status: u16,
}

/// The error page.
pub fn error(problem: &Problem<'_>, request_id: &str) -> Result<Response, EdgeError> {
    let html = page(
        problem.title,
        ERROR,
        &[
            ("title", problem.title),
            ("message", problem.message),
            ("help", problem.help),
            ("error_code", problem.code),
            ("request_id", request_id),
        ],
    );
    Ok(respond(html, "")?.with_status(problem.status))
}

/// The answer to a path that leads nowhere.
pub fn not_found(app: &App) -> Result<Response, EdgeError> {
    let problem = Problem {
        title: "There is nothing here",
        message: "This is an OAuth 2.1 and OpenID Connect provider.",
        help: "Its endpoints are listed at /.well-known/openid-configuration.",
        code: "not_found",
        status: 404,
    };
    error(&problem, &app.request_id)
}

/// The answer to what a page's form did not send.
pub fn unreadable(why: &impl Display, status: u16, app: &App) -> Result<Response, EdgeError> {
    let message = format!("What was sent here cannot be read: {why}.");
    let problem = Problem {
        title: "This was not understood",
        message: &message,
        help: "Go back to the app and try again.",
        code: "invalid_request",
        status,
    };
    error(&problem, &app.request_id)
}

/// The answer to a method that a page does not have.
pub fn method_not_allowed(allowed: &str, app: &App) -> Result<Response, EdgeError> {
    let message = format!("This page answers to {allowed} only.");
    let problem = Problem {
        title: "This was not understood",
        message: &message,
        help: "Go back to the app and try again.",
        code: "invalid_request",
        status: 405,
    };
    let response = error(&problem, &app.request_id)?;
    response.headers().set("Allow", allowed)?;
    Ok(response)
}

/// The answer when something failed that is not the user's fault.
pub fn broken(request_id: &str) -> Result<Response, EdgeError> {
    let problem = Problem {
        title: "Something went wrong",
        message: "The sign-in service could not answer. You are not signed out by this.",
        help: "Go back and try again in a moment.",
        code: "server_error",
        status: 500,
    };
    error(&problem, request_id)
}

fn respond(html: String, form_target: &str) -> Result<Response, EdgeError> {
    respond_under(html, &format!("form-action 'self' {form_target}"))
}

/// With what this page may do besides being looked at, as its Content-Security-Policy has it.
fn respond_under(html: String, allowed: &str) -> Result<Response, EdgeError> {
    let response = http::with_type(html, "text/html; charset=utf-8")?;
    let headers = response.headers();
    headers.set("Cache-Control", "no-store")?;
    let csp = format!(
        "default-src 'none'; style-src 'self'; {allowed}; base-uri 'none'; frame-ancestors 'none'"
    );
    headers.set("Content-Security-Policy", &csp)?;
    Ok(response)
}

/// A whole page: the layout with its title, and what the page shows.
fn page(title: &str, template: Template, values: &[(&str, &str)]) -> String {
    layout(title, &render(&template.text(), values))
}

/// The layout with its title around what was rendered.
fn layout(title: &str, content: &str) -> String {
    let whole = LAYOUT.text();
    let (before, after) = whole.split_once("<!--content-->\n").unwrap_or_default();
    let mut html = render(before, &[("title", title)]);
    html.push_str(content);
    html.push_str(after);
    html
}

/// Fills `{{name}}` with escaped values, and drops `<!--if name-->…<!--end-->` where the value is
/// empty. A value is never read as template.
fn render(template: &str, values: &[(&str, &str)]) -> String {
    let value = |name: &str| {
        values
            .iter()
            .find(|(known, _)| *known == name)
            .map_or("", |(_, value)| *value)
    };
    let mut html = String::with_capacity(template.len() * 2);
    let mut rest = template;
    while let Some((before, name, after)) = next_marker(rest) {
        html.push_str(before);
        rest = match name {
            Marker::Value(name) => {
                escape_into(&mut html, value(name));
                after
            }
            Marker::If(name) if value(name).is_empty() => {
                after.split_once("<!--end-->").map_or("", |(_, rest)| rest)
            }
            Marker::If(_) | Marker::End => after,
        };
    }
    html.push_str(rest);
    html
}

enum Marker<'a> {
    Value(&'a str),
    If(&'a str),
    End,
}

fn next_marker(text: &str) -> Option<(&str, Marker<'_>, &str)> {
    let start = ["{{", "<!--if ", "<!--end-->"]
        .iter()
        .filter_map(|m| text.find(m))
        .min()?;
    let (before, rest) = text.split_at_checked(start)?;
    if let Some(rest) = rest.strip_prefix("<!--end-->") {
        return Some((before, Marker::End, rest));
    }
    if let Some(rest) = rest.strip_prefix("<!--if ") {
        let (name, rest) = rest.split_once("-->")?;
        return Some((before, Marker::If(name), rest));
    }
    let (name, rest) = rest.strip_prefix("{{")?.split_once("}}")?;
    Some((before, Marker::Value(name), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped_and_never_read_as_template() {
        let html = render(
            "<p title=\"{{a}}\">{{b}}</p>",
            &[("a", "\"><script>"), ("b", "{{a}}'&")],
        );
        assert_eq!(
            html,
            "<p title=\"&quot;&gt;&lt;script&gt;\">{{a}}&#39;&amp;</p>"
        );
    }

    #[test]
    fn an_optional_part_stands_only_with_its_value() {
        let template = "a<!--if e--><b>{{e}}</b><!--end-->c{{missing}}";
        assert_eq!(render(template, &[("e", "x")]), "a<b>x</b>c");
        assert_eq!(render(template, &[("e", "")]), "ac");
    }

    #[test]
    fn every_template_renders_without_leftovers() {
        for template in [LOGIN, ERROR, SIGN_OUT, SIGNED_OUT] {
            let html = page("Title", template, &[]);
            assert!(!html.contains("{{") && !html.contains("<!--"), "{html}");
            assert!(html.starts_with("<!doctype html>") && html.ends_with("</html>\n"));
            assert!(html.contains("<title>Title · Gatepass</title>"));
        }
    }
}
