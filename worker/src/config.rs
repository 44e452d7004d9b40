//! The provider's configuration: read once an isolate, refused with the name of what is wrong.

use std::cell::RefCell;
use std::rc::Rc;

use gatepass_core::authorize::{Resources, page_token, state_token};
use gatepass_core::client::registration::{GrantTypes, Offer};
use gatepass_core::dpop::{self, NonceKey};
use gatepass_core::grant::Lifetimes;
use gatepass_core::grant::device::{CONFIRMATION_KEY_PURPOSE, USER_CODE_KEY_PURPOSE};
use gatepass_core::guessing;
use gatepass_core::id::{Audience, Issuer};
use gatepass_core::jose::SymmetricKey;
use gatepass_core::scope::Scope;
use gatepass_core::secret::SecretHash;
use gatepass_core::status_list::DEFAULT_BOUND_SECONDS;
use gatepass_core::time::Lifetime;
use gatepass_core::token::refresh;
use gatepass_edge::EdgeError;
use gatepass_edge::config::{
    Conduct, Environment, count, flag, key, keys, lifetime, optional, origin, required,
};
use worker::Env;

use crate::keys::KeySettings;
use crate::password;
use crate::webhook::Webhook;

/// What clients may ask for unless `GATEPASS_SCOPES` says otherwise.
const SCOPES: &str = "openid profile email offline_access read write";

/// Who may register a client (RFC 7591 §3).
#[derive(Clone, Debug)]
pub enum RegistrationPolicy {
    /// Nobody.
    Closed,
    /// Anybody.
    Open,
    /// Whoever has the initial access token, of which this is the hash.
    WithToken(SecretHash),
}

/// The keys of device authorization.
#[derive(Clone, Debug)]
pub struct DeviceKeys {
    /// Of the hashes of user codes.
    pub user_code: SymmetricKey,
    /// Of the page's confirmations.
    pub confirmation: SymmetricKey,
}

