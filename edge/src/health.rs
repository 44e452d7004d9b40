//! `GET /health`: whether a Worker can do its work.

use serde::Serialize;
use worker::Response;

use crate::{EdgeError, http};

/// What a Worker knows of its own health.
#[derive(Clone, Copy, Debug)]
pub struct Health {
    /// The version of its code.
    pub version: &'static str,
    /// Whether its variables, secrets and bindings are in order. What is wrong stands in the log.
    pub is_configured: bool,
    /// Whether D1 answers; `None` if the Worker has none.
    pub d1_is_reachable: Option<bool>,
}

#[derive(Serialize)]
struct Wire {
    status: &'static str,
    version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    configuration: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    d1: Option<&'static str>,
}

impl Health {
    /// The response: 200 if all is well, else 503.
    ///
    /// # Errors
    ///
    /// [`EdgeError::Runtime`] if the runtime refuses it.
    pub fn response(self) -> Result<Response, EdgeError> {
        let (status, wire) = self.described();
        Ok(http::json(&wire)?.with_status(status))
    }

    fn described(self) -> (u16, Wire) {
        let is_well = self.is_configured && self.d1_is_reachable != Some(false);
        let (code, status) = if is_well {
            (200, "ok")
        } else {
            (503, "degraded")
        };
        let d1 = |reachable| {
            if reachable {
                "reachable"
            } else {
                "unreachable"
            }
        };
        let wire = Wire {
            status,
            version: self.version,
            configuration: (!self.is_configured).then_some("refused"),
            d1: self.d1_is_reachable.map(d1),
        };
        (code, wire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_is_wrong_and_is_brief_when_nothing_is() {
        for (is_configured, d1_is_reachable, expected) in [
            (true, None, (200, r#"{"status":"ok","version":"1"}"#)),
            (
                true,
                Some(true),
                (200, r#"{"status":"ok","version":"1","d1":"reachable"}"#),
            ),
            (
                true,
                Some(false),
                (
                    503,
                    r#"{"status":"degraded","version":"1","d1":"unreachable"}"#,
                ),
            ),
            (
                false,
                None,
                (
                    503,
                    r#"{"status":"degraded","version":"1","configuration":"refused"}"#,
                ),
            ),
            (
                false,
                Some(true),
                (
                    503,
                    r#"{"status":"degraded","version":"1","configuration":"refused","d1":"reachable"}"#,
                ),
            ),
        ] {
            let health = Health {
                version: "1",
                is_configured,
                d1_is_reachable,
            };
            let (status, wire) = health.described();
            let body = serde_json::to_string(&wire).unwrap();
            assert_eq!((status, body.as_str()), expected, "{health:?}");
        }
    }
}
