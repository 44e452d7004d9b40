//! `GET /api/user/profile` (scope `read`) and `POST /api/user/update` (scope `write`).

use gatepass_core::resource::Authorized;
use gatepass_edge::{EdgeError, clock, http};
use serde::Serialize;
use serde_json::Value;
use worker::{Request, Response};

use crate::store::{Profile, Store};

/// The longest display name, in characters.
const LONGEST_NAME: usize = 80;

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
    let display_name = match display_name(&body) {
        Ok(name) => name,
        Err(description) => {
            let field = "display_name";
            let error_description = format!("{field} {description}");
            let invalid = InvalidField {
                error: "invalid_request",
                error_description,
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

fn display_name(body: &str) -> Result<String, &'static str> {
    let Ok(Value::Object(fields)) = serde_json::from_str(body) else {
        return Err("is required, in a JSON object");
    };
    let name = match fields.get("display_name") {
        Some(Value::String(name)) => name.trim(),
        Some(_) => return Err("must be a string"),
        None => return Err("is required"),
    };
    if name.is_empty() {
        return Err("must not be empty");
    }
    if name.chars().count() > LONGEST_NAME {
        return Err("must be at most 80 characters");
    }
    if name.chars().any(char::is_control) {
        return Err("must not contain control characters");
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::display_name;

    #[test]
    fn a_display_name_is_a_short_line_of_text() {
        assert_eq!(
            display_name(r#"{"display_name":" Åse "}"#),
            Ok("Åse".to_owned())
        );
        for (body, description) in [
            ("", "is required, in a JSON object"),
            ("[]", "is required, in a JSON object"),
            ("{}", "is required"),
            (r#"{"display_name":1}"#, "must be a string"),
            (r#"{"display_name":"  "}"#, "must not be empty"),
            (
                r#"{"display_name":"a\u0000b"}"#,
                "must not contain control characters",
            ),
        ] {
            assert_eq!(display_name(body), Err(description), "{body}");
        }
        let body = format!(r#"{{"display_name":"{}"}}"#, "é".repeat(81));
        assert_eq!(display_name(&body), Err("must be at most 80 characters"));
    }
}
