//! The gateway's configuration: read once an isolate, refused with the name of what is wrong.

use std::cell::RefCell;
use std::rc::Rc;

use gatepass_core::gateway::registration::{self, Registration, RegistrationName};
use gatepass_core::gateway::relay::Upstreams;
use gatepass_core::gateway::session::{Ending, Need, Plan, Policy, Session};
use gatepass_core::jose::SymmetricKey;
use gatepass_core::time::{Lifetime, Timestamp};
use gatepass_edge::config::{
    Conduct, count, is_origin, keys, lifetime, optional, optional_json, origin, required,
};
use gatepass_edge::{EdgeError, durable};
use worker::Env;

use crate::seal::Sealer;
use crate::session::{INDEX, REFRESHES, SESSIONS, Storage};

/// How long a session lasts without being used, unless configured: as long as a refresh token of our provider.
const IDLE: Lifetime = Lifetime::from_days(14);
/// How long it lasts at most, unless configured: as long as a grant of our provider.
const ABSOLUTE: Lifetime = Lifetime::from_days(90);

/// The provider that users sign in at unless `GATEPASS_PROVIDERS` names others.
const OWN_PROVIDER: &str = r#"[{"name":"gatepass","label":"Gatepass","issuer":"{issuer}",
    "client_id":"gatepass-gateway","secret":"GATEPASS_GATEWAY_SECRET",
    "scope":"openid profile email offline_access read write"}]"#;

/// What may be relayed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RelayLimits {
    /// `GATEPASS_RELAY_LARGEST_BODY`: the largest request body, in bytes.
    pub(crate) largest_body: u64,
    /// `GATEPASS_RELAY_TIMEOUT`: how long an API may take to begin its answer, in milliseconds.
    pub(crate) patience: u32,
}

/// Everything that can be set from outside.
#[derive(Debug)]
pub(crate) struct Config {
    /// `GATEPASS_ENV`: `development`, or `production` if not set. `GATEPASS_REQUEST_LOG`: `refused`, or
    /// `all` if not set.
    pub(crate) conduct: Conduct,
    /// `GATEPASS_ORIGIN`: where the gateway itself is.
    pub(crate) origin: String,
    /// `GATEPASS_ISSUER`: the provider's origin, for the demo site.
    pub(crate) issuer: String,
    /// `GATEPASS_API`: the API's origin, for the demo site.
    pub(crate) api: String,
    /// `GATEPASS_PROVIDERS`: where users sign in, in the order in which they choose.
    pub(crate) registrations: Vec<Registration>,
    /// `GATEPASS_UPSTREAMS`: what is relayed where; everything to `GATEPASS_API` if not set.
    pub(crate) upstreams: Upstreams,
    /// Of the secret `GATEPASS_SESSION_KEY`, one or several: the first encrypts, all decrypt.
    pub(crate) sealer: Sealer,
    /// Signs session cookies; derived from the same secret.
    pub(crate) cookie_key: SymmetricKey,
    /// `GATEPASS_SESSION_IDLE` and `GATEPASS_SESSION_LIFETIME`, in seconds.
    pub(crate) policy: Policy,
    /// `GATEPASS_SESSION`: `object` if not set, or `cookie`.
    pub(crate) storage: Storage,
    /// `GATEPASS_DPOP`: whether tokens are bound to a key of their session, where the provider offers that: `offered`
    /// if not set, or `off`.
    pub(crate) binds_tokens: bool,
    /// What may be relayed.
    pub(crate) relay: RelayLimits,
}

thread_local! {
    static CONFIG: RefCell<Option<Rc<Config>>> = const { RefCell::new(None) };
}

impl Config {
    /// The configuration in `env`. An isolate's never changes.
    ///
    /// # Errors
    ///
    /// [`EdgeError::Config`] naming the variable, secret or binding that is missing or wrong.
    pub(crate) fn of(env: &Env) -> Result<Rc<Self>, EdgeError> {
        if let Some(config) = CONFIG.with_borrow(Clone::clone) {
            return Ok(config);
        }
        let config = Rc::new(Self::read(env)?);
        CONFIG.set(Some(Rc::clone(&config)));
        Ok(config)
    }

    /// The registration of this name.
    pub(crate) fn registration(&self, name: &RegistrationName) -> Option<&Registration> {
        self.registrations.iter().find(|known| known.name == *name)
    }

    /// What is done for a call of a session.
    pub(crate) fn plan(&self, session: &Session, need: Need, now: Timestamp) -> Plan {
        let registration = self.registration(&session.registration);
        let plan = if registration.is_some_and(|at| !session.is_unknown_at(at)) {
            Session::plan
        } else {
            Session::plan_without_provider
        };
        plan(session, need, &self.policy, now)
    }

