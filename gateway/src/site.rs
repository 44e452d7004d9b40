//! The static site, and the policy that keeps it alone with its provider and API.

use gatepass_edge::{EdgeError, http};
use worker::{Env, Method, Request, Response};

use crate::settings::Config;

/// Where the provider sends the browser back to: the page itself handles the answer.
const CALLBACK: &str = "/callback";

/// A file of the site; 404 where there is none.
///
/// # Errors
///
/// [`EdgeError::Runtime`] if the assets cannot be reached.
pub(crate) async fn file(
    path: &str,
    request: Request,
    env: &Env,
    config: &Config,
) -> Result<Response, EdgeError> {
    if !matches!(request.method(), Method::Get | Method::Head) {
        return http::method_not_allowed("GET, HEAD");
    }
    let assets = env.assets("ASSETS")?;
    let found = if path == CALLBACK {
        let mut page = request.url()?;
        page.set_path("/");
        page.set_query(None);
        assets.fetch(page, None).await?
    } else {
        assets.fetch_request(request).await?
    };
    if found.status_code() == 404 {
        let missing = http::with_type("There is no such page.", "text/plain; charset=utf-8")?;
        return Ok(missing.with_status(404));
    }
    // The headers of a fetched response cannot be changed, those of a copy can.
    let headers = found.headers().clone();
    let policy = content_security_policy(&config.issuer, &config.api);
    headers.set("Content-Security-Policy", &policy)?;
    Ok(found.with_headers(headers))
}

fn content_security_policy(issuer: &str, api: &str) -> String {
    format!(
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
         img-src 'self' data:; connect-src 'self' {issuer} {api}; base-uri 'none'; \
         form-action 'self'; frame-ancestors 'none'"
    )
}

#[cfg(test)]
mod tests {
    use super::content_security_policy;

    #[test]
    fn the_page_may_connect_to_its_provider_and_api_only() {
        let policy = content_security_policy("https://id.example.com", "https://api.example.com");
        assert!(
            policy
                .contains("; connect-src 'self' https://id.example.com https://api.example.com; ")
        );
        assert!(policy.starts_with("default-src 'none'; "));
    }
}
