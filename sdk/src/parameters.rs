//! Parameters to types, and out again. How they are written is this module's and `js/core.js`'s: name and value,
//! each ended by a zero, which neither has in it. Fields of a JSON answer, which the host has parsed, arrive as `json.name`,
//! claims of an ID token as `claims.name`.

use gatepass_core::id::{Nonce, State};
use gatepass_core::rp;
use gatepass_core::rp::authorization::SignInSecrets;
use gatepass_core::rp::failure::{ErrorResponse, Failure};
use gatepass_core::rp::id_token::IdTokenClaims;
use gatepass_core::rp::metadata::{self, DiscoveryDocument, Metadata};
use gatepass_core::rp::refresh::{Circuit, Flight, Moment};
use gatepass_core::rp::session::{ClientSession, Clock, Generation};
use gatepass_core::rp::token::TokenResponse;
use gatepass_core::secret::CodeVerifier;
use gatepass_core::time::{Lifetime, Timestamp};

use crate::error::Error;
use crate::options::Options;

/// The parameters of a call.
#[derive(Clone, Copy)]
pub(crate) struct Input<'a>(pub(crate) &'a str);

impl<'a> Input<'a> {
    /// A parameter's value. One without a value counts as absent.
    pub(crate) fn optional(self, name: &str) -> Option<&'a str> {
        let mut rest = self.0;
        loop {
            let (found, after) = cut(rest, 0)?;
            let (value, after) = cut(after, 0)?;
            if found == name {
                return Some(value).filter(|value| !value.is_empty());
            }
            rest = after;
        }
    }
}

/// What stands before the first of these bytes, and after it.
fn cut(text: &str, end: u8) -> Option<(&str, &str)> {
    let end = text.bytes().position(|byte| byte == end)?;
    Some((text.get(..end)?, text.get(end.saturating_add(1)..)?))
}

/// The parameters of an answer.
#[derive(Default)]
pub(crate) struct Output(pub(crate) String);

impl Output {
    pub(crate) fn add(&mut self, name: &'static str, value: &str) {
        for text in [name, "\0", value, "\0"] {
            self.0.push_str(text);
        }
    }

    pub(crate) fn add_number(&mut self, name: &'static str, number: i64) {
        self.add(name, &rp::digits(number));
    }
}

/// Whether a request was answered with success.
///
/// `status` is 0 if there was no answer, and absent if there was none in time.
pub(crate) fn success(input: Input<'_>) -> Result<(), Failure> {
    let retry_after = optional_lifetime(input, "retry_after");
    match optional_number::<u16>(input, "status") {
        None => Err(Failure::TimedOut),
        Some(0) => Err(Failure::Unreachable),
        Some(200..300) => Ok(()),
        Some(status) => Err(Failure::of_answer(
            status,
            retry_after,
            error_response(input),
        )),
    }
}

/// The metadata of the issuer, from the discovery document that came with the call.
pub(crate) fn metadata<'a>(input: Input<'a>, options: &Options<'_>) -> Result<Metadata<'a>, Error> {
    let iss = input.optional("json.authorization_response_iss_parameter_supported");
    // What is missing is not secure either.
    let endpoint = |name| input.optional(name).unwrap_or_default();
    let document = DiscoveryDocument {
        issuer: input
            .optional("json.issuer")
            .ok_or(Failure::Unreadable { status: 200 })?,
        authorization_endpoint: endpoint("json.authorization_endpoint"),
        token_endpoint: endpoint("json.token_endpoint"),
        end_session_endpoint: input.optional("json.end_session_endpoint"),
        others: [
            input.optional("json.userinfo_endpoint"),
            input.optional("json.revocation_endpoint"),
            input.optional("json.jwks_uri"),
            input.optional("json.pushed_authorization_request_endpoint"),
        ],
        authorization_response_iss_parameter_supported: iss == Some("true"),
    };
    Ok(metadata::process(&options.issuer, &document)?)
}

