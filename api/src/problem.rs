//! Refusals as problem details (RFC 9457), with the members of RFC 6749 §5.2 beside them.

use gatepass_edge::EdgeError;
use serde_json::{Map, Value};
use worker::{Response, ResponseBody};

/// The content type of problem details.
const PROBLEM: &str = "application/problem+json";

/// The same answer as problem details, if it is a refusal in JSON.
///
/// # Errors
///
/// [`EdgeError::Runtime`] if the runtime refuses it.
pub fn described(response: Response) -> Result<Response, EdgeError> {
    let status = response.status_code();
    let ResponseBody::Body(body) = response.body() else {
        return Ok(response);
    };
    let Some(problem) = problem(status, body) else {
        return Ok(response);
    };
    let headers = response.headers().clone();
    headers.set("Content-Type", PROBLEM)?;
    let body = ResponseBody::Body(serde_json::to_vec(&problem)?);
    let described = Response::from_body(body)?.with_status(status);
    Ok(described.with_headers(headers))
}

fn problem(status: u16, body: &[u8]) -> Option<Map<String, Value>> {
    let mut members: Map<String, Value> = serde_json::from_slice(body).ok()?;
    let detail = members.get("error_description")?.clone();
    members.get("error")?;
    // Whoever wants to know more of the kind of problem reads `error`.
    for (name, value) in [
        ("type", "about:blank".into()),
        ("title", title(status).into()),
        ("status", status.into()),
        ("detail", detail),
    ] {
        members.insert(name.to_owned(), value);
    }
    Some(members)
}

/// The words of the status (RFC 9110 §15), as RFC 9457 §4.2.1 has them for `about:blank`.
const fn title(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_refusal_is_a_problem_and_keeps_what_it_said() {
        let body = br#"{"error":"invalid_request","error_description":"why","field":"x"}"#;
        let expected = json!({
            "type": "about:blank", "title": "Bad Request", "status": 400, "detail": "why",
            "error": "invalid_request", "error_description": "why", "field": "x",
        });
        assert_eq!(problem(400, body).map(Value::from), Some(expected));
    }

    #[test]
    fn anything_else_stays_what_it_is() {
        for body in [
            r#"{"status":"degraded"}"#,
            r#"{"error":"x"}"#,
            "[]",
            "text",
            "",
        ] {
            assert_eq!(problem(503, body.as_bytes()), None, "{body}");
        }
    }
}
