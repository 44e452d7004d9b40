//! What a provider says of a token (RFC 7662 §2.2), and what a resource server makes of it.

use serde::Deserialize;

use super::{Authorized, Expected, ResourceRefusal, TokenClaims};
use crate::authorize::AuthorizationDetails;
use crate::dpop::Confirmation;
use crate::id::{ClientId, Subject};
use crate::introspect::Introspection;
use crate::jose::Audiences;
use crate::scope::Scope;
use crate::time::Timestamp;
use crate::token::access::{BEARER, DPOP};
use crate::token::actor::Actor;

/// What any provider may say of an active token. The standard requires nothing; here `aud`, `client_id`, `exp` and
/// `token_type` are needed: without them nobody knows for whom the token is, until when, or whether it is one for access.
#[derive(Clone, Debug, Deserialize)]
pub struct TokenInformation {
    iss: Option<String>,
    /// Some providers leave it out if a client acts for itself.
    sub: Option<String>,
    aud: Audiences,
    client_id: String,
    #[serde(default)]
    scope: String,
    exp: Timestamp,
    auth_time: Option<Timestamp>,
    acr: Option<String>,
    token_type: String,
    cnf: Option<Confirmation>,
    act: Option<Actor>,
    #[serde(default)]
    authorization_details: AuthorizationDetails,
}

/// Judges what the provider says of a token (RFC 7662 §2.2).
///
/// # Errors
///
/// [`ResourceRefusal::Inactive`], [`ResourceRefusal::OtherIssuer`] or
/// [`ResourceRefusal::OtherAudience`].
pub fn check_introspection(
    answer: Introspection<TokenInformation>,
    expected: &Expected,
    now: Timestamp,
) -> Result<Authorized, ResourceRefusal> {
    let said = answer
        .details
        .filter(|_| answer.active)
        .ok_or(ResourceRefusal::Inactive)?;
    // A refresh token opens nothing.
    let mut types = [BEARER, DPOP].iter();
    let is_access_token = types.any(|known| said.token_type.eq_ignore_ascii_case(known));
    if !is_access_token || said.exp <= now {
        return Err(ResourceRefusal::Inactive);
    }
    // Who was asked is known.
    if said.iss.is_some_and(|iss| iss != expected.issuer.as_str()) {
        return Err(ResourceRefusal::OtherIssuer);
    }
    if !said.aud.contains(expected.audience.as_str()) {
        return Err(ResourceRefusal::OtherAudience);
    }
    let subject = said.sub.as_deref().unwrap_or(&said.client_id);
    Ok(Authorized {
        subject: Subject::parse(subject).map_err(|_| ResourceRefusal::Inactive)?,
        client_id: ClientId::parse(&said.client_id).map_err(|_| ResourceRefusal::Inactive)?,
        scope: Scope::parse(&said.scope).map_err(|_| ResourceRefusal::Inactive)?,
        details: said.authorization_details,
        expires_at: said.exp,
        auth_time: said.auth_time,
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
            members.insert(name.clone(), value.clone());
        }
        members.retain(|_, value| !value.is_null());
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
        let authorized = check(&json!({ "sub": null }), NOW).unwrap();
        assert_eq!(authorized.subject.as_str(), "demo");
    }

    #[test]
    fn what_the_provider_calls_inactive_or_calls_something_else_is_refused() {
        let (inactive, issuer, audience) = (
            ResourceRefusal::Inactive,
            ResourceRefusal::OtherIssuer,
            ResourceRefusal::OtherAudience,
        );
        for (changes, refusal) in [
            (json!({ "active": false }), &inactive),
            // A refresh token opens nothing.
            (json!({ "token_type": null }), &inactive),
            (json!({ "token_type": "N_A" }), &inactive),
            (json!({ "sub": "" }), &inactive),
            (json!({ "client_id": "" }), &inactive),
            (json!({ "client_id": null }), &inactive),
            (json!({ "exp": null }), &inactive),
            (json!({ "scope": "a\"b" }), &inactive),
            // Bound to a certificate, which nobody here can see.
            (json!({ "cnf": { "x5t#S256": "a" } }), &inactive),
            (json!({ "aud": null }), &inactive),
            (json!({ "iss": "http://localhost:4000/" }), &issuer),
            (json!({ "aud": "http://localhost:5000/" }), &audience),
            (json!({ "aud": ["https://other.example"] }), &audience),
            (json!({ "aud": [] }), &audience),
        ] {
            assert_eq!(check(&changes, NOW).unwrap_err(), *refusal, "{changes}");
        }
    }
}
