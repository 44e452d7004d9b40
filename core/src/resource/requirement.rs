//! What a resource needs of a token, besides that it is good.

use super::{Authorized, ResourceRefusal};
use crate::time::{Lifetime, Timestamp};

/// What a request needs of its token.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Requirement {
    /// A scope.
    pub scope: Option<&'static str>,
    /// How long ago the user may have proved who they are (RFC 9470 §4). A token that does not say when
    /// that was does not do.
    pub max_age: Option<Lifetime>,
}

impl From<Option<&'static str>> for Requirement {
    fn from(scope: Option<&'static str>) -> Self {
        let max_age = None;
        Self { scope, max_age }
    }
}

impl Requirement {
    /// The same, of a user who has proved who they are no longer ago than that.
    #[must_use]
    pub const fn with_max_age(self, max_age: Lifetime) -> Self {
        Self {
            max_age: Some(max_age),
            ..self
        }
    }

    /// Demands it.
    ///
    /// # Errors
    ///
    /// [`ResourceRefusal::MissingScope`] or [`ResourceRefusal::SignInTooOld`].
    pub fn check(self, authorized: &Authorized, now: Timestamp) -> Result<(), ResourceRefusal> {
        if let Some(scope) = self.scope.filter(|scope| !authorized.scope.contains(scope)) {
            return Err(ResourceRefusal::MissingScope(scope));
        }
        let Some(max_age) = self.max_age else {
            return Ok(());
        };
        // As `max_age` of an authorization request counts (OIDC Core §3.1.2.1): to the second.
        let is_recent = |at: Timestamp| at.plus(max_age) >= now;
        if authorized.auth_time.is_some_and(is_recent) {
            Ok(())
        } else {
            Err(ResourceRefusal::SignInTooOld(max_age))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grant::tests::after;
    use crate::resource::tests::{authorized, signed_in_at};

    #[test]
    fn a_scope_is_demanded_by_its_whole_name() {
        let check = |scope| Requirement::from(Some(scope)).check(&authorized(), after(0));
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
        let recent = Requirement::from(Some("read")).with_max_age(minute);
        let refused = Err(ResourceRefusal::SignInTooOld(minute));
        assert_eq!(
            recent.check(&signed_in_at(Some(after(0))), after(60)),
            Ok(())
        );
        assert_eq!(
            recent.check(&signed_in_at(Some(after(0))), after(61)),
            refused
        );
        assert_eq!(recent.check(&signed_in_at(None), after(0)), refused);
        let write = Requirement::from(Some("write")).with_max_age(minute);
        let first = write.check(&signed_in_at(None), after(0));
        assert_eq!(first, Err(ResourceRefusal::MissingScope("write")));
    }
}
