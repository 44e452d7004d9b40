//! The `claims` parameter (OIDC Core §5.5): claims that a client asks for one by one.

use serde_json::Value;

use super::RefusalReason;
use crate::id::Subject;
use crate::jose::Claims;
use crate::json;
use crate::scope::Scope;
use crate::token::id::ACR;
use crate::userinfo::ClaimNames;

/// The longest parameter that is read, in bytes: it is carried along through the pages.
const LONGEST: usize = 2048;

/// What a request asks for, as far as this provider can tell anything about it: other claims are left
/// out, and `auth_time` and `acr` are in every ID token anyway.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RequestedClaims {
    /// The parameter, if there was one.
    pub parameter: Option<String>,
    /// What it wants to be told.
    pub names: ClaimNames,
    /// Who the user must be: one of these, if there are any (OIDC Core §5.5.1).
    pub subjects: Vec<Subject>,
}

impl RequestedClaims {
    /// Reads the parameter of a client that may have `scope`: what nothing there opens is left out.
    ///
    /// # Errors
    ///
    /// [`RefusalReason::Claims`], or [`RefusalReason::UnmetAuthentication`] if an `acr` is essential
    /// that no sign-in here has.
    pub fn parse(text: Option<&str>, scope: &Scope) -> Result<Self, RefusalReason> {
        let Some(text) = text else {
            return Ok(Self::default());
        };
        if text.len() > LONGEST {
            return Err(RefusalReason::Claims);
        }
        let whole = json::object(text.as_bytes()).map_err(|_| RefusalReason::Claims)?;
        let (id_token, userinfo) = (member(&whole, "id_token")?, member(&whole, "userinfo")?);
        let names = ClaimNames {
            id_token: names(id_token)?,
            userinfo: names(userinfo)?,
        };
        check_acr(id_token)?;
        let subjects = values(id_token, "sub").map(|value| {
            let subject = value.as_str().and_then(|text| Subject::parse(text).ok());
            subject.ok_or(RefusalReason::Claims)
        });
        Ok(Self {
            parameter: Some(text.to_owned()),
            names: names.within(scope),
            subjects: subjects.collect::<Result<_, _>>()?,
        })
    }

    /// Whether the user may be this one.
    pub fn allow(&self, subject: &Subject) -> bool {
        self.subjects.is_empty() || self.subjects.contains(subject)
    }
}

/// `id_token` or `userinfo`; absent is as good as null.
fn member<'a>(whole: &'a Claims, name: &str) -> Result<Option<&'a Claims>, RefusalReason> {
    match whole.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(claims)) => Ok(Some(claims)),
        Some(_) => Err(RefusalReason::Claims),
    }
}

/// What is asked for by name. Names of other claims, that may be any text, are left out by the way.
fn names(claims: Option<&Claims>) -> Result<Scope, RefusalReason> {
    let mut found = Scope::default();
    for (name, how) in claims.into_iter().flatten() {
        if !matches!(how, Value::Null | Value::Object(_)) {
            return Err(RefusalReason::Claims);
        }
        found = found.union(&Scope::parse(name).unwrap_or_default());
    }
    Ok(found)
}

/// The values that a claim must have one of: `value`, or `values` (OIDC Core §5.5.1).
fn values<'a>(claims: Option<&'a Claims>, name: &str) -> impl Iterator<Item = &'a Value> {
    let how = claims.and_then(|claims| claims.get(name));
    let one = how.and_then(|how| how.get("value"));
    let several = how.and_then(|how| how.get("values")?.as_array());
    one.into_iter().chain(several.into_iter().flatten())
}

