//! Consent: what a user lets a client do, remembered scope by scope (OIDC Core §3.1.2.4).

use super::{AuthorizationDetails, AuthorizationRequest, SignIn};
use crate::form::Form;
use crate::scope::Scope;
use crate::userinfo::ClaimNames;

/// The scope that every OpenID Connect request has, and that cannot be declined by itself: it says no
/// more than that the user is the one who came before.
const OPENID: &str = "openid";

/// The scope that asks for access while the user is away (OIDC Core §11).
const OFFLINE_ACCESS: &str = "offline_access";

/// What a user has answered about one client so far.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Consent {
    /// What it may do.
    pub allowed: Scope,
    /// What it may not do, although it asked.
    pub declined: Scope,
    /// What it may do in detail (RFC 9396): what was asked for the last time.
    pub details: AuthorizationDetails,
}

impl Consent {
    /// How much of `requested` it allows; `None` if the user has not been asked about all of it, or
    /// allows none of it, and has to be asked.
    pub fn covers(&self, requested: &Scope) -> Option<Scope> {
        let answered = self.allowed.union(&self.declined);
        let allowed = requested.intersection(&self.allowed);
        let is_enough = requested.is_empty() || !allowed.is_empty();
        (is_enough && requested.is_subset_of(&answered)).then_some(allowed)
    }

    /// What stands after a later answer.
    #[must_use]
    pub fn then(&self, later: &Self) -> Self {
        Self {
            allowed: self
                .allowed
                .difference(&later.declined)
                .union(&later.allowed),
            declined: self
                .declined
                .difference(&later.allowed)
                .union(&later.declined),
            // Not all there ever were: details may be of one payment each, and there is no end to them.
            details: if later.details.is_empty() {
                self.details.clone()
            } else {
                later.details.clone()
            },
        }
    }
}

/// What the user answered on the consent page.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer {
    /// Some of what was asked for, or all of it.
    Allow(Consent),
    /// Nothing, this time.
    Deny,
}

/// Why the user is asked once more.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NoAnswer {
    /// Neither yes nor no.
    #[error("Choose Allow or Deny.")]
    Undecided,
    /// Yes to nothing.
    #[error("Choose at least one of these, or Deny.")]
    Nothing,
}

impl Answer {
    /// Reads the form of the consent page: `decision`, and a `scope:…` for each scope that is allowed.
    ///
    /// # Errors
    ///
    /// The [`NoAnswer`] to tell the user.
    pub fn parse(form: &Form, requested: &Scope) -> Result<Self, NoAnswer> {
        match form.optional("decision") {
            Some("deny") => return Ok(Self::Deny),
            Some("allow") => {}
            _ => return Err(NoAnswer::Undecided),
        }
        let allowed = Self::ticked(form, requested);
        if allowed.is_empty() && !requested.is_empty() {
            return Err(NoAnswer::Nothing);
        }
        let declined = requested.difference(&allowed);
        Ok(Self::Allow(Consent {
            allowed,
            declined,
            ..Consent::default()
        }))
    }

    /// What is ticked in the form.
    pub fn ticked(form: &Form, requested: &Scope) -> Scope {
        requested.filter(|token| is_fixed(token) || form.optional(&field(token)).is_some())
    }
}

/// The name of the field in which a scope is allowed.
pub fn field(token: &str) -> String {
    format!("scope:{token}")
}

/// Whether a scope cannot be declined by itself.
pub fn is_fixed(token: &str) -> bool {
    token == OPENID
}

/// What scopes mean, to somebody who has never heard of scopes, in the order of a page.
const WORDS: [(&str, &str); 8] = [
    (OPENID, "Recognize you when you come back"),
    ("profile", "See your name and your profile"),
    ("email", "See your e-mail address"),
    ("phone", "See your phone number"),
    ("address", "See your postal address"),
    ("read", "Read your data"),
    ("write", "Change your data"),
    (OFFLINE_ACCESS, "Stay signed in while you are away"),
];

/// What a scope means; `None` if only its name is known.
pub fn describe(token: &str) -> Option<&'static str> {
    let known = WORDS.iter().find(|(known, _)| *known == token);
    known.map(|(_, words)| *words)
}

/// The scopes as a page lists them: what is known best first, what nobody can explain last.
pub fn in_order(scope: &Scope) -> Vec<&str> {
    let known = WORDS.iter().map(|(token, _)| *token);
    let known = known.filter(|token| scope.contains(token));
    let others = scope.iter().filter(|token| describe(token).is_none());
    known.chain(others).collect()
}

/// A user who is signed in and lets the client do this much: what a code is issued for. Nothing but
/// [`decide`](super::decide) and an answer on the consent page makes one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Permission {
    sign_in: SignIn,
    scope: Scope,
    claims: ClaimNames,
    declines_offline_access: bool,
}

impl Permission {
    /// Of a client that the user need not be asked about.
    pub(crate) fn unasked(sign_in: SignIn, request: &AuthorizationRequest) -> Self {
        Self {
            sign_in,
            scope: request.scope.clone(),
            claims: request.claims.names.clone(),
            declines_offline_access: false,
        }
    }

    /// By what the user has answered about everything that `request` asks for, now or before.
    pub(super) fn by(sign_in: SignIn, consent: &Consent, request: &AuthorizationRequest) -> Self {
        Self {
            sign_in,
            scope: request.scope.intersection(&consent.allowed),
            claims: request.claims.names.within(&consent.allowed),
            declines_offline_access: consent.declined.contains(OFFLINE_ACCESS),
        }
    }