/// A token response, if it has what it cannot do without.
pub(crate) fn token_response(input: Input<'_>) -> Option<TokenResponse<'_>> {
    Some(TokenResponse {
        access_token: input.optional("json.access_token")?,
        token_type: input.optional("json.token_type")?,
        refresh_token: input.optional("json.refresh_token"),
        id_token: input.optional("json.id_token"),
        expires_in: optional_lifetime(input, "json.expires_in"),
    })
}

/// The claims of an ID token, if it has what it cannot do without. The host has put several audiences
/// on a line each.
pub(crate) fn id_token_claims(input: Input<'_>) -> Option<IdTokenClaims<'_>> {
    let mut aud = Vec::new();
    let mut rest = input.optional("claims.aud")?;
    while let Some((one, after)) = cut(rest, b'\n') {
        aud.push(one);
        rest = after;
    }
    aud.push(rest);
    Some(IdTokenClaims {
        iss: input.optional("claims.iss")?,
        aud,
        azp: input.optional("claims.azp"),
        nonce: input.optional("claims.nonce"),
        iat: optional_timestamp(input, "claims.iat")?,
        exp: optional_timestamp(input, "claims.exp")?,
        auth_time: optional_timestamp(input, "claims.auth_time"),
        at_hash: input.optional("claims.at_hash"),
    })
}

/// The secrets of a sign-in, made by the host.
pub(crate) fn secrets(input: Input<'_>) -> Option<SignInSecrets> {
    Some(SignInSecrets {
        state: State::parse(input.optional("state")?).ok()?,
        nonce: Nonce::parse(input.optional("nonce")?).ok()?,
        verifier: CodeVerifier::new(input.optional("verifier")?),
        challenge: text(input, "challenge")?,
    })
}

/// The session of the call's record, after it has adopted what the storage holds.
pub(crate) fn session(input: Input<'_>) -> ClientSession {
    let mut session = ClientSession::from_record(&|name| input.optional(name));
    session.adopt(ClientSession::from_record(&|name| {
        input.optional(&rp::joined(&["stored.", name]))
    }));
    session
}

/// What `write_flight` wrote.
pub(crate) fn flight(input: Input<'_>) -> Flight {
    let number = |name| number(input, name).unwrap_or_default();
    Flight {
        generation: Generation {
            sign_in: number("flight_sign_in"),
            renewals: number("flight_renewals"),
        },
        tries: number("flight_tries"),
        first_ms: number("flight_first"),
    }
}

/// What `write_circuit` wrote; closed, if it never was open.
pub(crate) fn circuit(input: Input<'_>) -> Circuit {
    let number = |name| number(input, name).unwrap_or_default();
    Circuit {
        failures: number("circuit_failures"),
        open_until_ms: number("circuit_until"),
    }
}

/// `now`, in whole seconds.
pub(crate) fn timestamp(input: Input<'_>) -> Result<Timestamp, Error> {
    Ok(Timestamp::from_seconds(number(input, "now")?))
}

/// `now`, and the `date` of the reply.
pub(crate) fn clock(input: Input<'_>) -> Result<Clock, Error> {
    Ok(Clock {
        now: timestamp(input)?,
        server: optional_timestamp(input, "date"),
    })
}

/// The same with `elapsed`, `jitter` and `fresh_key`.
pub(crate) fn moment<'a>(input: Input<'a>, options: &'a Options<'_>) -> Result<Moment<'a>, Error> {
    Ok(Moment {
        client_id: &options.client_id,
        resource: options.resource,
        clock: clock(input)?,
        elapsed_ms: number(input, "elapsed")?,
        jitter: number(input, "jitter")?,
        fresh_key: input.optional("fresh_key").ok_or(Error::Malformed)?,
    })
}

/// A time, in whole seconds.
pub(crate) fn optional_timestamp(input: Input<'_>, name: &str) -> Option<Timestamp> {
    optional_number(input, name).map(Timestamp::from_seconds)
}

/// A whole number that the call cannot do without.
pub(crate) fn number<T: TryFrom<i64>>(input: Input<'_>, name: &str) -> Result<T, Error> {
    optional_number(input, name).ok_or(Error::Malformed)
}

fn optional_number<T: TryFrom<i64>>(input: Input<'_>, name: &str) -> Option<T> {
    T::try_from(rp::number(input.optional(name)?)?).ok()
}

/// A length of time, in seconds.
pub(crate) fn optional_lifetime(input: Input<'_>, name: &str) -> Option<Lifetime> {
    optional_number(input, name).map(Lifetime::from_seconds)
}

fn error_response(input: Input<'_>) -> Option<ErrorResponse<'_>> {
    Some(ErrorResponse {
        error: input.optional("json.error")?,
        gatepass_reason: input.optional("json.gatepass_reason"),
    })
}

fn text(input: Input<'_>, name: &str) -> Option<String> {
    input.optional(name).map(str::to_owned)
}