/// Everything that can be set from outside.
#[derive(Clone, Debug)]
pub struct Config {
    /// `GATEPASS_ENV`: `development`, or `production` if not set. `GATEPASS_REQUEST_LOG`: `refused`, or
    /// `all` if not set.
    pub conduct: Conduct,
    /// `GATEPASS_ISSUER`: the provider's origin.
    pub issuer: Issuer,
    /// `GATEPASS_DEFAULT_AUDIENCE`, and `GATEPASS_RESOURCES` separated by spaces.
    pub resources: Resources,
    /// `GATEPASS_ACCESS_TOKEN_LIFETIME`, `GATEPASS_CODE_LIFETIME`, `GATEPASS_DEVICE_CODE_LIFETIME`,
    /// `GATEPASS_REFRESH_TOKEN_LIFETIME`, `GATEPASS_GRANT_LIFETIME`, `GATEPASS_REFRESH_GRACE`, in
    /// seconds, or `never`.
    pub lifetimes: Lifetimes,
    /// `GATEPASS_REVOCATION_BOUND`: how soon an API that checks tokens by itself learns of a revocation.
    pub revocation_bound: Lifetime,
    /// `GATEPASS_SIGN_IN_LIFETIME`: how long a browser stays signed in at the provider.
    pub sign_in_lifetime: Lifetime,
    /// Derived from the secret `GATEPASS_TOKEN_KEY`; reads also what was written under
    /// `GATEPASS_PREVIOUS_TOKEN_KEY`, one or several separated by spaces.
    pub refresh_token_key: SymmetricKey,
    /// Derived from the same secrets.
    pub state_token_key: SymmetricKey,
    /// The signing keys: how they are made, kept and changed.
    pub keys: KeySettings,
    /// The hash of the secret `GATEPASS_ADMIN_TOKEN`, with which an operator gives commands, if there
    /// is one.
    pub admin_token: Option<SecretHash>,
    /// Derived from the same secrets.
    pub page_token_key: SymmetricKey,
    /// Derived from the same secrets.
    pub device_keys: DeviceKeys,
    /// `GATEPASS_WEBHOOK_URL`, with `GATEPASS_WEBHOOK_EVENTS` and the secret `GATEPASS_WEBHOOK_SECRET`:
    /// who is told of security events, if anybody is.
    pub webhook: Option<Webhook>,
    /// `GATEPASS_AUDIT_RETENTION`: how long the audit log is kept.
    pub audit_retention: Lifetime,
    /// `GATEPASS_PASSWORD_TRIES` and `GATEPASS_PASSWORD_LONGEST_WAIT`: how many passwords may be guessed.
    pub guessing: guessing::Policy,
    /// `GATEPASS_PASSWORD_COST`: what the hash of a password costs.
    pub password_cost: password::Cost,
    /// Of what is remembered of guesses; derived from the same secrets.
    pub place_key: SymmetricKey,
    /// Derived from the same secrets.
    pub dpop_nonce_key: NonceKey,
    /// `GATEPASS_DPOP_NONCE`: `require`, also if not set, or `accept`.
    pub requires_dpop_nonce: bool,
    /// `GATEPASS_SCOPES`, separated by spaces: what discovery names and clients may register for.
    pub scopes: Scope,
    /// `GATEPASS_AUTHORIZATION_DETAILS_TYPES`, separated by spaces: the same of RFC 9396.
    pub details_types: Scope,
    /// `GATEPASS_REQUIRE_PAR`: whether every client must push its authorization requests.
    pub require_pushed_requests: bool,
    /// `GATEPASS_REGISTRATION`: `closed`, `open`, or `token` with the secret
    /// `GATEPASS_REGISTRATION_TOKEN`. Open in development, closed in production.
    pub registration: RegistrationPolicy,
    /// `GATEPASS_CLIENT_ID_DOCUMENTS`: whether a client's identifier may be the address of a document
    /// about it. In development it may, in production not, unless said.
    pub client_documents: bool,
    /// `GATEPASS_SECRET_OVERLAP`: how long a client's secret counts after it got another.
    pub secret_overlap: Lifetime,
    /// `GATEPASS_DEVELOPMENT_SITE`: the origin of the demo site that the development clients use.
    pub development_site: String,
}

thread_local! {
    static CONFIG: RefCell<Option<Rc<Config>>> = const { RefCell::new(None) };
}

impl Config {
    /// The configuration in `env`. An isolate's never changes.
    ///
    /// # Errors
    ///
    /// [`EdgeError::Config`] naming the variable or secret that is missing or wrong.
    pub fn of(env: &Env) -> Result<Rc<Self>, EdgeError> {
        if let Some(config) = CONFIG.with_borrow(Clone::clone) {
            return Ok(config);
        }
        let config = Rc::new(Self::read(env)?);
        CONFIG.set(Some(Rc::clone(&config)));
        Ok(config)
    }