    /// Who lets the client, and where.
    pub fn sign_in(&self) -> &SignIn {
        &self.sign_in
    }

    /// How much the client may.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// What the client is told of the user by name.
    pub fn claims(&self) -> &ClaimNames {
        &self.claims
    }

    /// Whether the user was asked for access while away and declined.
    pub fn declines_offline_access(&self) -> bool {
        self.declines_offline_access
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scope(text: &str) -> Scope {
        Scope::parse(text).unwrap()
    }

    fn consent(allowed: &str, declined: &str) -> Consent {
        Consent {
            allowed: scope(allowed),
            declined: scope(declined),
            ..Consent::default()
        }
    }

    fn answer(form: &str, requested: &str) -> Result<Answer, NoAnswer> {
        Answer::parse(&Form::parse(form).unwrap(), &scope(requested))
    }

    #[test]
    fn a_user_is_asked_about_what_is_new_and_not_about_what_they_declined() {
        let given = consent("openid read", "email");
        for (requested, covered) in [
            ("openid read", "openid read"),
            ("openid email", "openid"),
            ("read", "read"),
            ("", ""),
        ] {
            assert_eq!(given.covers(&scope(requested)), Some(scope(covered)));
        }
        for requested in ["openid write", "openid read email write", "email"] {
            assert_eq!(given.covers(&scope(requested)), None, "{requested}");
        }
        assert_eq!(Consent::default().covers(&scope("openid")), None);
    }

    #[test]
    fn what_is_not_ticked_is_declined_and_openid_cannot_be() {
        let all = answer(
            "decision=allow&scope%3Aread=1&scope%3Aemail=1",
            "openid read email",
        );
        assert_eq!(all, Ok(Answer::Allow(consent("openid read email", ""))));
        let some = answer("decision=allow&scope%3Aread=1", "openid read email");
        assert_eq!(some, Ok(Answer::Allow(consent("openid read", "email"))));
        let least = answer("decision=allow", "openid read");
        assert_eq!(least, Ok(Answer::Allow(consent("openid", "read"))));
        let nothing_asked = answer("decision=allow", "");
        assert_eq!(nothing_asked, Ok(Answer::Allow(Consent::default())));
    }

    #[test]
    fn a_form_allows_no_more_than_was_asked_for() {
        let more = answer("decision=allow&scope%3Aread=1&scope%3Awrite=1", "read");
        assert_eq!(more, Ok(Answer::Allow(consent("read", ""))));
        // Nor openid, if nobody asked for it.
        let openid = answer("decision=allow&scope%3Aopenid=1", "read");
        assert_eq!(openid, Err(NoAnswer::Nothing));
    }

    #[test]
    fn only_a_clear_answer_is_one() {
        assert_eq!(
            answer("decision=deny&scope%3Aread=1", "read"),
            Ok(Answer::Deny)
        );
        for form in ["", "decision=", "decision=yes", "scope%3Aread=1"] {
            assert_eq!(answer(form, "read"), Err(NoAnswer::Undecided), "{form}");
        }
        assert_eq!(answer("decision=allow", "read"), Err(NoAnswer::Nothing));
    }

    #[test]
    fn a_page_lists_every_scope_once_and_standard_ones_have_words() {
        let all = scope("a.b openid profile email phone address read write offline_access z");
        let listed = in_order(&all);
        assert_eq!(listed.len(), all.iter().count());
        assert_eq!(scope(&listed.join(" ")), all);
        assert_eq!(listed.first(), Some(&"openid"));
        assert_eq!(listed.last(), Some(&"z"));
        let unknown: Vec<_> = listed.iter().filter(|t| describe(t).is_none()).collect();
        assert_eq!(unknown, [&"a.b", &"z"]);
    }

    fn any_scope() -> impl Strategy<Value = Scope> {
        proptest::collection::vec("[a-d]", 0..4).prop_map(|tokens| scope(&tokens.join(" ")))
    }

    proptest! {
        #[test]
        fn the_latest_answer_counts_and_the_others_stay(
            before in any_scope(), declined in any_scope(), asked in any_scope(), ticked in any_scope(),
        ) {
            let earlier = Consent {
                declined: declined.difference(&before), allowed: before, ..Consent::default()
            };
            let allowed = asked.intersection(&ticked);
            let later = Consent {
                declined: asked.difference(&allowed), allowed: allowed.clone(), ..Consent::default()
            };
            let both = earlier.then(&later);
            prop_assert!(both.allowed.intersection(&both.declined).is_empty());
            prop_assert_eq!(both.allowed.intersection(&asked), allowed);
            prop_assert_eq!(both.allowed.difference(&asked), earlier.allowed.difference(&asked));
            let everything = asked.union(&earlier.allowed).union(&earlier.declined);
            prop_assert_eq!(both.allowed.union(&both.declined), everything);
        }

        #[test]
        fn a_consent_covers_nothing_that_was_not_allowed(
            allowed in any_scope(), declined in any_scope(), requested in any_scope(),
        ) {
            let given = Consent {
                declined: declined.difference(&allowed), allowed, ..Consent::default()
            };
            if let Some(covered) = given.covers(&requested) {
                prop_assert!(covered.is_subset_of(&given.allowed));
                prop_assert!(covered.is_subset_of(&requested));
                prop_assert!(requested.is_subset_of(&given.allowed.union(&given.declined)));
            }
        }
    }
}
