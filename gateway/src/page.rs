//! The few pages of the gateway's own: plain HTML whose every value is escaped, without script.

use gatepass_core::form;
use gatepass_core::text::escape_into;
use gatepass_edge::{EdgeError, http};
use worker::Response;

use crate::settings::Config;

const STYLE: &str = include_str!("pages/style.css");

/// The path of the stylesheet of every page here.
pub(crate) const STYLE_PATH: &str = "/login/style.css";

/// The stylesheet.
pub(crate) fn stylesheet() -> Result<Response, EdgeError> {
    http::public(STYLE, "text/css; charset=utf-8", 3_600)
}

/// Asks at which provider to sign in.
pub(crate) fn choice(config: &Config, return_to: &str) -> Result<Response, EdgeError> {
    let links = config.registrations.iter().map(|registration| {
        let query = form::encode([
            ("provider", registration.name.as_str()),
            ("return_to", return_to),
        ]);
        let href = escaped(&format!("/login?{query}"));
        let label = escaped(&registration.label);
        [
            "<li><a class=\"button\" href=\"",
            &href,
            "\">",
            &label,
            "</a></li>",
        ]
        .concat()
    });
    let list: String = links.collect();
    let main = format!("<h1>Sign in</h1><p>Where do you have an account?</p><ul>{list}</ul>");
    page("Sign in", "", &main, 200)
}

/// Leads on to a page of this origin. The browser goes there from here, and so with its session's cookie, which it
/// does not send where another site leads (`SameSite=Strict`).
pub(crate) fn onward(return_to: &str) -> Result<Response, EdgeError> {
    let href = escaped(return_to);
    let head = format!("<meta http-equiv=\"refresh\" content=\"0;url={href}\">");
    let main = format!("<h1>You are signed in</h1><p><a href=\"{href}\">Continue</a></p>");
    page("Signed in", &head, &main, 200)
}

/// Something that the user must be told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told<'a> {
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    pub(crate) title: &'a str,
    pub(crate) message: &'a str,
    /// Where to try again.
    pub(crate) again: Option<&'a str>,
}

/// The error page.
pub(crate) fn error(told: &Told<'_>, request_id: &str) -> Result<Response, EdgeError> {
    let again = told.again.map_or_else(String::new, |path| {
        let query = form::encode([("return_to", path)]);
        let href = escaped(&format!("/login?{query}"));
        format!("<p><a class=\"button\" href=\"{href}\">Try again</a></p>")
    });
    let main = format!(
        "<h1>{}</h1><p>{}</p>{again}<dl><dt>Error code</dt><dd data-testid=\"error-code\">{}</dd>\
         <dt>Request</dt><dd>{}</dd></dl>",
        escaped(told.title),
        escaped(told.message),
        escaped(told.code),
        escaped(request_id),
    );
    page(told.title, "", &main, told.status)
}

fn page(title: &str, head: &str, main: &str, status: u16) -> Result<Response, EdgeError> {
    let html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\">{head}<title>{}</title>\
         <link rel=\"stylesheet\" href=\"{STYLE_PATH}\"></head><body><main>{main}</main></body></html>\n",
        escaped(title)
    );
    let response = http::with_type(html, "text/html; charset=utf-8")?;
    let headers = response.headers();
    headers.set("Cache-Control", "no-store")?;
    headers.set(
        "Content-Security-Policy",
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    )?;
    Ok(response.with_status(status))
}

fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    escape_into(&mut html, text);
    html
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn a_value_stays_text() {
        let text = "/a?b=1&c='2'\"><script>";
        assert_eq!(
            escaped(text),
            "/a?b=1&amp;c=&#39;2&#39;&quot;&gt;&lt;script&gt;"
        );
    }
}
