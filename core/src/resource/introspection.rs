//! What a provider says of a token (RFC 7662 §2.2), and what a resource server makes of it.

use serde::Deserialize;

use super::{Authorized, Expected, ResourceRefusal, TokenClaims};
use crate::authorize::AuthorizationDetails;
use crate::dpop::Confirmation;
use crate::id::{ClientId, Subject};
use crate::introspect::Introspection;
use crate::jose::Audiences;
use crate::scope::Scope;
use crate::time::{NumericDate, Timestamp};
use crate::token::access::{BEARER, DPOP};
use crate::token::actor::Actor;

/// What any provider may say of an active token. The standard requires nothing; here `aud`, `client_id`, `exp` and
/// `token_type` are needed: without them nobody knows for whom the token is, until when, or whether it is one for
/// access.
#[derive(Clone, Debug, Deserialize)]
pub struct TokenInformation {
    iss: Option<String>,
    /// Some providers leave it out if a client acts for itself.
    sub: Option<String>,
    username: Option<String>,
    aud: Audiences,
    client_id: String,
    scope: Option<String>,
    exp: NumericDate,
    auth_time: Option<NumericDate>,
    acr: Option<String>,
    token_type: String,
    cnf: Option<Confirmation>,
    act: Option<Actor>,
    #[serde(default)]
    authorization_details: AuthorizationDetails,
}

impl TokenInformation {
    /// Whom the token speaks of: a client that acts for itself may be its own subject (RFC 9068 §2.2 has the same).
    /// Users are never called so: they would all be one.
    fn subject(&self, scope: &Scope) -> Option<&str> {
        let is_of_user =
            self.username.is_some() || self.auth_time.is_some() || scope.without_user() != *scope;
        let itself = Some(self.client_id.as_str()).filter(|_| !is_of_user);
        self.sub.as_deref().or(itself)
    }
}

