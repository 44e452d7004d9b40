//! Signing a browser in with what somebody typed, wherever that leads.

use core::fmt;

use gatepass_core::audit::Event;
use gatepass_core::authorize::SignIn;
use gatepass_core::form::Form;
use gatepass_core::grant::AuthenticationMethod;
use gatepass_core::guessing::{BrowserMark, KNOWN_FOR, PlaceKeys};
use gatepass_core::id::{BrowserId, SignInId, Subject};
use gatepass_core::secret::SignInCookie;
use gatepass_core::store::AuthorizeStore;
use gatepass_core::time::{Lifetime, Timestamp};
use gatepass_core::userinfo::Account;
use gatepass_edge::cookie::Cookie;
use gatepass_edge::{EdgeError, random};
use worker::{Request, Response};

use super::{Outcome, read_cookie, sign_in_cookie};
use crate::app::App;
use crate::audit::Entry;
use crate::password::{self, Guess, Verdict};

/// Marks a browser in which somebody has signed in: what others guess does not make it wait.
const MARK: Cookie = Cookie::lasting("gatepass_browser", KNOWN_FOR.seconds());

/// What somebody typed, and where.
pub(super) struct Typed<'a> {
    pub(super) username: &'a str,
    password: &'a str,
    mark: Option<BrowserMark>,
}

/// A browser that has just been signed in.
pub(super) struct SignedIn {
    pub(super) id: SignInId,
    /// The `Set-Cookie` values.
    cookies: [String; 2],
}

impl SignedIn {
    pub(super) fn set_cookies(&self, response: &Response) -> Result<(), EdgeError> {
        for cookie in &self.cookies {
            response.headers().append("Set-Cookie", cookie)?;
        }
        Ok(())
    }
}

/// Why nobody was signed in. A wrong password and an unknown user are not told apart.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum SignInRefusal {
    Empty,
    Wrong,
    Wait(Lifetime),
}

/// What the page says.
impl fmt::Display for SignInRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Enter your user name and your password."),
            Self::Wrong => f.write_str("User name and password do not match."),
            Self::Wait(wait) => {
                let (count, unit) = in_words(*wait);
                write!(
                    f,
                    "Too many wrong passwords were typed for this user name, by you or by somebody else. \
                     Wait {count} {unit}, then try again. Where you have signed in before, you need \
                     not wait for others."
                )
            }
        }
    }
}

/// Rounded up: whoever waits so long has waited long enough.
fn in_words(wait: Lifetime) -> (i64, &'static str) {
    match wait.seconds() {
        ..=1 => (1, "second"),
        seconds @ ..=60 => (seconds, "seconds"),
        seconds => ((seconds + 59) / 60, "minutes"),
    }
}

impl SignInRefusal {
    /// Gives the page that says so its status.
    pub(super) fn on(self, page: Response) -> Result<Response, EdgeError> {
        let Self::Wait(wait) = self else {
            return Ok(page);
        };
        let seconds = wait.seconds().to_string();
        page.headers().set("Retry-After", &seconds)?;
        Ok(page.with_status(429))
    }
}

/// What a client hands over that asked for it itself: there is no browser to be known by.
pub(super) async fn verify_elsewhere(
    username: &str,
    password: &str,
    account: Option<Account>,
    app: &App,
    now: Timestamp,
) -> Outcome<Subject, SignInRefusal> {
    let mark = BrowserMark::of_address(app.place.network.as_ref(), &app.config.place_key);
    let typed = Typed {
        username,
        password,
        mark: None,
    };
    typed.verify(account, &mark, app, now).await
}

impl<'a> Typed<'a> {
    /// Whose name and password these are.
    async fn verify(
        &self,
        account: Option<Account>,
        mark: &BrowserMark,
        app: &App,
        now: Timestamp,
    ) -> Outcome<Subject, SignInRefusal> {
        let config = &app.config;
        let guess = Guess {
            password: self.password,
            hash: account.as_ref().map(|account| &account.password_hash),
            cost: &config.password_cost,
            places: PlaceKeys::of(
                self.username,
                mark,
                app.place.network.as_ref(),
                &config.place_key,
            ),
        };
        let verdict = password::verify(&guess, config.guessing, &app.env, now).await?;
        if let Verdict::Wait(wait) = verdict {
            return Ok(Err(SignInRefusal::Wait(wait)));
        }
        let subject = account.map(|account| account.user.subject);
        let right = subject.clone().filter(|_| verdict == Verdict::Right);
        if right.is_none() {
            app.note(&Entry {
                user: subject.as_ref(),
                ..Entry::of(Event::WrongPassword)
            });
        }
        Ok(right.ok_or(SignInRefusal::Wrong))
    }

    pub(super) fn of(form: &'a Form, request: &Request, app: &App) -> Self {
        let mark = read_cookie(MARK, request, app);
        Self {
            username: form.optional("username").unwrap_or_default(),
            password: form.optional("password").unwrap_or_default(),
            mark: mark.and_then(|mark| BrowserMark::parse(&mark)),
        }
    }

    /// Signs `browser` in; a refusal is what to tell the user.
    pub(super) async fn sign_in(
        &self,
        browser: &BrowserId,
        earlier: Option<&SignInId>,
        app: &App,
        now: Timestamp,
    ) -> Outcome<SignedIn, SignInRefusal> {
        if self.username.is_empty() || self.password.is_empty() {
            return Ok(Err(SignInRefusal::Empty));
        }
        let mark = match &self.mark {
            Some(mark) => mark.clone(),
            None => BrowserMark::from_random(random::bytes()?),
        };
        let config = &app.config;
        let account = app.store.user_by_name(self.username).await?;
        let subject = match self.verify(account, &mark, app, now).await? {
            Ok(subject) => subject,
            Err(refusal) => return Ok(Err(refusal)),
        };
        // A new cookie at each sign-in: one planted before is worth nothing.
        let cookie = SignInCookie::from_random(random::bytes()?);
        let sign_in = SignIn {
            id: cookie.id(),
            browser: browser.clone(),
            subject,
            auth_time: now,
            amr: vec![AuthenticationMethod::Password],
            expires_at: now.plus(config.sign_in_lifetime),
        };
        app.note(&Entry {
            user: Some(&sign_in.subject),
            ..Entry::of(Event::SignedIn)
        });
        app.store.insert_sign_in(&sign_in, earlier).await?;
        let origin = config.issuer.as_str();
        Ok(Ok(SignedIn {
            id: sign_in.id,
            cookies: [
                sign_in_cookie(app).set(cookie.expose(), origin),
                MARK.set(mark.as_str(), origin),
            ],
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_said_in_words_and_never_too_short() {
        let words = |seconds| {
            let (count, unit) = in_words(Lifetime::from_seconds(seconds));
            format!("{count} {unit}")
        };
        assert_eq!(words(1), "1 second");
        assert_eq!(words(15), "15 seconds");
        assert_eq!(words(60), "60 seconds");
        assert_eq!(words(61), "2 minutes");
        assert_eq!(words(900), "15 minutes");
    }
}
