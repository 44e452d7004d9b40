//! `prompt` (OIDC Core §3.1.2.1): what the user must be asked in any case, or that nobody may ask.

use core::fmt;

use serde::{Deserialize, Serialize};

/// `prompt` has an unknown value, or `none` beside another.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("prompt must be none alone, or any of login, consent and select_account")]
pub struct InvalidPrompt;

/// What the user may or must be asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Prompt {
    /// `none`: nothing.
    None,
    /// What has to be asked anyway, and these.
    Ask(Asks),
}

/// What the user is asked even if there is no need to.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Asks {
    /// `login`: to sign in.
    pub login: bool,
    /// `consent`: to agree.
    pub consent: bool,
    /// `select_account`: who they are.
    pub select_account: bool,
}

impl Prompt {
    /// Reads the parameter; one that is not there asks what has to be asked.
    ///
    /// # Errors
    ///
    /// [`InvalidPrompt`].
    pub fn parse(text: Option<&str>) -> Result<Self, InvalidPrompt> {
        match text {
            Some("none") => Ok(Self::None),
            Some(text) => Asks::parse(text).map(Self::Ask),
            None => Ok(Self::Ask(Asks::default())),
        }
    }

    /// What it asks in any case.
    pub fn asks(self) -> Asks {
        match self {
            Self::None => Asks::default(),
            Self::Ask(asks) => asks,
        }
    }
}

impl Asks {
    fn parse(text: &str) -> Result<Self, InvalidPrompt> {
        let mut asks = Self::default();
        for word in text.split(' ') {
            match word {
                "login" => asks.login = true,
                "consent" => asks.consent = true,
                "select_account" => asks.select_account = true,
                _ => return Err(InvalidPrompt),
            }
        }
        Ok(asks)
    }

    /// Whether it asks nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Asks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [
            (self.login, "login"),
            (self.consent, "consent"),
            (self.select_account, "select_account"),
        ];
        let asked = words.into_iter().filter(|(asked, _)| *asked);
        for (index, (_, word)) in asked.enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(word)?;
        }
        Ok(())
    }
}

impl TryFrom<String> for Asks {
    type Error = InvalidPrompt;

    fn try_from(text: String) -> Result<Self, InvalidPrompt> {
        Self::parse(&text)
    }
}

impl From<Asks> for String {
    fn from(asks: Asks) -> Self {
        asks.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_is_a_set_of_words_and_none_stands_alone() {
        let everything = Asks {
            login: true,
            consent: true,
            select_account: true,
        };
        let read = |text| Prompt::parse(Some(text));
        assert_eq!(Prompt::parse(None), Ok(Prompt::Ask(Asks::default())));
        assert_eq!(read("none"), Ok(Prompt::None));
        let all = "select_account consent login login";
        assert_eq!(read(all), Ok(Prompt::Ask(everything)));
        for bad in [
            "None",
            "none none",
            "none login",
            "consent none",
            "login  consent",
            " login",
            "create",
        ] {
            assert_eq!(read(bad), Err(InvalidPrompt), "{bad:?}");
        }
    }

    #[test]
    fn what_is_asked_survives_the_sign_in_page() {
        for text in ["login", "consent", "login consent select_account"] {
            let asks = Asks::parse(text).unwrap();
            assert_eq!(asks.to_string(), text);
            assert!(!asks.is_empty());
            let json = serde_json::to_string(&asks).unwrap();
            assert_eq!(serde_json::from_str::<Asks>(&json).unwrap(), asks);
        }
        assert!(Asks::default().is_empty());
    }
}