    /// What clients may register for.
    pub fn offer(&self) -> Offer<'_> {
        Offer {
            scopes: &self.scopes,
            details_types: &self.details_types,
            grant_types: match self.registration {
                RegistrationPolicy::WithToken(_) => GrantTypes::ActingForItself,
                RegistrationPolicy::Closed | RegistrationPolicy::Open => GrantTypes::WithAUser,
            },
            documents: self.client_documents,
        }
    }

    fn read(env: &Env) -> Result<Self, EdgeError> {
        let issuer = Issuer::parse(&origin(env, "GATEPASS_ISSUER")?);
        let master = key(env, "GATEPASS_TOKEN_KEY")?;
        let earlier = keys(env, "GATEPASS_PREVIOUS_TOKEN_KEY")?;
        let token_key = |purpose| SymmetricKey::replacing(&earlier, &master, purpose);
        let site = optional(env, "GATEPASS_DEVELOPMENT_SITE");
        let conduct = Conduct::from_env(env)?;
        let lifetimes = lifetimes(env)?;
        Ok(Self {
            conduct,
            admin_token: admin_token(env)?,
            scopes: words(env, "GATEPASS_SCOPES", SCOPES)?,
            details_types: words(env, "GATEPASS_AUTHORIZATION_DETAILS_TYPES", "")?,
            require_pushed_requests: flag(env, "GATEPASS_REQUIRE_PAR")?,
            registration: registration(env, conduct.environment)?,
            client_documents: client_documents(env, conduct.environment)?,
            secret_overlap: lifetime(env, "GATEPASS_SECRET_OVERLAP", Lifetime::from_days(1))?,
            issuer: issuer.map_err(|_| wrong("GATEPASS_ISSUER"))?,
            resources: resources(env)?,
            keys: KeySettings::read(env, &lifetimes)?,
            lifetimes,
            revocation_bound: Lifetime::from_seconds(count(
                env,
                "GATEPASS_REVOCATION_BOUND",
                DEFAULT_BOUND_SECONDS,
            )?),
            sign_in_lifetime: lifetime(env, "GATEPASS_SIGN_IN_LIFETIME", Lifetime::from_days(14))?,
            refresh_token_key: token_key(refresh::KEY_PURPOSE),
            state_token_key: token_key(state_token::KEY_PURPOSE),
            dpop_nonce_key: NonceKey::new(token_key(dpop::KEY_PURPOSE)),
            requires_dpop_nonce: requires_dpop_nonce(env)?,
            page_token_key: token_key(page_token::KEY_PURPOSE),
            device_keys: DeviceKeys {
                user_code: token_key(USER_CODE_KEY_PURPOSE),
                confirmation: token_key(CONFIRMATION_KEY_PURPOSE),
            },
            webhook: Webhook::read(env, conduct.environment)?,
            audit_retention: lifetime(env, "GATEPASS_AUDIT_RETENTION", Lifetime::from_days(90))?,
            guessing: guessing_policy(env)?,
            password_cost: password_cost(env)?,
            place_key: token_key(guessing::KEY_PURPOSE),
            development_site: site.unwrap_or_else(|| "http://localhost:3001".to_owned()),
        })
    }
}

fn resources(env: &Env) -> Result<Resources, EdgeError> {
    let default = Audience::parse(&required(env, "GATEPASS_DEFAULT_AUDIENCE")?);
    let others = optional(env, "GATEPASS_RESOURCES").unwrap_or_default();
    let others = others
        .split_whitespace()
        .map(Audience::parse)
        .collect::<Result<_, _>>();
    Ok(Resources {
        default: default.map_err(|_| wrong("GATEPASS_DEFAULT_AUDIENCE"))?,
        others: others.map_err(|_| wrong("GATEPASS_RESOURCES"))?,
    })
}

/// Long enough that nobody guesses it.
fn admin_token(env: &Env) -> Result<Option<SecretHash>, EdgeError> {
    let name = "GATEPASS_ADMIN_TOKEN";
    let problem = "must have 32 characters or more";
    match optional(env, name) {
        Some(token) if token.len() < 32 => Err(EdgeError::Config { name, problem }),
        token => Ok(token.as_deref().map(SecretHash::of)),
    }
}

fn words(env: &Env, name: &'static str, default: &str) -> Result<Scope, EdgeError> {
    let text = optional(env, name).unwrap_or_else(|| default.to_owned());
    let problem =
        "must be scopes (RFC 6749 section 3.3), or words like them, between single spaces";
    Scope::parse(&text).map_err(|_| EdgeError::Config { name, problem })
}

fn registration(env: &Env, environment: Environment) -> Result<RegistrationPolicy, EdgeError> {
    let name = "GATEPASS_REGISTRATION";
    match (optional(env, name).as_deref(), environment) {
        (Some("open"), _) | (None, Environment::Development) => Ok(RegistrationPolicy::Open),
        (Some("closed"), _) | (None, Environment::Production) => Ok(RegistrationPolicy::Closed),
        (Some("token"), _) => {
            let token = required(env, "GATEPASS_REGISTRATION_TOKEN")?;
            Ok(RegistrationPolicy::WithToken(SecretHash::of(&token)))
        }
        (Some(_), _) => {
            let problem = "must be closed, open or token";
            Err(EdgeError::Config { name, problem })
        }
    }
}

