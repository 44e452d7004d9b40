//! What a resource needs of a token, besides that it is good.

use super::{Authorized, ResourceRefusal};
use crate::time::{Lifetime, Timestamp};

/// What a request needs of its token.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Requirement {
    /// A scope.
    pub scope: Option<&'static str>,
    /// How the user must have signed in.
    pub sign_in: SignIn,
}

/// How a user must have signed in (RFC 9470 §3). A token that does not say how does not do.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SignIn {
    /// How long ago the user may have proved who they are.
    pub max_age: Option<Lifetime>,
    /// How surely: one of these values of `acr`, which spaces separate.
    pub acr_values: Option<String>,
}

impl From<&'static str> for Requirement {
    fn from(scope: &'static str) -> Self {
        Some(scope).into()
    }
}

impl From<Option<&'static str>> for Requirement {
    fn from(scope: Option<&'static str>) -> Self {
        let sign_in = SignIn::default();
        Self { scope, sign_in }
    }
}

impl Requirement {
    /// The same, of a user who has proved who they are no longer ago than that.
    #[must_use]
    pub fn with_max_age(mut self, max_age: Lifetime) -> Self {
        self.sign_in.max_age = Some(max_age);
        self
    }

    /// The same, of a user who has signed in by one of these values of `acr`, which spaces separate.
    #[must_use]
    pub fn with_acr_values(mut self, acr_values: impl Into<String>) -> Self {
        self.sign_in.acr_values = Some(acr_values.into());
        self
    }

    /// Demands it.
    ///
    /// # Errors
    ///
    /// [`ResourceRefusal::MissingScope`], [`ResourceRefusal::OtherSignIn`] or [`ResourceRefusal::SignInTooOld`].
    pub fn check(&self, authorized: &Authorized, now: Timestamp) -> Result<(), ResourceRefusal> {
        if let Some(scope) = self.scope.filter(|scope| !authorized.scope.contains(scope)) {
            return Err(ResourceRefusal::MissingScope(scope));
        }
        let SignIn {
            max_age,
            acr_values,
        } = &self.sign_in;
        let acr = authorized.acr.as_deref();
        let is_one = |values: &String| values.split(' ').any(|value| acr == Some(value));
        if !acr_values.as_ref().is_none_or(is_one) {
            return Err(ResourceRefusal::OtherSignIn(self.sign_in.clone()));
        }
        // As `max_age` of an authorization request counts (OIDC Core §3.1.2.1): to the second.
        let at = authorized.auth_time;
        let is_recent = |max_age| at.is_some_and(|at| at.plus(max_age) >= now);
        if !max_age.is_none_or(is_recent) {
            return Err(ResourceRefusal::SignInTooOld(self.sign_in.clone()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grant::tests::after;
    use crate::resource::tests::{authorized, signed_in_at};
    use crate::token::id::ACR;

    #[test]
    fn a_scope_is_demanded_by_its_whole_name() {
        let check = |scope| Requirement::from(scope).check(&authorized(), after(0));
        assert_eq!(check("read"), Ok(()));
        for missing in ["write", "rea", ""] {
            assert_eq!(check(missing), Err(ResourceRefusal::MissingScope(missing)));
        }
        assert_eq!(
            Requirement::default().check(&authorized(), after(0)),
            Ok(())
        );
    }

    #[test]
    fn a_sign_in_may_be_as_old_as_is_asked_and_no_older() {
        let minute = Lifetime::from_seconds(60);
        let recent = Requirement::from("read").with_max_age(minute);
        let refused = Err(ResourceRefusal::SignInTooOld(recent.sign_in.clone()));
        assert_eq!(
            recent.check(&signed_in_at(Some(after(0))), after(60)),
            Ok(())
        );
        assert_eq!(
            recent.check(&signed_in_at(Some(after(0))), after(61)),
            refused
        );
        assert_eq!(recent.check(&signed_in_at(None), after(0)), refused);
        let write = Requirement::from("write").with_max_age(minute);
        let first = write.check(&signed_in_at(None), after(0));
        assert_eq!(first, Err(ResourceRefusal::MissingScope("write")));
    }

    #[test]
    fn a_sign_in_is_as_sure_as_one_of_the_values_that_are_asked_for() {
        let needs = |values: &str| Requirement::from("read").with_acr_values(values);
        let both = format!("urn:example:gold {ACR}");
        for values in [ACR, &both] {
            assert_eq!(needs(values).check(&authorized(), after(0)), Ok(()));
        }
        let of_a_service = Authorized {
            acr: None,
            ..authorized()
        };
        for (values, of) in [
            ("urn:example:gold", authorized()),
            ("urn", authorized()),
            ("", authorized()),
            (ACR, of_a_service.clone()),
            ("", of_a_service),
        ] {
            let needs = needs(values).with_max_age(Lifetime::UNLIMITED);
            let refused = Err(ResourceRefusal::OtherSignIn(needs.sign_in.clone()));
            assert_eq!(needs.check(&of, after(0)), refused, "{values}");
        }
    }
}
