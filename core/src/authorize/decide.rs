//! What happens next with a valid request.

use super::{AuthorizationRequest, Destination, Prompt, RedirectRefusal, RefusalReason};
use crate::client::Client;
use crate::grant::AuthenticationMethod;
use crate::id::{BrowserId, SignInId, Subject};
use crate::time::Timestamp;

/// A browser that is signed in at the provider.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SignIn {
    /// Its key.
    pub id: SignInId,
    /// The browser.
    pub browser: BrowserId,
    /// The user.
    pub subject: Subject,
    /// When they proved who they are.
    pub auth_time: Timestamp,
    /// How.
    pub amr: Vec<AuthenticationMethod>,
    /// When the browser has to sign in again.
    pub expires_at: Timestamp,
}

/// What happens next.
#[derive(Clone, Debug)]
pub enum Next {
    /// Issue a code for this user.
    Issue(SignIn),
    /// Send the client away.
    Refuse(RedirectRefusal),
    /// Show the sign-in page.
    SignIn,
}

/// Decides from the request, its client and who is signed in.
pub fn decide(
    request: &AuthorizationRequest,
    client: &Client,
    sign_in: Option<SignIn>,
    now: Timestamp,
) -> Next {
    let live = sign_in.filter(|sign_in| sign_in.expires_at > now);
    let refuse = |reason| {
        let to = Destination {
            redirect: request.redirect.clone(),
            state: request.state.clone(),
        };
        Next::Refuse(RedirectRefusal { to, reason })
    };
    match (live, request.prompt) {
        (None, Prompt::None) => refuse(RefusalReason::LoginRequired),
        (None, _) | (Some(_), Prompt::Login) => Next::SignIn,
        (Some(_), _) if !client.is_first_party => refuse(RefusalReason::ConsentRequired),
        (Some(sign_in), _) => Next::Issue(sign_in),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authorize::RefusalReason;
    use crate::authorize::tests::request;
    use crate::client::tests::public;
    use crate::grant::tests::{NOW, after};

    fn sign_in() -> SignIn {
        SignIn {
            id: SignInId::parse("s1").unwrap(),
            browser: BrowserId::parse("b1").unwrap(),
            subject: Subject::parse("u1").unwrap(),
            auth_time: NOW,
            amr: vec![AuthenticationMethod::Password],
            expires_at: after(60),
        }
    }

    fn third_party() -> Client {
        Client {
            is_first_party: false,
            ..public()
        }
    }

    fn next(prompt: &str, client: &Client, sign_in: Option<SignIn>) -> Next {
        decide(&request(prompt), client, sign_in, NOW)
    }

    fn refused(next: Next) -> RefusalReason {
        match next {
            Next::Refuse(refusal) => {
                assert_eq!(refusal.to.state, request("").state);
                assert_eq!(refusal.to.redirect, request("").redirect);
                refusal.reason
            }
            other => panic!("not refused: {other:?}"),
        }
    }

    #[test]
    fn nobody_signed_in_means_to_sign_in_unless_nobody_may_be_asked() {
        for prompt in ["", "prompt=login"] {
            assert!(
                matches!(next(prompt, &public(), None), Next::SignIn),
                "{prompt}"
            );
        }
        let reason = refused(next("prompt=none", &public(), None));
        assert_eq!(reason, RefusalReason::LoginRequired);
        assert_eq!(reason.code().as_str(), "login_required");
    }

    #[test]
    fn a_live_sign_in_is_enough_unless_another_is_asked_for() {
        for prompt in ["", "prompt=none"] {
            let next = next(prompt, &public(), Some(sign_in()));
            assert!(
                matches!(next, Next::Issue(found) if found == sign_in()),
                "{prompt}"
            );
        }
        let login = next("prompt=login", &public(), Some(sign_in()));
        assert!(matches!(login, Next::SignIn));
    }

    #[test]
    fn a_sign_in_ends_to_the_second() {
        let decide_at = |seconds| decide(&request(""), &public(), Some(sign_in()), after(seconds));
        assert!(matches!(decide_at(59), Next::Issue(_)));
        assert!(matches!(decide_at(60), Next::SignIn));
        let silent = decide(
            &request("prompt=none"),
            &public(),
            Some(sign_in()),
            after(60),
        );
        assert_eq!(refused(silent), RefusalReason::LoginRequired);
    }

    #[test]
    fn a_strangers_client_gets_no_code_without_consent() {
        for prompt in ["", "prompt=none"] {
            let reason = refused(next(prompt, &third_party(), Some(sign_in())));
            assert_eq!(reason, RefusalReason::ConsentRequired, "{prompt}");
            assert_eq!(reason.code().as_str(), "consent_required");
        }
        assert!(matches!(next("", &third_party(), None), Next::SignIn));
        let silent = next("prompt=none", &third_party(), None);
        assert_eq!(refused(silent), RefusalReason::LoginRequired);
    }
}