fn client_documents(env: &Env, environment: Environment) -> Result<bool, EdgeError> {
    let name = "GATEPASS_CLIENT_ID_DOCUMENTS";
    match optional(env, name) {
        Some(_) => flag(env, name),
        None => Ok(environment == Environment::Development),
    }
}

fn requires_dpop_nonce(env: &Env) -> Result<bool, EdgeError> {
    let name = "GATEPASS_DPOP_NONCE";
    match optional(env, name).as_deref() {
        Some("require") | None => Ok(true),
        Some("accept") => Ok(false),
        Some(_) => {
            let problem = "must be require or accept";
            Err(EdgeError::Config { name, problem })
        }
    }
}

fn lifetimes(env: &Env) -> Result<Lifetimes, EdgeError> {
    let defaults = Lifetimes::default();
    Ok(Lifetimes {
        access_token: lifetime(env, "GATEPASS_ACCESS_TOKEN_LIFETIME", defaults.access_token)?,
        code: brief(env, "GATEPASS_CODE_LIFETIME", defaults.code, TEN_MINUTES)?,
        device_code: brief(
            env,
            "GATEPASS_DEVICE_CODE_LIFETIME",
            defaults.device_code,
            HALF_AN_HOUR,
        )?,
        refresh_token: lifetime(
            env,
            "GATEPASS_REFRESH_TOKEN_LIFETIME",
            defaults.refresh_token,
        )?,
        grant: lifetime(env, "GATEPASS_GRANT_LIFETIME", defaults.grant)?,
        grace: lifetime(env, "GATEPASS_REFRESH_GRACE", defaults.grace)?,
    })
}

fn guessing_policy(env: &Env) -> Result<guessing::Policy, EdgeError> {
    let defaults = guessing::Policy::default();
    let name = "GATEPASS_PASSWORD_LONGEST_WAIT";
    Ok(guessing::Policy {
        tries: count(env, "GATEPASS_PASSWORD_TRIES", defaults.tries)?,
        longest_wait: brief(env, name, defaults.longest_wait, AN_HOUR)?,
    })
}

fn password_cost(env: &Env) -> Result<password::Cost, EdgeError> {
    let name = "GATEPASS_PASSWORD_COST";
    let problem = "must be like m=19456,t=2,p=1, with 65536 KiB and 16 passes at most";
    let text = optional(env, name);
    let cost = password::Cost::parse(text.as_deref().unwrap_or(password::Cost::DEFAULT));
    cost.ok_or(EdgeError::Config { name, problem })
}

/// How long something may live at most.
#[derive(Clone, Copy)]
struct Limit {
    longest: Lifetime,
    problem: &'static str,
}

/// Of authorization codes (RFC 6749 §4.1.2).
const TEN_MINUTES: Limit = Limit {
    longest: Lifetime::from_minutes(10),
    problem: "must be 600 seconds at most",
};

/// Of device codes: whoever guesses user codes has no longer (RFC 8628 §5.1).
const HALF_AN_HOUR: Limit = Limit {
    longest: Lifetime::from_minutes(30),
    problem: "must be 1800 seconds at most",
};

/// Of waits after wrong passwords: an attacker can make a user wait who comes from somewhere new.
const AN_HOUR: Limit = Limit {
    longest: Lifetime::from_minutes(60),
    problem: "must be 3600 seconds at most",
};

fn brief(
    env: &Env,
    name: &'static str,
    default: Lifetime,
    limit: Limit,
) -> Result<Lifetime, EdgeError> {
    let found = lifetime(env, name, default)?;
    let problem = limit.problem;
    if found > limit.longest {
        return Err(EdgeError::Config { name, problem });
    }
    Ok(found)
}

fn wrong(name: &'static str) -> EdgeError {
    EdgeError::Config {
        name,
        problem: "must be at most 1024 printable ASCII characters",
    }
}