/// Judges what the provider says of a token (RFC 7662 §2.2).
///
/// # Errors
///
/// [`ResourceRefusal::Inactive`], [`ResourceRefusal::Incomplete`], [`ResourceRefusal::OtherIssuer`] or
/// [`ResourceRefusal::OtherAudience`].
pub fn check_introspection(
    answer: Introspection<TokenInformation>,
    expected: &Expected,
    now: Timestamp,
) -> Result<Authorized, ResourceRefusal> {
    if !answer.active {
        return Err(ResourceRefusal::Inactive);
    }
    let incomplete = ResourceRefusal::Incomplete;
    let said = answer.details.ok_or(incomplete.clone())?;
    let is_called = |known: &str| said.token_type.eq_ignore_ascii_case(known);
    let is_bound = is_called(DPOP);
    // A refresh token opens nothing.
    if !(is_bound || is_called(BEARER)) || said.exp.0 <= now {
        return Err(ResourceRefusal::Inactive);
    }
    // Bound to a key that nobody knows, it must not become one that whoever has it may use.
    if is_bound && said.cnf.is_none() {
        return Err(incomplete);
    }
    // Who was asked is known.
    let other = |iss: &String| iss != expected.issuer.as_str();
    if said.iss.as_ref().is_some_and(other) {
        return Err(ResourceRefusal::OtherIssuer);
    }
    if !said.aud.contains(expected.audience.as_str()) {
        return Err(ResourceRefusal::OtherAudience);
    }
    let scope = Scope::parse(said.scope.as_deref().unwrap_or_default());
    let scope = scope.map_err(|_| incomplete.clone())?;
    let subject = said.subject(&scope);
    let subject = subject.and_then(|sub| Subject::parse(sub).ok());
    let client_id = ClientId::parse(&said.client_id).ok();
    let (subject, client_id) = subject.zip(client_id).ok_or(incomplete)?;
    Ok(Authorized {
        subject,
        client_id,
        scope,
        details: said.authorization_details,
        expires_at: said.exp.0,
        auth_time: said.auth_time.map(|at| at.0),
        acr: said.acr,
        actor: said.act.map(|act| act.sub),
        bound_to: said.cnf.map(|cnf| cnf.jkt),
        claims: TokenClaims::default(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::authorize::tests::{issuer, resources};
    use crate::grant::tests::{NOW, after};

    /// What comes of an ordinary answer in which these members are others; null stands for none.
    fn check(changes: &Value, now: Timestamp) -> Result<Authorized, ResourceRefusal> {
        let mut answer = json!({
            "active": true,
            "iss": "http://localhost:4000",
            "sub": "u1",
            "aud": "http://localhost:5000",
            "client_id": "demo",
            "scope": "openid read",
            "jti": "at-1",
            "exp": after(300),
            "iat": NOW,
            "token_type": "Bearer",
        });
        let members = answer.as_object_mut().unwrap();
        for (name, value) in changes.as_object().unwrap() {
            // As much as nothing, whether it is said or not.
            let nothing = value.is_null() && name != "scope";
            if nothing {
                members.remove(name);
            } else {
                members.insert(name.clone(), value.clone());
            }
        }
        let expected = Expected {
            issuer: issuer(),
            audience: resources().default,
        };
        check_introspection(serde_json::from_value(answer).unwrap(), &expected, now)
    }

    #[test]
    fn an_active_access_token_for_this_resource_is_good() {
        let authorized = check(&json!({}), after(299)).unwrap();
        assert_eq!(authorized.subject.as_str(), "u1");
        assert_eq!(authorized.client_id.as_str(), "demo");
        assert_eq!(authorized.scope.to_string(), "openid read");
        assert_eq!(authorized.expires_at, after(300));
        let expired = check(&json!({}), after(300)).unwrap_err();
        assert_eq!(expired, ResourceRefusal::Inactive);
    }

    #[test]
    fn the_key_of_a_bound_token_is_told() {
        let jkt = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
        let bound = json!({ "token_type": "DPoP", "cnf": { "jkt": jkt } });
        let authorized = check(&bound, NOW).unwrap();
        assert_eq!(authorized.bound_to.unwrap().as_str(), jkt);
    }

    #[test]
    fn providers_leave_out_what_the_standard_lets_them_leave_out() {
        let sparse =
            json!({ "iss": null, "jti": null, "iat": null, "scope": null, "token_type": "bearer" });
        assert_eq!(check(&sparse, NOW).unwrap().scope.to_string(), "");
        let several = json!({ "aud": ["https://id.example/userinfo", "http://localhost:5000"] });
        check(&several, NOW).unwrap();
        // A client that acts for itself (RFC 9068 §2.2 has the same).
        let service = json!({ "sub": null, "scope": "read" });
        let authorized = check(&service, NOW).unwrap();
        assert_eq!(authorized.subject.as_str(), "demo");
    }

    #[test]
    fn a_time_may_have_a_fraction_and_an_end_may_be_far_off() {
        let fraction = json!({ "exp": 1_800_000_300.9, "auth_time": 1_799_999_990.0 });
        let authorized = check(&fraction, NOW).unwrap();
        assert_eq!(authorized.expires_at, after(300));
        let signed_in = Timestamp::from_seconds(1_799_999_990);
        assert_eq!(authorized.auth_time, Some(signed_in));
        for exp in [json!(i64::MAX), json!(u64::MAX), json!(1e300)] {
            let authorized = check(&json!({ "exp": exp }), NOW).unwrap();
            assert_eq!(authorized.expires_at, Timestamp::NEVER);
        }
        for exp in [json!(-1), json!(-1e300), json!(0.5)] {
            let refused = check(&json!({ "exp": exp }), NOW).unwrap_err();
            assert_eq!(refused, ResourceRefusal::Inactive, "{exp}");
        }
    }

    #[test]
    fn users_whom_the_provider_does_not_tell_apart_are_not_one_user_here() {
        for of_a_user in [
            json!({ "sub": null, "scope": "read", "username": "anna" }),
            json!({ "sub": null, "scope": "read", "auth_time": NOW }),
            json!({ "sub": null, "scope": "openid read" }),
        ] {
            let refused = check(&of_a_user, NOW).unwrap_err();
            assert_eq!(refused, ResourceRefusal::Incomplete, "{of_a_user}");
        }
        let named = json!({ "username": "anna", "auth_time": NOW });
        assert_eq!(check(&named, NOW).unwrap().subject.as_str(), "u1");
    }

    #[test]
    fn a_token_that_is_bound_to_a_key_nobody_knows_opens_nothing() {
        for token_type in ["DPoP", "dpop"] {
            let refused = check(&json!({ "token_type": token_type }), NOW).unwrap_err();
            assert_eq!(refused, ResourceRefusal::Incomplete);
        }
        // It is the key that binds it, whatever the provider calls it.
        let jkt = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
        let authorized = check(&json!({ "cnf": { "jkt": jkt } }), NOW).unwrap();
        assert_eq!(authorized.bound_to.unwrap().as_str(), jkt);
    }

    #[test]
    fn what_the_provider_calls_inactive_or_calls_something_else_is_refused() {
        let (inactive, incomplete, issuer, audience) = (
            ResourceRefusal::Inactive,
            ResourceRefusal::Incomplete,
            ResourceRefusal::OtherIssuer,
            ResourceRefusal::OtherAudience,
        );
        for (changes, refusal) in [
            (json!({ "active": false }), &inactive),
            // A refresh token opens nothing.
            (json!({ "token_type": "N_A" }), &inactive),
            (json!({ "token_type": "Refresh" }), &inactive),
            (json!({ "token_type": null }), &incomplete),
            (json!({ "sub": "" }), &incomplete),
            (json!({ "client_id": "" }), &incomplete),
            (json!({ "client_id": null }), &incomplete),
            (json!({ "exp": null }), &incomplete),
            (json!({ "exp": "1800000300" }), &incomplete),
            (json!({ "scope": "a\"b" }), &incomplete),
            (json!({ "scope": ["openid", "read"] }), &incomplete),
            (json!({ "act": { "client_id": "a" } }), &incomplete),
            // Bound to a certificate, which nobody here can see.
            (json!({ "cnf": { "x5t#S256": "a" } }), &incomplete),
            (json!({ "cnf": {} }), &incomplete),
            (json!({ "aud": null }), &incomplete),
            (json!({ "aud": ["http://localhost:5000", 1] }), &incomplete),
            (json!({ "iss": "http://localhost:4000/" }), &issuer),
            (json!({ "aud": "http://localhost:5000/" }), &audience),
            (json!({ "aud": ["https://other.example"] }), &audience),
            (json!({ "aud": [] }), &audience),
        ] {
            assert_eq!(check(&changes, NOW).unwrap_err(), *refusal, "{changes}");
        }
    }
}
