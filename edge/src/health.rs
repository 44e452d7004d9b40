//! `GET /health`: whether a Worker can do its work.

use serde_json::{Map, Value};
use worker::Response;

use crate::{EdgeError, http};

/// What a Worker knows of its own health.
#[derive(Clone, Copy, Debug)]
pub struct Health<'a> {
    /// The version of its code.
    pub version: &'static str,
    /// Whether its variables, secrets and bindings are in order. What is wrong stands in the log.
    pub is_configured: bool,
    /// What it cannot work without, by name, and whether that answers.
    pub dependencies: &'a [(&'static str, bool)],
}

impl Health<'_> {
    /// The response: 200 if all is well, else 503.
    ///
    /// # Errors
    ///
    /// [`EdgeError::Runtime`] if the runtime refuses it.
    pub fn response(self) -> Result<Response, EdgeError> {
        let (status, wire) = self.described();
        Ok(http::json(&wire)?.with_status(status))
    }

    fn described(self) -> (u16, Map<String, Value>) {
        let mut wire = Map::new();
        let mut say = |name: &str, state: &str| wire.insert(name.to_owned(), state.into());
        let is_well = self.is_configured && self.dependencies.iter().all(|(_, answers)| *answers);
        let (code, status) = if is_well {
            (200, "ok")
        } else {
            (503, "degraded")
        };
        say("status", status);
        say("version", self.version);
        if !self.is_configured {
            say("configuration", "refused");
        }
        for (name, answers) in self.dependencies {
            let state = if *answers { "reachable" } else { "unreachable" };
            say(name, state);
        }
        (code, wire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_is_wrong_and_is_brief_when_nothing_is() {
        for (is_configured, dependencies, expected) in [
            (true, &[][..], (200, r#"{"status":"ok","version":"1"}"#)),
            (
                true,
                &[("d1", true)],
                (200, r#"{"d1":"reachable","status":"ok","version":"1"}"#),
            ),
            (
                true,
                &[("d1", false), ("passwords", true)],
                (
                    503,
                    r#"{"d1":"unreachable","passwords":"reachable","status":"degraded","version":"1"}"#,
                ),
            ),
            (
                false,
                &[],
                (
                    503,
                    r#"{"configuration":"refused","status":"degraded","version":"1"}"#,
                ),
            ),
        ] {
            let health = Health {
                version: "1",
                is_configured,
                dependencies,
            };
            let (status, wire) = health.described();
            let body = serde_json::to_string(&wire).unwrap();
            assert_eq!((status, body.as_str()), expected, "{health:?}");
        }
    }
}
