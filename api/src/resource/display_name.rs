//! The name that a user is shown by.

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
        let Ok(Value::Object(fields)) = serde_json::from_str(body) else {
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

fn has_invisible(name: &str) -> bool {
    let mut before = None;
    let mut rest = name.chars();
    while let Some(c) = rest.next() {
        let after = rest.clone().next();
        let allowed = match c {
            // Persian and Indic names need joiners between letters, and so do joined pictographs.
            '\u{200C}' | '\u{200D}' => joins(before) && joins(after),
            // Japanese names need variants of ideographs, and pictographs their colours.
            c if is_selector(c) => joins(before) && !before.is_some_and(is_selector),
            _ => !is_invisible(c),
        };
        if !allowed {
            return true;
        }
        before = Some(c);
    }
    false
}

const fn is_selector(c: char) -> bool {
    matches!(c, '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}')
}

/// Whether a joiner or a variation selector may stand beside this character: where writing uses them,
/// which is beyond Latin, Greek, Cyrillic and Hebrew.
fn joins(beside: Option<char>) -> bool {
    beside.is_some_and(|c| {
        c >= '\u{600}'
            && !c.is_whitespace()
            && !is_invisible(c)
            && !matches!(c, '\u{200C}' | '\u{200D}')
    })
}

/// Characters without a shape, among them those that turn the direction of writing: Unicode's
/// `Default_Ignorable_Code_Point` (without what may join), other format characters, separators of
/// lines and paragraphs, and the blank Braille pattern.
const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{AD}'
            | '\u{34F}'
            | '\u{61C}'
            | '\u{115F}'..='\u{1160}'
            | '\u{17B4}'..='\u{17B5}'
            | '\u{180B}'..='\u{180F}'
            | '\u{200B}'
            | '\u{200E}'..='\u{200F}'
            | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{FEFF}'
            | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFFB}'
            | '\u{13430}'..='\u{1343F}'
            | '\u{1BCA0}'..='\u{1BCA3}'
            | '\u{1D173}'..='\u{1D17A}'
            | '\u{E0000}'..='\u{E00FF}'
            | '\u{E01F0}'..='\u{E0FFF}'
    )
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

    #[test]
    fn names_of_every_script_are_welcome() {
        for name in [
            "Anna-Lena O’Brien",
            "דנה כהן",
            "محمد علي",
            // A Persian name with a zero-width non-joiner, a Sinhala one with a joiner.
            "علی\u{200C}رضا",
            "ශ\u{0DCA}\u{200D}රී",
            "山田 太郎",
            // A Japanese one with a variant of an ideograph.
            "葛\u{E0100}城",
            "Nguyễn Văn A",
            "Zoë 👩\u{200D}🚀 ❤\u{FE0F}\u{200D}🔥",
        ] {
            let parsed = DisplayName::parse(name).map(DisplayName::into_string);
            assert_eq!(parsed.as_deref(), Ok(name));
        }
    }

    #[test]
    fn what_cannot_be_seen_is_refused_wherever_it_stands() {
        let hidden = [
            '\u{AD}',
            '\u{34F}',
            '\u{61C}',
            '\u{115F}',
            '\u{180E}',
            '\u{200B}',
            '\u{200C}',
            '\u{200D}',
            '\u{200E}',
            '\u{200F}',
            '\u{202A}',
            '\u{202B}',
            '\u{202C}',
            '\u{202D}',
            '\u{202E}',
            '\u{2060}',
            '\u{2061}',
            '\u{2066}',
            '\u{2067}',
            '\u{2068}',
            '\u{2069}',
            '\u{206F}',
            '\u{2800}',
            '\u{3164}',
            '\u{FE0F}',
            '\u{FEFF}',
            '\u{FFA0}',
            '\u{FFF9}',
            '\u{E0001}',
            '\u{E0041}',
            '\u{E0100}',
        ];
        for c in hidden {
            for name in [
                format!("a{c}b"),
                format!("{c}ab"),
                format!("ab{c}"),
                c.to_string(),
            ] {
                let refused = DisplayName::parse(&name);
                assert_eq!(
                    refused,
                    Err(NameRefusal::Invisible),
                    "{}",
                    name.escape_unicode()
                );
            }
        }
        // Line and paragraph separators are white space, and so gone from either end.
        for c in ['\u{2028}', '\u{2029}'] {
            let refused = DisplayName::parse(&format!("a{c}b"));
            assert_eq!(refused, Err(NameRefusal::Invisible));
        }
    }

    #[test]
    fn joiners_and_variants_do_not_pile_up() {
        for name in [
            "ع\u{200C}\u{200C}ع",
            "ع\u{200C}\u{200D}ع",
            "ع\u{200C}",
            "\u{200D}ع",
            "ع\u{200C} ع",
            "ع \u{FE0F}",
            "❤\u{FE0F}\u{FE0F}",
            "葛\u{E0100}\u{FE0F}",
            "ع\u{200C}\u{FE0F}ع",
        ] {
            let refused = DisplayName::parse(name);
            assert_eq!(
                refused,
                Err(NameRefusal::Invisible),
                "{}",
                name.escape_unicode()
            );
        }
    }
}