    /// Why a session is over, if it is.
    pub(crate) fn ending(&self, session: &Session, now: Timestamp) -> Option<Ending> {
        match self.plan(session, Need::Token, now) {
            Plan::Over(ending) => Some(ending),
            Plan::Use | Plan::UseAndRenew | Plan::Renew | Plan::HandOn | Plan::Unavailable(_) => {
                None
            }
        }
    }

    fn read(env: &Env) -> Result<Self, EdgeError> {
        let conduct = Conduct::from_env(env)?;
        let own = origin(env, "GATEPASS_ORIGIN")?;
        let issuer = origin(env, "GATEPASS_ISSUER")?;
        let api = origin(env, "GATEPASS_API")?;
        let (first, others) = session_keys(env)?;
        for class in [SESSIONS, INDEX, REFRESHES] {
            durable::check(env, class)?;
        }
        Ok(Self {
            conduct,
            registrations: registrations(env, &issuer)?,
            upstreams: upstreams(env, &api)?,
            sealer: Sealer::new(first, &others),
            cookie_key: SymmetricKey::replacing(&others, &first, "gatepass session cookie"),
            policy: policy(env)?,
            storage: storage(env)?,
            binds_tokens: binds_tokens(env)?,
            relay: RelayLimits {
                largest_body: count(env, "GATEPASS_RELAY_LARGEST_BODY", 10_000_000)?.into(),
                patience: count(env, "GATEPASS_RELAY_TIMEOUT", 30)?.saturating_mul(1_000),
            },
            origin: own,
            issuer,
            api,
        })
    }
}

fn session_keys(env: &Env) -> Result<([u8; 32], Vec<[u8; 32]>), EdgeError> {
    let name = "GATEPASS_SESSION_KEY";
    required(env, name)?;
    let keys = keys(env, name)?;
    let (first, others) = keys.split_first().ok_or(EdgeError::Config {
        name,
        problem: "is not set",
    })?;
    Ok((*first, others.to_vec()))
}

fn registrations(env: &Env, issuer: &str) -> Result<Vec<Registration>, EdgeError> {
    let name = "GATEPASS_PROVIDERS";
    let text = if let Some(text) = optional_json(env, name) {
        text
    } else {
        required(env, "GATEPASS_GATEWAY_SECRET")?;
        OWN_PROVIDER.replace("{issuer}", issuer)
    };
    let secret = |variable: &str| {
        let value = js_sys::Reflect::get(env, &variable.into()).ok()?;
        value.as_string().filter(|value| !value.is_empty())
    };
    registration::parse(&text, secret).map_err(|error| EdgeError::Config {
        name,
        problem: error.problem(),
    })
}

fn upstreams(env: &Env, api: &str) -> Result<Upstreams, EdgeError> {
    let name = "GATEPASS_UPSTREAMS";
    let text = optional(env, name).unwrap_or_else(|| format!("/api/={api}"));
    Upstreams::parse(&text, is_origin).ok_or(EdgeError::Config {
        name,
        problem: "must be pairs such as /api/=https://api.example.com, separated by spaces: a path that begins \
                  with /api/ and ends with a slash, and an origin, with bearer: in front if it takes no proofs",
    })
}

fn storage(env: &Env) -> Result<Storage, EdgeError> {
    let name = "GATEPASS_SESSION";
    match optional(env, name).as_deref() {
        None | Some("object") => Ok(Storage::Object),
        Some("cookie") => Ok(Storage::Cookies),
        Some(_) => Err(EdgeError::Config {
            name,
            problem: "must be object or cookie",
        }),
    }
}

fn binds_tokens(env: &Env) -> Result<bool, EdgeError> {
    let name = "GATEPASS_DPOP";
    match optional(env, name).as_deref() {
        None | Some("offered") => Ok(true),
        Some("off") => Ok(false),
        Some(_) => Err(EdgeError::Config {
            name,
            problem: "must be offered or off",
        }),
    }
}

fn policy(env: &Env) -> Result<Policy, EdgeError> {
    let policy = Policy {
        idle: lifetime(env, "GATEPASS_SESSION_IDLE", IDLE)?,
        absolute: lifetime(env, "GATEPASS_SESSION_LIFETIME", ABSOLUTE)?,
    };
    for (name, lifetime) in [
        ("GATEPASS_SESSION_IDLE", policy.idle),
        ("GATEPASS_SESSION_LIFETIME", policy.absolute),
    ] {
        // Browsers keep no cookie for longer than 400 days (RFC 6265bis §5.5).
        if lifetime > Lifetime::from_days(400) || lifetime == Lifetime::from_seconds(0) {
            return Err(EdgeError::Config {
                name,
                problem: "must be between a second and 400 days",
            });
        }
    }
    Ok(policy)
}
