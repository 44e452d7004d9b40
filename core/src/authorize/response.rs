//! Authorization responses (RFC 6749 §4.1.2) with `iss` (RFC 9207).

use super::{AuthorizationRequest, RedirectRefusal};
use crate::id::Issuer;
use crate::secret::AuthorizationCode;

/// Where to send the browser with a code.
pub fn success_location(
    request: &AuthorizationRequest,
    code: &AuthorizationCode,
    issuer: &Issuer,
) -> String {
    let state = request.state.iter().map(|state| ("state", state.as_str()));
    let pairs = [("code", code.expose())].into_iter().chain(state);
    request
        .redirect
        .uri()
        .with_parameters(pairs.chain([("iss", issuer.as_str())]))
}

/// Where to send the browser with a refusal.
pub fn refusal_location(refusal: &RedirectRefusal, issuer: &Issuer) -> String {
    let description = refusal.reason.to_string();
    let error = [
        ("error", refusal.reason.code().as_str()),
        ("error_description", description.as_str()),
    ];
    let state = refusal
        .to
        .state
        .iter()
        .map(|state| ("state", state.as_str()));
    let pairs = error
        .into_iter()
        .chain(state)
        .chain([("iss", issuer.as_str())]);
    refusal.to.redirect.uri().with_parameters(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authorize::tests::{issuer, request};
    use crate::authorize::{Destination, RefusalReason};

    #[test]
    fn a_code_goes_back_with_state_and_iss() {
        let code = AuthorizationCode::new("c/1");
        let location = success_location(&request("state=a+b%26c"), &code, &issuer());
        assert_eq!(
            location,
            "http://localhost:3001/callback?code=c%2F1&state=a+b%26c&iss=http%3A%2F%2Flocalhost%3A4000"
        );
        let location = success_location(&request("state="), &code, &issuer());
        assert_eq!(
            location,
            "http://localhost:3001/callback?code=c%2F1&iss=http%3A%2F%2Flocalhost%3A4000"
        );
    }

    #[test]
    fn a_refusal_goes_back_with_state_and_iss() {
        let request = request("");
        let to = Destination {
            redirect: request.redirect,
            state: request.state,
        };
        let reason = RefusalReason::LoginRequired;
        assert_eq!(
            refusal_location(&RedirectRefusal { to, reason }, &issuer()),
            "http://localhost:3001/callback?error=login_required\
             &error_description=the+user+is+not+signed+in&state=s1\
             &iss=http%3A%2F%2Flocalhost%3A4000"
        );
    }
}
