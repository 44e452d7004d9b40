//! Request objects (RFC 9101): an authorization request in a JWT that its client has signed. What stands
//! beside it counts for nothing.

use serde_json::Value;

use super::{AuthorizationRequest, RedirectRefusal, RefusalReason};
use crate::client::Client;
use crate::form::Form;
use crate::id::Issuer;
use crate::jose::{Claims, ParsedJwt};
use crate::time::{Lifetime, Timestamp};

/// The `typ` values that an object may have; it may also have none (RFC 9101 §10.8).
pub const JWT_TYPES: [&str; 2] = ["oauth-authz-req+jwt", "JWT"];

/// How long an object may be good for, and how far back that may begin: an hour, and a minute for clocks
/// that differ.
const LONGEST: Lifetime = Lifetime::from_minutes(61);

/// How far ahead of ours the client's clock may be.
const AHEAD: Lifetime = Lifetime::from_minutes(1);

/// What an object says of itself, and is no part of the request.
const OWN_CLAIMS: [&str; 6] = ["aud", "exp", "iat", "iss", "jti", "nbf"];

/// What is wrong with a request object.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the request object {0}")]
pub struct ObjectProblem(&'static str);

/// No JWT, or of another type.
pub const NOT_ONE: ObjectProblem = ObjectProblem("is not a JWT for this");

/// Unsigned, or not with a key and an algorithm that the client has registered: not told apart.
pub const NOT_SIGNED: ObjectProblem =
    ObjectProblem("is not signed with a key and the algorithm that the client has registered");

/// The object that a request comes in, if it does. One with a `request_uri` is refused for that.
pub fn of(form: &Form) -> Option<&str> {
    let object = form.optional("request");
    object.filter(|_| form.optional("request_uri").is_none())
}

/// Whether an object may be signed as this one claims to be, by this client.
pub fn may_be_signed_so(object: &ParsedJwt<'_>, client: &Client) -> bool {
    let settled = client.settings.request_object_signing_alg;
    settled.is_none() || settled == object.algorithm()
}

/// The request in an object whose signature was checked with its client's own key.
///
/// # Errors
///
/// The [`ObjectProblem`] that says what is wrong.
pub fn read(
    claims: &Claims,
    client: &Client,
    issuer: &Issuer,
    now: Timestamp,
) -> Result<Form, ObjectProblem> {
    let text = |name| claims.get(name).and_then(Value::as_str);
    let is_client = |name| text(name) == Some(client.id.as_str());
    if !is_client("iss") || !is_client("client_id") {
        return Err(ObjectProblem("must have the client as iss and client_id"));
    }
    // RFC 9101 §10.8: such a JWT could pass for what the client proves itself with.
    if is_client("sub") {
        return Err(ObjectProblem("must not have the client as sub"));
    }
    let is_ours = |audience: &Value| audience.as_str() == Some(issuer.as_str());
    let is_for_us = |audience: &Value| match audience {
        Value::Array(several) => several.iter().any(is_ours),
        one => is_ours(one),
    };
    if !claims.get("aud").is_some_and(is_for_us) {
        return Err(ObjectProblem("must have the issuer as aud"));
    }
    check_time(claims, now)?;
    parameters(claims)
}

fn check_time(claims: &Claims, now: Timestamp) -> Result<(), ObjectProblem> {
    let time = |name| match claims.get(name) {
        None => Ok(None),
        Some(value) => value
            .as_i64()
            .map(Timestamp::from_seconds)
            .map(Some)
            .ok_or(ObjectProblem("must have its times in seconds")),
    };
    let (expires_at, begins_at) = (time("exp")?, time("nbf")?);
    if !expires_at.is_some_and(|end| end > now && end <= now.plus(LONGEST)) {
        return Err(ObjectProblem("must end, and within an hour"));
    }
    let begun = |at: Timestamp| at <= now.plus(AHEAD) && at.plus(LONGEST) > now;
    if !begins_at.is_none_or(begun) {
        return Err(ObjectProblem("must have begun, and within the hour"));
    }
    Ok(())
}

/// RFC 9101 §4: a parameter is a claim of its name. One that takes several values, or JSON, is an array or
/// an object.
fn parameters(claims: &Claims) -> Result<Form, ObjectProblem> {
    let mut form = Form::default();
    for (name, value) in claims {
        match (name.as_str(), value) {
            ("request" | "request_uri", _) => {
                return Err(ObjectProblem("must not have another request in it"));
            }
            (name, _) if OWN_CLAIMS.contains(&name) => {}
            ("resource", Value::Array(several)) => {
                for one in several {
                    form = form.with(name, one.as_str().unwrap_or_default());
                }
            }
            (_, Value::String(text)) => form = form.with(name, text),
            (_, value) => form = form.with(name, &value.to_string()),
        }
    }
    Ok(form)
}

/// Refuses a request that came in no object, if its client must sign (RFC 9101 §10.5).
///
/// # Errors
///
/// [`RefusalReason::NotSigned`], for the client.
pub fn check_need_not_be_signed(
    request: &AuthorizationRequest,
    client: &Client,
) -> Result<(), RedirectRefusal> {
    if client.settings.require_signed_request_object {
        return Err(request.refused(RefusalReason::NotSigned));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authorize::tests::{issuer, request};
    use crate::client::ClientSettings;
    use crate::client::tests::public;
    use crate::grant::tests::{NOW, after};
    use crate::jose::SigningAlgorithm;
    use serde_json::json;

    /// A good object with these members in the place of its own; null takes one away.
    fn claims(changes: &Value) -> Claims {
        let mut good = json!({
            "iss": "demo", "client_id": "demo", "aud": "http://localhost:4000",
            "exp": after(300).seconds(), "iat": NOW.seconds(), "nbf": NOW.seconds(), "jti": "j",
            "response_type": "code", "state": "s",
        });
        for (name, value) in changes.as_object().unwrap() {
            good[name] = value.clone();
        }
        let Value::Object(mut members) = good else {
            panic!("not an object")
        };
        members.retain(|_, value| !value.is_null());
        members
    }

    fn problem(changes: &Value) -> Option<&'static str> {
        let read = read(&claims(changes), &public(), &issuer(), NOW);
        read.err().map(|problem| problem.0)
    }

    #[test]
    fn an_object_is_by_its_client_for_this_provider_and_for_now() {
        for good in [
            json!({}),
            json!({ "aud": ["https://other.example", "http://localhost:4000"] }),
            json!({ "nbf": null, "iat": null, "jti": null }),
            json!({ "nbf": after(59).seconds(), "exp": after(3_660).seconds() }),
            json!({ "sub": "somebody" }),
        ] {
            assert_eq!(problem(&good), None, "{good}");
        }
        for bad in [
            json!({ "iss": "other" }),
            json!({ "iss": null }),
            json!({ "client_id": "other" }),
            json!({ "client_id": null }),
            json!({ "client_id": ["demo"] }),
            json!({ "sub": "demo" }),
            json!({ "aud": "https://other.example" }),
            json!({ "aud": [] }),
            json!({ "aud": null }),
            json!({ "exp": null }),
            json!({ "exp": NOW.seconds() }),
            json!({ "exp": after(3_661).seconds() }),
            json!({ "exp": "soon" }),
            json!({ "nbf": after(61).seconds() }),
            json!({ "nbf": NOW.seconds() - 3_660 }),
            json!({ "nbf": i64::MIN }),
            json!({ "nbf": 1.5 }),
            json!({ "request": "a.b.c" }),
            json!({ "request_uri": "urn:x" }),
        ] {
            assert!(problem(&bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn its_members_are_the_parameters_and_nothing_else_is() {
        let said = json!({
            "resource": ["https://a", "https://b"], "max_age": 60,
            "claims": { "id_token": { "name": null } }, "authorization_details": [{ "type": "t" }],
        });
        let form = read(&claims(&said), &public(), &issuer(), NOW).unwrap();
        let all: Vec<_> = form.all("resource").collect();
        assert_eq!(all, ["https://a", "https://b"]);
        for (name, value) in [
            ("response_type", "code"),
            ("client_id", "demo"),
            ("state", "s"),
            ("max_age", "60"),
            ("claims", r#"{"id_token":{"name":null}}"#),
            ("authorization_details", r#"[{"type":"t"}]"#),
        ] {
            assert_eq!(form.optional(name), Some(value));
        }
        for own in OWN_CLAIMS {
            assert_eq!(form.optional(own), None, "{own}");
        }
    }

    #[test]
    fn a_reference_beside_an_object_is_refused_as_what_it_is() {
        let form = |text| Form::parse(text).unwrap();
        assert_eq!(of(&form("request=a.b.c&state=x")), Some("a.b.c"));
        assert_eq!(of(&form("request=a.b.c&request_uri=urn%3Ax")), None);
        assert_eq!(of(&form("request=")), None);
    }

    #[test]
    fn a_client_may_settle_its_algorithm_and_that_it_signs() {
        // {"alg":"ES256"}
        let object = ParsedJwt::parse_any(&JWT_TYPES, "eyJhbGciOiJFUzI1NiJ9.e30.AAAA").unwrap();
        let settled = |request_object_signing_alg, require_signed_request_object| Client {
            settings: ClientSettings {
                request_object_signing_alg,
                require_signed_request_object,
                ..ClientSettings::default()
            },
            ..public()
        };
        for (algorithm, may) in [
            (None, true),
            (Some(SigningAlgorithm::ES256), true),
            (Some(SigningAlgorithm::RS256), false),
        ] {
            assert_eq!(may_be_signed_so(&object, &settled(algorithm, true)), may);
        }
        assert!(check_need_not_be_signed(&request(""), &public()).is_ok());
        let refusal = check_need_not_be_signed(&request(""), &settled(None, true)).unwrap_err();
        assert_eq!(refusal.reason.code().as_str(), "invalid_request");
    }
}
