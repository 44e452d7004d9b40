//! Grants, the sessions under them, and the ways to tokens.
//!
//! ```text
//!   code --redeem--> grant --has--> session 1 --refresh--> session 2 --refresh--> ...
//! ```
//!
//! A grant is one consent in one browser and the unit of revocation. A session is one generation of
//! tokens under it; at any time exactly one session of a live grant is active. A client that acts for
//! itself needs neither.

mod begin;
pub mod client_credentials;
pub mod code;
mod details;
pub mod device;
pub mod password;
pub mod refresh;
pub mod token_exchange;
mod wish;

pub use details::{AuthenticationMethod, GrantDetails};
pub use wish::{Allowed, Wish};

use crate::client::{Client, RefreshBehaviour};
use crate::dpop::{Confirmation, Thumbprint};
use crate::id::{Audience, BrowserId, ClientId, GrantId, Issuer, JwtId, Subject};
use crate::scope::Scope;
use crate::status_list::StatusIndex;
use crate::time::{Lifetime, Timestamp};

/// One consent of one user to one client in one browser.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Grant {
    /// Its key.
    pub id: GrantId,
    /// The browser that it came from: signing out of that browser ends it.
    pub browser: BrowserId,
    /// The user.
    pub subject: Subject,
    /// The client.
    pub client_id: ClientId,
    /// What was agreed to.
    pub scope: Scope,
    /// Whom its access tokens are for.
    pub audience: Audience,
    /// When the user last proved who they are (OIDC Core §2 `auth_time`).
    pub auth_time: Timestamp,
    /// What else is known of how it came about.
    pub details: GrantDetails,
    /// Whether it still stands.
    pub status: GrantStatus,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its absolute limit: no token of it lives longer (RFC 10017).
    pub expires_at: Timestamp,
    /// Where its access tokens' status stands; the store gives it.
    pub status_index: StatusIndex,
}

impl Grant {
    /// Whether tokens of it may be used: it was not ended, and its time is not over.
    pub fn stands(&self, now: Timestamp) -> bool {
        self.status == GrantStatus::Active && self.expires_at > now
    }

    /// What a refresh does to its refresh token: one that stays is for whoever proves to be its client,
    /// or to have its key.
    pub fn refresh_behaviour(&self, client: &Client) -> RefreshBehaviour {
        if client.authentication.is_confidential() || self.details.jkt.is_some() {
            client.refresh_behaviour
        } else {
            RefreshBehaviour::Rotate
        }
    }
}

/// Whether a grant still stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum GrantStatus {
    /// It does.
    Active,
    /// It was ended, and this is why.
    Ended(EndReason),
}

/// Why a grant was ended before its time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EndReason {
    /// An administrator ended it.
    Administrator,
    /// The client's registration ended (RFC 7592 §2.3).
    ClientRemoved,
    /// Its code was redeemed a second time, with the right verifier, after the grace time; or its
    /// device code.
    CodeReplayed,
    /// The user took back what they had agreed to.
    ConsentWithdrawn,
    /// A refresh token of it was used a second time after the grace time: one copy is stolen.
    Replayed,
    /// The client revoked its refresh token (RFC 7009).
    Revoked,
    /// The user signed out.
    SignedOut,
}

impl EndReason {
    const ALL: [Self; 7] = [
        Self::Administrator,
        Self::ClientRemoved,
        Self::CodeReplayed,
        Self::ConsentWithdrawn,
        Self::Replayed,
        Self::Revoked,
        Self::SignedOut,
    ];

    /// As the store holds it and as a client reads it in `gatepass_reason`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::ClientRemoved => "client_removed",
            Self::CodeReplayed => "code_replayed",
            Self::ConsentWithdrawn => "consent_withdrawn",
            Self::Replayed => "replayed",
            Self::Revoked => "revoked",
            Self::SignedOut => "signed_out",
        }
    }

    /// Reads what the store holds.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }
}

/// One generation of tokens under a grant.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Session {
    /// The `jti` of its refresh token, and its key.
    pub refresh_jti: JwtId,
    /// The grant it belongs to.
    pub grant_id: GrantId,
    /// The `jti` of the access token issued with it.
    pub access_jti: JwtId,
    /// 1 for the first.
    pub generation: u32,
    /// When its refresh token was issued.
    pub issued_at: Timestamp,
    /// When its refresh token ends.
    pub expires_at: Timestamp,
    /// Whether it is the newest.
    pub status: SessionStatus,
}

/// Whether a generation is the newest of its grant. That it is revoked or expired follows from its
/// grant and its `expires_at`, so neither is stored twice.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SessionStatus {
    /// Its refresh token has not been used.
    Active,
    /// Its refresh token was traded for the next generation.
    Refreshed {
        /// When.
        at: Timestamp,
        /// The `refresh_jti` of the next generation.
        successor: JwtId,
    },
}

