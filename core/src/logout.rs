//! RP-initiated logout (OIDC RP-Initiated Logout 1.0), and what clients are told of it.

pub mod back_channel;

use crate::client::Client;
use crate::form::Form;
use crate::id::{ClientId, State};

/// A logout request (§2). Without a way to say which client asks, the user is not sent anywhere
/// afterwards.
#[derive(Debug)]
pub struct LogoutRequest {
    /// `client_id`.
    pub client_id: Option<ClientId>,
    post_logout_redirect_uri: Option<String>,
    state: Option<State>,
}

impl LogoutRequest {
    /// Reads the query or the body. What cannot be read is left out: nobody is kept signed in over a
    /// malformed parameter.
    pub fn parse(form: &Form) -> Self {
        Self {
            client_id: form
                .optional("client_id")
                .and_then(|id| ClientId::parse(id).ok()),
            post_logout_redirect_uri: form.optional("post_logout_redirect_uri").map(str::to_owned),
            state: form
                .optional("state")
                .and_then(|state| State::parse(state).ok()),
        }
    }

    /// Where the user goes afterwards: only to a URI that the client registered for it (§3.1).
    pub fn destination(&self, client: Option<&Client>) -> Option<String> {
        let wanted = self.post_logout_redirect_uri.as_deref()?;
        let registered = &client?.post_logout_redirect_uris;
        let uri = registered.iter().find(|uri| uri.as_str() == wanted)?;
        let state = self.state.as_ref().map(|state| ("state", state.as_str()));
        Some(state.map_or_else(|| uri.to_string(), |pair| uri.with_parameters([pair])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::tests::public;

    const HOME: &str = "post_logout_redirect_uri=http%3A%2F%2Flocalhost%3A3001%2F";

    fn parse(query: &str) -> LogoutRequest {
        LogoutRequest::parse(&Form::parse(query).unwrap())
    }

    fn destination(query: &str) -> Option<String> {
        parse(query).destination(Some(&public()))
    }

    #[test]
    fn a_registered_uri_is_gone_to_with_the_state() {
        assert_eq!(destination(HOME).as_deref(), Some("http://localhost:3001/"));
        assert_eq!(
            destination(&format!("{HOME}&state=a+b")).as_deref(),
            Some("http://localhost:3001/?state=a+b")
        );
    }

    #[test]
    fn nobody_is_sent_anywhere_else() {
        assert_eq!(destination(""), None);
        for other in [
            "https://evil.example/",
            "http://localhost:3001",
            "http://localhost:3001/?x",
            // For sign-in, not for sign-out.
            "http://localhost:3001/callback",
        ] {
            let query = crate::form::encode([("post_logout_redirect_uri", other)]);
            assert_eq!(destination(&query), None, "{other}");
        }
        assert_eq!(parse(HOME).destination(None), None);
    }

    #[test]
    fn what_cannot_be_read_keeps_nobody_signed_in() {
        let request = parse(&format!("client_id=%C3%BC&state=%0A&{HOME}"));
        assert_eq!(request.client_id, None);
        let home = Some("http://localhost:3001/".to_owned());
        assert_eq!(request.destination(Some(&public())), home);
        let request = parse("client_id=demo");
        assert_eq!(request.client_id, Some(public().id));
    }
}
