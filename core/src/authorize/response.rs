//! Authorization responses (RFC 6749 §4.1.2) with `iss` (RFC 9207), in the mode that the client chose.

use serde::{Deserialize, Serialize};

use super::{AuthorizationRequest, Destination, RedirectRefusal};
use crate::form;
use crate::id::{Issuer, State};
use crate::redirect::RedirectUri;
use crate::secret::AuthorizationCode;
use crate::token::TokenResponse;

/// How the answer gets to the client (OAuth 2.0 Multiple Response Types §2.1, OAuth 2.0 Form Post
/// Response Mode).
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseMode {
    /// In the query of the redirect URI.
    #[default]
    Query,
    /// In its fragment, which no server and no `Referer` gets to see.
    Fragment,
    /// In a form that the browser posts to it.
    FormPost,
}

impl ResponseMode {
    /// Every mode.
    pub const ALL: [Self; 3] = [Self::Query, Self::Fragment, Self::FormPost];

    /// The `response_mode` value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Fragment => "fragment",
            Self::FormPost => "form_post",
        }
    }

    /// The mode of this name, if it is one, and leads to `uri`: no app that goes by a scheme of its own
    /// takes a form.
    pub fn parse(text: &str, uri: &RedirectUri) -> Option<Self> {
        let mode = Self::ALL.into_iter().find(|mode| mode.as_str() == text);
        mode.filter(|mode| *mode != Self::FormPost || uri.origin().is_some())
    }

    /// Whether it is what a client gets that says nothing.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// An answer on its way to the client.
#[derive(Debug)]
pub struct Reply {
    uri: RedirectUri,
    mode: ResponseMode,
    fields: Vec<(&'static str, String)>,
}

/// The answer with a code.
pub fn success_reply(
    request: &AuthorizationRequest,
    code: &AuthorizationCode,
    issuer: &Issuer,
) -> Reply {
    let fields = vec![("code", code.expose().to_owned())];
    reply(&request.destination(), fields, issuer)
}

/// The answer with an access token in the place of a code (RFC 6749 §4.2.2): a refresh token it has never.
pub fn token_reply(
    request: &AuthorizationRequest,
    tokens: &TokenResponse,
    issuer: &Issuer,
) -> Reply {
    let mut fields = vec![
        ("access_token", tokens.access_token.expose().to_owned()),
        ("token_type", tokens.token_type.to_owned()),
        ("expires_in", tokens.expires_in.seconds().to_string()),
        ("scope", tokens.scope.to_string()),
    ];
    let details = tokens.details.to_text();
    fields.extend(details.map(|details| ("authorization_details", details)));
    reply(&request.destination(), fields, issuer)
}

/// The answer with a refusal.
pub fn refusal_reply(refusal: &RedirectRefusal, issuer: &Issuer) -> Reply {
    let fields = vec![
        ("error", refusal.reason.code().as_str().to_owned()),
        ("error_description", refusal.reason.to_string()),
    ];
    reply(&refusal.to, fields, issuer)
}

fn reply(to: &Destination, mut fields: Vec<(&'static str, String)>, issuer: &Issuer) -> Reply {
    let state = to.state.as_ref().map(State::as_str);
    fields.extend(state.map(|state| ("state", state.to_owned())));
    fields.push(("iss", issuer.as_str().to_owned()));
    Reply {
        uri: to.redirect.uri().clone(),
        mode: to.mode,
        fields,
    }
}

impl Reply {
    /// The form that carries it, if it is to be posted: where to, and its fields.
    pub fn form(&self) -> Option<(&RedirectUri, &[(&'static str, String)])> {
        (self.mode == ResponseMode::FormPost).then_some((&self.uri, &self.fields))
    }

    /// Where to send the browser with it, if it is not.
    pub fn location(&self) -> String {
        let fields = self.fields.iter();
        let pairs = fields.map(|(name, value)| (*name, value.as_str()));
        match self.mode {
            ResponseMode::Fragment => format!("{}#{}", self.uri, form::encode(pairs)),
            ResponseMode::Query | ResponseMode::FormPost => self.uri.with_parameters(pairs),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authorize::RefusalReason;
    use crate::authorize::tests::{issuer, request};

    fn success(changes: &str) -> Reply {
        success_reply(&request(changes), &AuthorizationCode::new("c/1"), &issuer())
    }

    #[test]
    fn a_code_goes_back_with_state_and_iss() {
        assert_eq!(
            success("state=a+b%26c").location(),
            "http://localhost:3001/callback?code=c%2F1&state=a+b%26c&iss=http%3A%2F%2Flocalhost%3A4000"
        );
        assert_eq!(
            success("state=").location(),
            "http://localhost:3001/callback?code=c%2F1&iss=http%3A%2F%2Flocalhost%3A4000"
        );
    }

    #[test]
    fn a_refusal_goes_back_with_state_and_iss() {
        let refusal = request("").refused(RefusalReason::LoginRequired);
        assert_eq!(
            refusal_reply(&refusal, &issuer()).location(),
            "http://localhost:3001/callback?error=login_required\
             &error_description=the+user+is+not+signed+in&state=s1\
             &iss=http%3A%2F%2Flocalhost%3A4000"
        );
    }

    #[test]
    fn a_fragment_carries_the_same() {
        let fragment = success("response_mode=fragment");
        assert!(fragment.form().is_none());
        assert_eq!(
            fragment.location(),
            "http://localhost:3001/callback#code=c%2F1&state=s1&iss=http%3A%2F%2Flocalhost%3A4000"
        );
        assert_eq!(
            success("response_mode=query").location(),
            success("").location()
        );
    }

    #[test]
    fn a_form_carries_the_same_and_a_refusal_as_well() {
        let reply = success("response_mode=form_post");
        let (uri, fields) = reply.form().unwrap();
        assert_eq!(uri.as_str(), "http://localhost:3001/callback");
        let names: Vec<_> = fields.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["code", "state", "iss"]);
        let refusal = request("response_mode=form_post").refused(RefusalReason::LoginRequired);
        let reply = refusal_reply(&refusal, &issuer());
        let (_, fields) = reply.form().unwrap();
        let names: Vec<_> = fields.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["error", "error_description", "state", "iss"]);
    }

    #[test]
    fn a_form_is_posted_to_web_addresses_only() {
        let web = RedirectUri::parse("https://app.example/cb").unwrap();
        let app = RedirectUri::parse("com.example.app:/cb").unwrap();
        for mode in ResponseMode::ALL {
            assert_eq!(ResponseMode::parse(mode.as_str(), &web), Some(mode));
        }
        assert_eq!(ResponseMode::parse("form_post", &app), None);
        let fragment = ResponseMode::parse("fragment", &app);
        assert_eq!(fragment, Some(ResponseMode::Fragment));
        for other in ["", "Query", "form-post", "query.jwt", "web_message"] {
            assert_eq!(ResponseMode::parse(other, &web), None, "{other:?}");
        }
    }
}
