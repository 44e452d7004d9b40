//! `GET /api/user/profile` (scope `read`) and `POST /api/user/update` (scope `write`).

use gatepass_core::resource::Authorized;
use gatepass_edge::{EdgeError, clock, http};
use serde::Serialize;
use worker::{Request, Response};

use super::display_name::DisplayName;
use crate::store::{Profile, Store};

/// A field of the body is not as it must be.
#[derive(Debug, Serialize)]
struct InvalidField {
    error: &'static str,
    error_description: String,
    field: &'static str,
}

/// The profile; of a user who has saved none, an empty one.
pub async fn show(user: &Authorized, store: &Store) -> Result<Response, EdgeError> {
    let profile = store.profile(&user.subject).await?;
    http::json(&profile.unwrap_or_else(|| Profile {
        subject: user.subject.to_string(),
        display_name: String::new(),
        updated_at: 0,
    }))
}

/// Saves `{"display_name": …}`.
pub async fn update(
    request: &mut Request,
    user: &Authorized,
    store: &Store,
) -> Result<Response, EdgeError> {
    let body = match http::body(request, http::JSON).await? {
        Ok(body) => body,
        Err(refusal) => return refusal.response(),
    };
    let display_name = match DisplayName::read(&body) {
        Ok(name) => name.into_string(),
        Err(refusal) => {
            let field = "display_name";
            let invalid = InvalidField {
                error: "invalid_request",
                error_description: format!("{field} {}", refusal.description()),
                field,
            };
            return Ok(http::json(&invalid)?.with_status(400));
        }
    };
    let profile = Profile {
        subject: user.subject.to_string(),
        display_name,
        updated_at: clock::now().seconds(),
    };
    store.save_profile(&profile).await?;
    http::json(&profile)
}
