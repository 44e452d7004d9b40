//! The page token: one of the provider's own pages, on its way through the sign-in page.
//!
//! Like a state token it is signed, short-lived, and bound to the browser that began; only where it
//! leads is no client but a path of the provider.

use serde::{Deserialize, Serialize};

use crate::id::BrowserId;
use crate::jose::{self, Jwt, JwtError, SymmetricKey};
use crate::secret::{BrowserBinding, SecretHash, StateToken};
use crate::time::Timestamp;

/// The `typ` of a page token.
const TYPE: &str = "page+jwt";

/// The purpose that its key is derived for.
pub const KEY_PURPOSE: &str = "gatepass page token";

/// A page for which somebody has to sign in.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Page {
    /// Its path, with its query.
    pub path: String,
    /// What people want there: it stands after "to continue to".
    pub name: String,
}

#[derive(Deserialize, Serialize)]
struct Claims {
    #[serde(flatten)]
    page: Page,
    binding: String,
}

/// What a page token held.
#[derive(Debug)]
pub struct OpenedPage {
    /// Where it leads.
    pub page: Page,
    binding: SecretHash,
}

impl OpenedPage {
    /// The browser, if it is the one that began.
    pub fn browser(&self, binding: Option<&BrowserBinding>) -> Option<BrowserId> {
        let same = binding.filter(|binding| binding.hash().matches(self.binding))?;
        Some(same.browser())
    }
}

/// Seals a page for the browser that holds `binding`.
///
/// # Errors
///
/// [`JwtError::Unserializable`], which these claims do not cause.
pub fn seal(
    page: Page,
    binding: &BrowserBinding,
    key: &SymmetricKey,
    now: Timestamp,
) -> Result<StateToken, JwtError> {
    let binding = binding.hash().to_base64url();
    let jwt = Jwt {
        payload: Claims { page, binding },
        issued_at: now,
        expires_at: now.plus(super::state_token::LIFETIME),
    };
    jose::sign_hs256(TYPE, key, &jwt).map(StateToken::new)
}

/// Opens a page token; whose it is, [`OpenedPage::browser`] says.
///
/// # Errors
///
/// The [`JwtError`] that says what is wrong.
pub fn open(
    token: &StateToken,
    key: &SymmetricKey,
    now: Timestamp,
) -> Result<OpenedPage, JwtError> {
    let claims = jose::verify_hs256::<Claims>(TYPE, key, token.expose(), now)?.payload;
    Ok(OpenedPage {
        page: claims.page,
        binding: SecretHash::from_base64url(&claims.binding).ok_or(JwtError::Claims)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authorize::state_token;
    use crate::authorize::tests::request;
    use crate::grant::tests::{NOW, after};

    fn key(purpose: &str) -> SymmetricKey {
        SymmetricKey::derive(&[1; 32], purpose)
    }

    fn page() -> Page {
        Page {
            path: "/device?user_code=WDJB-MJHT".to_owned(),
            name: "a device".to_owned(),
        }
    }

    fn binding(byte: u8) -> BrowserBinding {
        BrowserBinding::from_random([byte; 32])
    }

    #[test]
    fn it_leads_to_its_page_in_the_browser_that_began_for_ten_minutes() {
        let token = seal(page(), &binding(1), &key(KEY_PURPOSE), NOW).unwrap();
        let opened = open(&token, &key(KEY_PURPOSE), after(599)).unwrap();
        assert_eq!(opened.page, page());
        assert_eq!(
            opened.browser(Some(&binding(1))),
            Some(binding(1).browser())
        );
        assert_eq!(opened.browser(Some(&binding(2))), None);
        assert_eq!(opened.browser(None), None);
        let late = open(&token, &key(KEY_PURPOSE), after(600));
        assert_eq!(late.unwrap_err(), JwtError::Expired);
    }

    #[test]
    fn a_state_token_is_none_and_a_forged_one_is_none() {
        let state = key(state_token::KEY_PURPOSE);
        let token = state_token::seal(&request(""), &binding(1), &state, NOW).unwrap();
        for key in [key(KEY_PURPOSE), state] {
            assert_eq!(open(&token, &key, NOW).unwrap_err(), JwtError::Type);
        }
        let token = seal(page(), &binding(1), &key("another purpose"), NOW).unwrap();
        let forged = open(&token, &key(KEY_PURPOSE), NOW);
        assert_eq!(forged.unwrap_err(), JwtError::Signature);
    }
}