/// The terms on which something is issued: by whom, for how long, from when, to whom.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// By this provider.
    pub issuer: &'a Issuer,
    /// For this long.
    pub lifetimes: &'a Lifetimes,
    /// From now.
    pub now: Timestamp,
    /// To whoever has this key, whose possession was proved (RFC 9449); to the bearer, if there is none.
    pub key: Option<&'a Thumbprint>,
}

impl Terms<'_> {
    /// The `cnf` of an access token on these terms.
    pub fn confirmation(&self) -> Option<Confirmation> {
        self.key.map(|jkt| Confirmation { jkt: jkt.clone() })
    }
}

/// How long codes and tokens live.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    /// Of an access token.
    pub access_token: Lifetime,
    /// Of an authorization code.
    pub code: Lifetime,
    /// Of a device code, and of the user code that belongs to it.
    pub device_code: Lifetime,
    /// Of a refresh token that is not used.
    pub refresh_token: Lifetime,
    /// Of a grant, however often it is refreshed.
    pub grant: Lifetime,
    /// How long an honest retry with a spent refresh token or code is expected.
    pub grace: Lifetime,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            access_token: Lifetime::from_minutes(5),
            code: Lifetime::from_seconds(60),
            device_code: Lifetime::from_minutes(10),
            refresh_token: Lifetime::from_days(14),
            grant: Lifetime::from_days(90),
            grace: Lifetime::from_seconds(30),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::authorize::tests::issuer;
    use crate::client::Client;
    use std::sync::LazyLock;

    /// When grants of the tests are made.
    pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    /// So many seconds after [`NOW`].
    pub(crate) fn after(seconds: u32) -> Timestamp {
        NOW.plus(Lifetime::from_seconds(seconds))
    }

    /// The default terms, from `now`.
    pub(crate) fn terms(now: Timestamp) -> Terms<'static> {
        static DEFAULT: LazyLock<(Issuer, Lifetimes)> =
            LazyLock::new(|| (issuer(), Lifetimes::default()));
        Terms {
            issuer: &DEFAULT.0,
            lifetimes: &DEFAULT.1,
            now,
            key: None,
        }
    }

    /// A grant of `client` that lives for an hour.
    pub(crate) fn grant(client: &Client) -> Grant {
        Grant {
            id: GrantId::parse("g1").unwrap(),
            browser: BrowserId::parse("b1").unwrap(),
            subject: Subject::parse("u1").unwrap(),
            client_id: client.id.clone(),
            scope: Scope::parse("openid read").unwrap(),
            audience: Audience::parse("http://localhost:5000").unwrap(),
            auth_time: Timestamp::from_seconds(NOW.seconds() - 10),
            details: GrantDetails {
                amr: vec![AuthenticationMethod::Password],
                ..GrantDetails::default()
            },
            status: GrantStatus::Active,
            created_at: NOW,
            expires_at: after(3_600),
            status_index: StatusIndex::from_number(7).unwrap(),
        }
    }

    /// The `jti` of a generation's refresh token.
    pub(crate) fn jti(generation: u32) -> JwtId {
        JwtId::parse(&format!("rt-{generation}")).unwrap()
    }

    /// A generation that lives for 20 minutes.
    pub(crate) fn session(generation: u32) -> Session {
        Session {
            refresh_jti: jti(generation),
            grant_id: GrantId::parse("g1").unwrap(),
            access_jti: JwtId::parse(&format!("at-{generation}")).unwrap(),
            generation,
            issued_at: NOW,
            expires_at: after(1_200),
            status: SessionStatus::Active,
        }
    }

    /// The same, traded for the next generation at `at`.
    pub(crate) fn spent(generation: u32, at: Timestamp) -> Session {
        let successor = jti(generation + 1);
        Session {
            status: SessionStatus::Refreshed { at, successor },
            ..session(generation)
        }
    }

    #[test]
    fn a_reason_survives_the_store() {
        for reason in EndReason::ALL {
            assert_eq!(EndReason::parse(reason.as_str()), Some(reason));
        }
        assert_eq!(EndReason::parse("Replayed"), None);
        assert_eq!(
            EndReason::ALL.map(EndReason::as_str),
            [
                "administrator",
                "client_removed",
                "code_replayed",
                "consent_withdrawn",
                "replayed",
                "revoked",
                "signed_out"
            ]
        );
    }

    #[test]
    fn the_default_lifetimes_are_those_of_the_design() {
        let lifetimes = Lifetimes::default();
        assert_eq!(lifetimes.access_token.seconds(), 300);
        assert_eq!(lifetimes.code.seconds(), 60);
        assert_eq!(lifetimes.device_code.seconds(), 600);
        assert_eq!(lifetimes.refresh_token.seconds(), 14 * 86_400);
        assert_eq!(lifetimes.grace.seconds(), 30);
    }
}
