//! What a token request wants of what was granted: everything, or less (RFC 6749 §6, RFC 9396 §6).

use super::Grant;
use crate::authorize::AuthorizationDetails;
use crate::scope::Scope;

/// Less than was granted, for one access token.
#[derive(Debug, Default)]
pub struct Wish {
    /// `scope`.
    pub scope: Option<Scope>,
    /// `authorization_details`.
    pub details: Option<AuthorizationDetails>,
}

/// What an access token allows of what its grant allows.
#[derive(Clone, Copy, Debug)]
pub struct Allowed<'a> {
    /// Its scope.
    pub scope: &'a Scope,
    /// Its details.
    pub details: &'a AuthorizationDetails,
}

impl Wish {
    /// Whether it is for everything.
    pub fn is_for_everything(&self) -> bool {
        self.scope.is_none() && self.details.is_none()
    }

    /// Whether it is for more details than `grant` has.
    pub(super) fn exceeds_details(&self, granted: &AuthorizationDetails) -> bool {
        let details = self.details.as_ref();
        details.is_some_and(|details| !details.are_within(granted))
    }

    /// What it comes to under `grant`, once it was checked not to exceed that.
    pub fn under<'a>(&'a self, grant: &'a Grant) -> Allowed<'a> {
        let granted = Allowed::all(grant);
        Allowed {
            scope: self.scope.as_ref().unwrap_or(granted.scope),
            details: self.details.as_ref().unwrap_or(granted.details),
        }
    }
}

impl<'a> Allowed<'a> {
    /// Everything that was granted.
    pub fn all(grant: &'a Grant) -> Self {
        Self {
            scope: &grant.scope,
            details: &grant.details.authorization_details,
        }
    }
}
