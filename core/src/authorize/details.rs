//! Rich authorization requests (RFC 9396): what a client asks for in more detail than a scope says.
//!
//! What a type means, only the API knows that it is for. Here each type is one that the client may ask for,
//! the members that are common to all types have their form, and what is asked for later is never more
//! than what was granted.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::client::Client;
use crate::jose::Claims;
use crate::json;

/// The longest parameter that is read, in bytes: it is carried through the pages, and in every token.
const LONGEST: usize = 4096;

/// The most details of one request.
const MOST: usize = 16;

/// The members of all types that list what is allowed (RFC 9396 §2.2): fewer of a list is less.
const LISTS: [&str; 4] = ["actions", "datatypes", "locations", "privileges"];

/// `authorization_details` (RFC 9396 §2): an array of objects, or null if there are none. As a JSON value
/// they are read and written by code that is there anyway.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct AuthorizationDetails(Value);

/// Why `authorization_details` are refused (RFC 9396 §5).
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "authorization_details must be a JSON array of objects, each of a type that this client may ask for, and no more than was granted"
)]
pub struct InvalidDetails;

impl AuthorizationDetails {
    /// Reads the parameter, if there is one.
    ///
    /// # Errors
    ///
    /// [`InvalidDetails`] for what is no array of one to sixteen objects with a `type`, or too long.
    pub fn read(text: Option<&str>) -> Result<Option<Self>, InvalidDetails> {
        let Some(text) = text else {
            return Ok(None);
        };
        if text.len() > LONGEST {
            return Err(InvalidDetails);
        }
        let details = Self(json::value(text.as_bytes()).map_err(|_| InvalidDetails)?);
        let all = details.0.as_array().map_or(0, Vec::len);
        let has_form = (1..=MOST).contains(&all)
            && details.each().count() == all
            && details.each().all(has_form);
        has_form.then_some(Some(details)).ok_or(InvalidDetails)
    }

    /// The same, of types that `client` may ask for.
    ///
    /// # Errors
    ///
    /// [`InvalidDetails`] for another type.
    pub fn of(self, client: &Client) -> Result<Self, InvalidDetails> {
        let allowed = self.clone().only_of(client);
        if allowed == self {
            Ok(self)
        } else {
            Err(InvalidDetails)
        }
    }

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.0.is_null()
    }

    /// Of these, those of types that the client may ask for.
    #[must_use]
    pub fn only_of(mut self, client: &Client) -> Self {
        let types = &client.settings.authorization_details_types;
        if let Value::Array(all) = &mut self.0 {
            all.retain(|detail| {
                let detail = detail.as_object().map_or("", type_of);
                types.iter().any(|known| known == detail)
            });
            if all.is_empty() {
                return Self::default();
            }
        }
        self
    }

    fn each(&self) -> impl Iterator<Item = &Claims> {
        let all = self.0.as_array().into_iter().flatten();
        all.filter_map(Value::as_object)
    }

    /// Whether each of these is within one of `granted`: the same but for lists, which may be shorter.
    pub fn are_within(&self, granted: &Self) -> bool {
        self.each()
            .all(|wanted| granted.each().any(|whole| is_within(wanted, whole)))
    }

    /// As a parameter has it.
    pub fn to_text(&self) -> Option<String> {
        (!self.is_empty()).then(|| self.0.to_string())
    }

    /// As people read it: one text for each, with the type in its first line and a member in each other.
    pub fn described(&self) -> impl Iterator<Item = String> {
        self.each().map(|detail| {
            let mut text = String::new();
            write_plain(type_of(detail), &mut text);
            for (name, value) in detail.iter().filter(|(name, _)| *name != "type") {
                text.push('\n');
                write_plain(name, &mut text);
                text.push_str(": ");
                write_words(value, &mut text);
            }
            text
        })
    }
}

fn type_of(detail: &Claims) -> &str {
    detail
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn has_form(detail: &Claims) -> bool {
    let has_list = |name: &&str| {
        let texts = |list: &Vec<Value>| !list.is_empty() && list.iter().all(Value::is_string);
        let is_list = |value: &Value| value.as_array().is_some_and(texts);
        detail.get(*name).is_none_or(is_list)
    };
    let identifier = detail.get("identifier");
    !type_of(detail).is_empty()
        && LISTS.iter().all(has_list)
        && identifier.is_none_or(Value::is_string)
}

/// A member that is left out could mean that nothing limits it, so both have the same.
fn is_within(wanted: &Claims, whole: &Claims) -> bool {
    let is_less = |(name, value): (&String, &Value)| match (whole.get(name), value) {
        (Some(Value::Array(all)), Value::Array(some)) if LISTS.contains(&name.as_str()) => {
            some.iter().all(|one| all.contains(one))
        }
        (all, one) => all == Some(one),
    };
    wanted.len() == whole.len() && wanted.iter().all(is_less)
}

/// A value in words: a text or a list of texts as such, anything else as JSON.
fn write_words(value: &Value, to: &mut String) {
    match value {
        Value::String(text) => write_plain(text, to),
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                if index > 0 {
                    to.push_str(", ");
                }
                write_words(value, to);
            }
        }
        value => write_plain(&value.to_string(), to),
    }
}