/// Essential, it must be had or the sign-in has failed (OIDC Core §5.5.1.1).
fn check_acr(id_token: Option<&Claims>) -> Result<(), RefusalReason> {
    let how = id_token.and_then(|claims| claims.get("acr"));
    let is_essential = how.and_then(|how| how.get("essential")) == Some(&Value::Bool(true));
    let mut wanted = values(id_token, "acr").peekable();
    if !is_essential || wanted.peek().is_none() || wanted.any(|acr| acr == ACR) {
        Ok(())
    } else {
        Err(RefusalReason::UnmetAuthentication)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const EVERYTHING: &str = r#"{
        "id_token": {
            "name": {"essential": true}, "email": null, "sub": {"value": "u1"},
            "auth_time": {"essential": true}, "acr": {"values": ["gold"]}, "http://example/x": null
        },
        "userinfo": {"email": {"essential": false}, "email_verified": null, "name#de": null},
        "more": 1
    }"#;

    fn scope(text: &str) -> Scope {
        Scope::parse(text).unwrap()
    }

    fn parse(text: &str) -> Result<RequestedClaims, RefusalReason> {
        RequestedClaims::parse(Some(text), &scope("openid profile email"))
    }

    #[test]
    fn what_is_known_here_is_read_and_the_rest_left_out() {
        let read = parse(EVERYTHING).unwrap();
        assert_eq!(read.names.id_token, scope("email name"));
        assert_eq!(read.names.userinfo, scope("email email_verified"));
        assert_eq!(read.subjects, [Subject::parse("u1").unwrap()]);
        for nothing in [
            "{}",
            r#"{"id_token":null,"userinfo":{}}"#,
            r#"{"userinfo":{"nickname":null}}"#,
        ] {
            let read = parse(nothing).unwrap();
            assert_eq!(read.names, ClaimNames::default(), "{nothing}");
            assert!(read.subjects.is_empty(), "{nothing}");
        }
        let none = RequestedClaims::parse(None, &scope("openid"));
        assert_eq!(none, Ok(RequestedClaims::default()));
    }

    #[test]
    fn a_client_asks_for_no_more_than_it_may_have() {
        let read = RequestedClaims::parse(Some(EVERYTHING), &scope("openid email")).unwrap();
        assert_eq!(read.names.id_token, scope("email"));
        let none = RequestedClaims::parse(Some(EVERYTHING), &scope("openid")).unwrap();
        assert_eq!(none.names, ClaimNames::default());
        assert_eq!(none.subjects.len(), 1);
    }

    #[test]
    fn what_is_no_claims_request_is_refused() {
        for bad in [
            "",
            "x",
            "[]",
            "null",
            r#"{"id_token":[]}"#,
            r#"{"userinfo":"email"}"#,
            r#"{"userinfo":{"email":true}}"#,
            r#"{"userinfo":{"unknown":"x"}}"#,
            r#"{"id_token":{"sub":{"value":1}}}"#,
            r#"{"id_token":{"sub":{"values":["u1",null]}}}"#,
            r#"{"id_token":{"sub":{"value":""}}}"#,
            &format!("{{}}{}", " ".repeat(2047)),
        ] {
            assert_eq!(parse(bad), Err(RefusalReason::Claims), "{bad}");
        }
    }

    #[test]
    fn only_the_users_that_are_named_will_do() {
        let user = |id| Subject::parse(id).unwrap();
        let read = parse(r#"{"id_token":{"sub":{"values":["u1","u2"]}}}"#).unwrap();
        assert!(read.allow(&user("u1")) && read.allow(&user("u2")) && !read.allow(&user("u3")));
        assert!(RequestedClaims::default().allow(&user("u3")));
    }

    #[test]
    fn an_essential_acr_is_had_or_the_request_fails() {
        let acr = |how: &str| parse(&format!(r#"{{"id_token":{{"acr":{how}}}}}"#)).map(drop);
        for met in [
            "null".to_owned(),
            r#"{"essential":true}"#.to_owned(),
            r#"{"values":["gold"]}"#.to_owned(),
            format!(r#"{{"essential":true,"values":["gold","{ACR}"]}}"#),
            format!(r#"{{"essential":true,"value":"{ACR}"}}"#),
        ] {
            assert_eq!(acr(&met), Ok(()), "{met}");
        }
        for unmet in [
            r#"{"essential":true,"values":["gold"]}"#,
            r#"{"essential":true,"value":"gold"}"#,
        ] {
            assert_eq!(
                acr(unmet),
                Err(RefusalReason::UnmetAuthentication),
                "{unmet}"
            );
        }
        // Of userinfo nobody can ask how the user signed in.
        assert!(parse(r#"{"userinfo":{"acr":{"essential":true,"value":"gold"}}}"#).is_ok());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_fail_otherwise(text in ".{0,64}") {
            let read = parse(&text);
            prop_assert!(matches!(read, Ok(_) | Err(RefusalReason::Claims)));
        }
    }
}
