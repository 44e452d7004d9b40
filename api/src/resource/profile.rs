//! `GET /api/user/profile` (scope `read`); `PUT /api/user/profile` and `POST /api/user/update` (scope `write`).

use gatepass_core::resource::Authorized;
use gatepass_edge::{EdgeError, clock, http};
use worker::{Request, Response};

use super::display_name::DisplayName;
use super::invalid::{invalid, refuse};
use super::precondition::{Precondition, etag};
use crate::store::{Profile, Store};

/// The profile; of a user who has saved none, an empty one.
pub async fn show(user: &Authorized, store: &Store) -> Result<Response, EdgeError> {
    let profile = store.profile(&user.subject).await?;
    tagged(&profile.unwrap_or_else(|| Profile::empty(&user.subject)))
}

/// Saves `{"display_name": …}` in the place of the version that the client has seen, which it must name.
pub async fn replace(
    request: &mut Request,
    user: &Authorized,
    store: &Store,
) -> Result<Response, EdgeError> {
    let header = http::header(request, "If-Match");
    if Precondition::read(header.as_deref()) == Precondition::None {
        let why = "say with If-Match which version is to be replaced: the ETag that you have read";
        return refuse(428, "If-Match", why);
    }
    update(request, user, store).await
}

/// Saves `{"display_name": …}`; with `If-Match`, only in the place of that version. The same request
/// again, whose answer was lost, is answered as the first was.
pub async fn update(
    request: &mut Request,
    user: &Authorized,
    store: &Store,
) -> Result<Response, EdgeError> {
    let header = http::header(request, "If-Match");
    let body = match http::body(request, http::JSON).await? {
        Ok(body) => body,
        Err(refusal) => return refusal.response(),
    };
    let display_name = match DisplayName::read(&body) {
        Ok(name) => name.into_string(),
        Err(refusal) => return invalid("display_name", refusal.description()),
    };
    let expected = match Precondition::read(header.as_deref()) {
        Precondition::None | Precondition::Any => None,
        Precondition::Version(version) => Some(version),
        Precondition::Never => return overtaken(store.profile(&user.subject).await?.as_ref()),
    };
    let profile = Profile {
        display_name,
        updated_at: clock::now().seconds(),
        ..Profile::empty(&user.subject)
    };
    let (is_saved, found) = store.save_profile(&profile, expected).await?;
    match found {
        Some(found) if is_saved || found.is_already(&profile, expected) => tagged(&found),
        found => overtaken(found.as_ref()),
    }
}

fn tagged(profile: &Profile) -> Result<Response, EdgeError> {
    let response = http::json(profile)?;
    response.headers().set("ETag", &etag(profile.version))?;
    Ok(response)
}

/// Somebody else was faster; the tag of what is there comes with the refusal.
fn overtaken(found: Option<&Profile>) -> Result<Response, EdgeError> {
    let why = "the profile is another version than If-Match names: read it again";
    let response = refuse(412, "If-Match", why)?;
    let version = found.map_or(0, |profile| profile.version);
    response.headers().set("ETag", &etag(version))?;
    Ok(response)
}