/// Without what would begin another line, or cannot be seen where it stands.
fn write_plain(text: &str, to: &mut String) {
    for c in text.chars() {
        let is_hidden = c.is_control() || crate::text::is_invisible(c);
        to.push(if is_hidden { '\u{FFFD}' } else { c });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::ClientSettings;
    use crate::client::tests::public;

    fn read(text: &str) -> Result<Option<AuthorizationDetails>, InvalidDetails> {
        AuthorizationDetails::read(Some(text))
    }

    fn details(text: &str) -> AuthorizationDetails {
        read(text).unwrap().unwrap()
    }

    #[test]
    fn details_are_a_list_of_objects_with_a_type() {
        assert_eq!(AuthorizationDetails::read(None), Ok(None));
        let many = |count| format!("[{}]", vec![r#"{"type":"t"}"#; count].join(","));
        for good in [
            r#"[{"type":"t","actions":["read"],"identifier":"i","amount":{"value":1}}]"#,
            &many(16),
        ] {
            assert!(read(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "x",
            "[]",
            "{}",
            r#"{"type":"t"}"#,
            "[1]",
            "[{}]",
            r#"[{"type":1}]"#,
            r#"[{"type":""}]"#,
            r#"[{"type":"t"},"t"]"#,
            r#"[{"type":"t","actions":"read"}]"#,
            r#"[{"type":"t","actions":[]}]"#,
            r#"[{"type":"t","locations":[1]}]"#,
            r#"[{"type":"t","datatypes":{}}]"#,
            r#"[{"type":"t","privileges":null}]"#,
            r#"[{"type":"t","identifier":7}]"#,
            &many(17),
            &format!(r#"[{{"type":"t","x":"{}"}}]"#, "x".repeat(LONGEST)),
        ] {
            assert_eq!(read(bad), Err(InvalidDetails), "{bad}");
        }
    }

    #[test]
    fn a_client_asks_for_types_of_its_own() {
        let client = Client {
            settings: ClientSettings {
                authorization_details_types: vec!["a".to_owned(), "https://b.example/t".to_owned()],
                ..ClientSettings::default()
            },
            ..public()
        };
        let own = details(r#"[{"type":"a"},{"type":"https://b.example/t"}]"#);
        assert_eq!(own.clone().of(&client), Ok(own.clone()));
        assert_eq!(own.clone().of(&public()), Err(InvalidDetails));
        assert_eq!(own.clone().only_of(&client), own);
        assert!(own.only_of(&public()).is_empty());
        let other = details(r#"[{"type":"a"},{"type":"A"}]"#);
        assert_eq!(other.clone().of(&client), Err(InvalidDetails));
        assert_eq!(other.only_of(&client), details(r#"[{"type":"a"}]"#));
    }

    #[test]
    fn less_is_within_and_more_never_is() {
        let granted =
            details(r#"[{"type":"t","actions":["read","write"],"account":{"id":1}},{"type":"u"}]"#);
        for (wanted, is) in [
            (r#"[{"type":"u"}]"#, true),
            (r#"[{"type":"u"},{"type":"u"}]"#, true),
            (
                r#"[{"account":{"id":1},"type":"t","actions":["write"]}]"#,
                true,
            ),
            (
                r#"[{"type":"t","actions":["write","read"],"account":{"id":1}}]"#,
                true,
            ),
            (
                r#"[{"type":"t","actions":["delete"],"account":{"id":1}}]"#,
                false,
            ),
            (
                r#"[{"type":"t","actions":["read"],"account":{"id":2}}]"#,
                false,
            ),
            // What is left out may be without limits.
            (r#"[{"type":"t","actions":["read"]}]"#, false),
            (r#"[{"type":"t","account":{"id":1}}]"#, false),
            (r#"[{"type":"u","actions":["read"]}]"#, false),
            (r#"[{"type":"u"},{"type":"v"}]"#, false),
        ] {
            assert_eq!(details(wanted).are_within(&granted), is, "{wanted}");
        }
        assert!(AuthorizationDetails::default().are_within(&granted));
        assert!(!granted.are_within(&AuthorizationDetails::default()));
    }

    #[test]
    fn people_read_them_line_by_line() {
        let asked = details(
            r#"[{"type":"payment","actions":["initiate","status"],"amount":{"currency":"EUR"},"to":"A\nfree: yes\u202e"}]"#,
        );
        let texts: Vec<_> = asked.described().collect();
        let lines = "payment\nactions: initiate, status\namount: {\"currency\":\"EUR\"}\nto: A\u{FFFD}free: yes\u{FFFD}";
        assert_eq!(texts, [lines]);
    }

    #[test]
    fn the_parameter_reads_back() {
        let asked = details(r#"[ {"b":1, "type":"t"} ]"#);
        let text = asked.to_text().unwrap();
        assert_eq!(text, r#"[{"b":1,"type":"t"}]"#);
        assert_eq!(read(&text), Ok(Some(asked)));
        assert_eq!(AuthorizationDetails::default().to_text(), None);
    }
}
