//! DPoP (RFC 9449) as a client: keys, and proofs that go out with requests.

use std::cell::RefCell;

use gatepass_core::dpop::client::{Heard, Server, Target};
use gatepass_core::id::KeyId;
use gatepass_core::jose::thumbprint;
use gatepass_core::time::Timestamp;
use serde_json::{Map, Value};
use worker::Response;

use crate::possession::NONCE;
use crate::webcrypto::{self, CryptoKey};
use crate::{EdgeError, clock, fetch, random};

thread_local! {
    /// As many as there are servers in the configuration, and what this isolate knows of them.
    static SERVERS: RefCell<Vec<(String, Server)>> = const { RefCell::new(Vec::new()) };
}

/// A key that tokens are bound to.
#[derive(Debug)]
pub struct ProvingKey {
    key: CryptoKey,
    public: Map<String, Value>,
}

/// A proof for one request, once.
#[derive(Debug)]
pub struct Proof {
    /// The value of the header `DPoP`.
    pub text: String,
    origin: String,
    used: Server,
}

impl ProvingKey {
    /// Makes a key, with the text that is to be kept of it: a secret.
    ///
    /// # Errors
    ///
    /// [`EdgeError::Crypto`].
    pub async fn make() -> Result<(Self, String), EdgeError> {
        let (key, jwk) = webcrypto::generate_portable().await?;
        let member = |name| jwk.get(name).and_then(Value::as_str).unwrap_or_default();
        let text = [member("d"), member("x"), member("y")].join(".");
        let public = public(&jwk);
        Ok((Self { key, public }, text))
    }

    /// Reads what was kept of a key.
    ///
    /// # Errors
    ///
    /// [`EdgeError::Corrupt`] if it is something else.
    pub async fn read(text: &str) -> Result<Self, EdgeError> {
        let corrupt = EdgeError::Corrupt("proving key");
        let mut jwk = Map::new();
        let kind = [("kty", "EC"), ("crv", "P-256")];
        for (name, value) in kind
            .into_iter()
            .chain(["d", "x", "y"].into_iter().zip(text.split('.')))
        {
            jwk.insert(name.to_owned(), value.into());
        }
        let imported = webcrypto::import_portable(&jwk).await;
        Ok(Self {
            key: imported.map_err(|_| corrupt)?,
            public: public(&jwk),
        })
    }

    /// What it is known by (RFC 7638), as `dpop_jkt` has it (RFC 9449 §10).
    ///
    /// # Errors
    ///
    /// None: it is a whole key.
    pub fn thumbprint(&self) -> Result<KeyId, EdgeError> {
        thumbprint(&self.public).ok_or(EdgeError::Corrupt("proving key"))
    }

    /// A proof for this request.
    ///
    /// # Errors
    ///
    /// [`EdgeError::Crypto`].
    pub async fn prove(&self, target: &Target<'_>) -> Result<Proof, EdgeError> {
        let origin = target.origin().to_owned();
        let used = SERVERS.with_borrow(|servers| {
            let known = servers.iter().find(|(known, _)| *known == origin);
            known.map(|(_, server)| server.clone()).unwrap_or_default()
        });
        let statement = used.statement(target, &self.public, random::bytes()?, clock::now())?;
        let signature = webcrypto::sign_portable(&self.key, statement.signing_input()).await?;
        Ok(Proof {
            text: statement.attach(&signature),
            origin,
            used,
        })
    }
}

impl Proof {
    /// Takes what a reply says for the next proof. Whether the same request is to be made once more with it.
    pub fn learn(&self, reply: &fetch::Reply) -> bool {
        let challenge = reply.challenge.as_deref();
        self.take(&Heard {
            status: reply.status,
            nonce: reply.nonce.as_deref(),
            date: reply.date.as_deref().and_then(time),
            refusal: challenge.unwrap_or(&reply.body),
        })
    }

    /// The same of an answer whose body flows.
    ///
    /// # Errors
    ///
    /// [`EdgeError::Runtime`] if the runtime refuses its headers.
    pub fn learn_from(&self, response: &Response) -> Result<bool, EdgeError> {
        let headers = response.headers();
        let challenge = headers.get("WWW-Authenticate")?.unwrap_or_default();
        Ok(self.take(&Heard {
            status: response.status_code(),
            nonce: headers.get(NONCE)?.as_deref(),
            date: headers.get("Date")?.as_deref().and_then(time),
            refusal: &challenge,
        }))
    }

    fn take(&self, heard: &Heard<'_>) -> bool {
        SERVERS.with_borrow_mut(|servers| {
            let at = servers.iter().position(|(known, _)| *known == self.origin);
            let mut server = at.map_or_else(Server::default, |at| servers.swap_remove(at).1);
            let is_again = server.learn(&self.used, heard, clock::now());
            servers.push((self.origin.clone(), server));
            is_again
        })
    }
}

fn public(jwk: &Map<String, Value>) -> Map<String, Value> {
    let mut public = jwk.clone();
    public.retain(|name, _| matches!(name.as_str(), "kty" | "crv" | "x" | "y"));
    public
}

/// The time that a `Date` says (RFC 9110 §6.6.1).
fn time(date: &str) -> Option<Timestamp> {
    let milliseconds = js_sys::Date::parse(date);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "it saturates, and no date is that far"
    )]
    let seconds = (milliseconds / 1_000.0) as i64;
    milliseconds
        .is_finite()
        .then(|| Timestamp::from_seconds(seconds))
}
