//! The name that a user is shown by.

use gatepass_core::json;
use gatepass_core::text::has_invisible;
use serde_json::Value;

/// The longest display name, in characters.
const LONGEST: usize = 80;

/// A short line of text that looks like what it is: it cannot turn the direction of the text around
/// it, and has nothing in it that cannot be seen.
#[derive(Debug, Eq, PartialEq)]
pub struct DisplayName(String);

/// Why a display name is refused. The text follows the name of the field.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NameRefusal {
    /// The body is something else.
    NoObject,
    /// The field is not there.
    Missing,
    /// It is not a string.
    NotText,
    /// There is nothing in it.
    Empty,
    /// Over 80 characters.
    TooLong,
    /// A line break, a tab, a NUL and the like.
    Control,
    /// A character without a shape, or one that turns the direction of writing.
    Invisible,
}

impl NameRefusal {
    /// What to say after the field's name.
    pub const fn description(self) -> &'static str {
        match self {
            Self::NoObject => "is required, in a JSON object",
            Self::Missing => "is required",
            Self::NotText => "must be a string",
            Self::Empty => "must not be empty",
            Self::TooLong => "must be at most 80 characters",
            Self::Control => "must not contain control characters",
            Self::Invisible => "must not contain invisible characters",
        }
    }
}

impl DisplayName {
    /// Reads the field `display_name` of a JSON object.
    ///
    /// # Errors
    ///
    /// The [`NameRefusal`] that says what is wrong.
    pub fn read(body: &str) -> Result<Self, NameRefusal> {
        let Ok(Value::Object(fields)) = json::read(body) else {
            return Err(NameRefusal::NoObject);
        };
        match fields.get("display_name") {
            Some(Value::String(name)) => Self::parse(name),
            Some(_) => Err(NameRefusal::NotText),
            None => Err(NameRefusal::Missing),
        }
    }

    /// The name itself.
    pub fn into_string(self) -> String {
        self.0
    }

    fn parse(text: &str) -> Result<Self, NameRefusal> {
        let name = text.trim();
        if name.is_empty() {
            return Err(NameRefusal::Empty);
        }
        if name.chars().count() > LONGEST {
            return Err(NameRefusal::TooLong);
        }
        if name.chars().any(char::is_control) {
            return Err(NameRefusal::Control);
        }
        if has_invisible(name) {
            return Err(NameRefusal::Invisible);
        }
        Ok(Self(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_display_name_is_a_short_line_of_text() {
        let read = |body: &str| DisplayName::read(body).map(DisplayName::into_string);
        assert_eq!(read(r#"{"display_name":" Åse "}"#).as_deref(), Ok("Åse"));
        for (body, refusal) in [
            ("", NameRefusal::NoObject),
            ("[]", NameRefusal::NoObject),
            ("{}", NameRefusal::Missing),
            (r#"{"display_name":1}"#, NameRefusal::NotText),
            (r#"{"display_name":"  "}"#, NameRefusal::Empty),
            (r#"{"display_name":"a\u0000b"}"#, NameRefusal::Control),
            (r#"{"display_name":"a\u202eb"}"#, NameRefusal::Invisible),
        ] {
            assert_eq!(read(body), Err(refusal), "{body}");
        }
        let name = |length| format!(r#"{{"display_name":"{}"}}"#, "é".repeat(length));
        assert!(read(&name(80)).is_ok());
        assert_eq!(read(&name(81)), Err(NameRefusal::TooLong));
    }
}
