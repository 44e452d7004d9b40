//! What happens next with a valid request.

use super::consent::Answer;
use super::{AuthorizationRequest, Consent, Permission, Prompt, RedirectRefusal, RefusalReason};
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

/// Who is at the browser, and what is known of them and the client that asks.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Visitor {
    /// Their sign-in, which may be over.
    pub sign_in: SignIn,
    /// What they sign in with.
    pub username: String,
    /// What they have answered about this client, if they were asked.
    pub consent: Option<Consent>,
}

/// What happens next.
#[derive(Clone, Debug)]
pub enum Next {
    /// Show the consent page to this sign-in.
    AskConsent(SignIn),
    /// Issue a code.
    Issue(Permission),
    /// Send the client away.
    Refuse(RedirectRefusal),
    /// Show the sign-in page.
    SignIn,
}

/// Decides from the request, its client and who is at the browser.
pub fn decide(
    request: &AuthorizationRequest,
    client: &Client,
    visitor: Option<Visitor>,
    now: Timestamp,
) -> Next {
    let refuse = |reason| Next::Refuse(request.refused(reason));
    let silent = request.prompt == Prompt::None;
    let visitor = match standing(request, visitor, now) {
        Standing::Answers(visitor) => visitor,
        Standing::Other => return refuse(RefusalReason::LoginRequired),
        Standing::Nobody if silent => return refuse(RefusalReason::LoginRequired),
        Standing::Nobody => return Next::SignIn,
    };
    match permission(request, client, &visitor) {
        Some(permission) => Next::Issue(permission),
        None if silent => refuse(RefusalReason::ConsentRequired),
        None => Next::AskConsent(visitor.sign_in),
    }
}

/// Whether a visitor is who the request is about.
enum Standing {
    Answers(Box<Visitor>),
    Nobody,
    /// Signed in for this request, but as somebody else than the client expects: to ask once more would
    /// lead nowhere (OIDC Core §3.1.2.1 `id_token_hint`).
    Other,
}

fn standing(request: &AuthorizationRequest, visitor: Option<Visitor>, now: Timestamp) -> Standing {
    let Some(visitor) = visitor.filter(|visitor| visitor.sign_in.expires_at > now) else {
        return Standing::Nobody;
    };
    let sign_in = &visitor.sign_in;
    let answered = request.is_answered_by(sign_in);
    if !request.expects(&sign_in.subject) {
        return if answered {
            Standing::Other
        } else {
            Standing::Nobody
        };
    }
    let chosen = answered || !request.prompt.asks().select_account;
    if chosen && (answered || request.is_fresh(sign_in, now)) {
        Standing::Answers(Box::new(visitor))
    } else {
        Standing::Nobody
    }
}

/// What the client may without asking; `None` if the user must be asked.
fn permission(
    request: &AuthorizationRequest,
    client: &Client,
    visitor: &Visitor,
) -> Option<Permission> {
    // A client that says who it is by itself could be any program on the user's machine.
    if request.prompt.asks().consent || request.client_id.is_address() {
        return None;
    }
    let sign_in = visitor.sign_in.clone();
    if client.is_first_party {
        return Some(Permission::unasked(sign_in, request));
    }
    let consent = visitor.consent.as_ref()?;
    consent.covers(&request.asks_for())?;
    if !request.details.are_within(&consent.details) {
        return None;
    }
    Some(Permission::by(sign_in, consent, request))
}

/// A visitor whom the consent page was shown to. Only [`asked`] makes one.
#[derive(Debug)]
pub struct Asked(Visitor);

impl Asked {
    /// Who.
    pub fn visitor(&self) -> &Visitor {
        &self.0
    }
}

/// The visitor, if it is they whom the consent page was shown to and they are signed in still: nobody
/// else may answer in their place.
pub fn asked(
    request: &AuthorizationRequest,
    visitor: Option<Visitor>,
    now: Timestamp,
) -> Option<Asked> {
    match standing(request, visitor, now) {
        Standing::Answers(visitor) if request.is_answered_by(&visitor.sign_in) => {
            Some(Asked(*visitor))
        }
        Standing::Answers(_) | Standing::Nobody | Standing::Other => None,
    }
}

/// What an answer on the consent page comes to: a code to issue, and what to remember.
///
/// # Errors
///
/// [`RefusalReason::AccessDenied`].
pub fn agree(
    request: &AuthorizationRequest,
    Asked(visitor): Asked,
    answer: Answer,
) -> Result<(Permission, Consent), RedirectRefusal> {
    let Answer::Allow(answer) = answer else {
        return Err(request.refused(RefusalReason::AccessDenied));
    };
    let answer = Consent {
        details: request.details.clone(),
        ..answer
    };
    let before = visitor.consent.unwrap_or_default();
    let permission = Permission::by(visitor.sign_in, &before.then(&answer), request);
    Ok((permission, answer))
}

#[cfg(test)]
mod tests;
