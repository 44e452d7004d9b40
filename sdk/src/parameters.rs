//! Parameters to types. Fields of a JSON answer, which the host has parsed, arrive as `json.name`,
//! claims of an ID token as `claims.name`.

use gatepass_core::form::{Form, encode};
use gatepass_core::id::{Nonce, State};
use gatepass_core::rp::authorization::SignInSecrets;
use gatepass_core::rp::failure::{ErrorResponse, Failure};
use gatepass_core::rp::id_token::IdTokenClaims;
use gatepass_core::rp::metadata::DiscoveryDocument;
use gatepass_core::rp::session::Generation;
use gatepass_core::rp::token::TokenResponse;
use gatepass_core::secret::CodeVerifier;
use gatepass_core::time::{Lifetime, Timestamp};

use crate::error::Error;

/// Whether a request was answered with success.
///
/// `status` is 0 if there was no answer, and absent if there was none in time.
pub(crate) fn success(input: &Form) -> Result<(), Failure> {
    let retry_after = optional_lifetime(input, "retry_after");
    match optional_number(input, "status") {
        None => Err(Failure::TimedOut),
        Some(0) => Err(Failure::Unreachable),
        Some(200..300) => Ok(()),
        Some(status) => {
            let status = u16::try_from(status).unwrap_or(u16::MAX);
            Err(Failure::of_answer(
                status,
                retry_after,
                error_response(input),
            ))
        }
    }
}

/// A discovery document, if it has what it cannot do without.
pub(crate) fn discovery_document(input: &Form) -> Option<DiscoveryDocument<'_>> {
    let url = |name| input.optional(name);
    let says = |name| input.optional(name) == Some("true");
    Some(DiscoveryDocument {
        issuer: url("json.issuer")?,
        authorization_endpoint: url("json.authorization_endpoint")?,
        token_endpoint: url("json.token_endpoint")?,
        end_session_endpoint: url("json.end_session_endpoint"),
        others: [
            url("json.userinfo_endpoint"),
            url("json.revocation_endpoint"),
            url("json.jwks_uri"),
            url("json.pushed_authorization_request_endpoint"),
        ],
        authorization_response_iss_parameter_supported: says(
            "json.authorization_response_iss_parameter_supported",
        ),
    })
}

/// A token response, if it has what it cannot do without.
pub(crate) fn token_response(input: &Form) -> Option<TokenResponse> {
    Some(TokenResponse {
        access_token: text(input, "json.access_token")?,
        token_type: text(input, "json.token_type")?,
        refresh_token: text(input, "json.refresh_token"),
        id_token: text(input, "json.id_token"),
    })
}

/// The claims of an ID token, if it has what it cannot do without. The host has put several audiences
/// on a line each.
pub(crate) fn id_token_claims(input: &Form) -> Option<IdTokenClaims<'_>> {
    let audiences = input.optional("claims.aud")?.as_bytes();
    let audiences = audiences.split(|byte| *byte == b'\n');
    Some(IdTokenClaims {
        iss: input.optional("claims.iss")?,
        aud: audiences
            .filter_map(|one| str::from_utf8(one).ok())
            .collect(),
        azp: input.optional("claims.azp"),
        nonce: input.optional("claims.nonce"),
        iat: optional_timestamp(input, "claims.iat")?,
        exp: optional_timestamp(input, "claims.exp")?,
        auth_time: optional_timestamp(input, "claims.auth_time"),
        at_hash: input.optional("claims.at_hash"),
    })
}

/// The secrets of a sign-in, made by the host.
pub(crate) fn secrets(input: &Form) -> Option<SignInSecrets> {
    Some(SignInSecrets {
        state: State::parse(input.optional("state")?).ok()?,
        nonce: Nonce::parse(input.optional("nonce")?).ok()?,
        verifier: CodeVerifier::new(input.optional("verifier")?),
        challenge: text(input, "challenge")?,
    })
}

/// `now`, in whole seconds.
pub(crate) fn timestamp(input: &Form) -> Result<Timestamp, Error> {
    let now: u32 = number(input, "now")?;
    Ok(Timestamp::from_seconds(now.into()))
}

/// A time, in whole seconds.
pub(crate) fn optional_timestamp(input: &Form, name: &str) -> Option<Timestamp> {
    let seconds: u32 = input.optional(name)?.parse().ok()?;
    Some(Timestamp::from_seconds(seconds.into()))
}

/// A length of time, in seconds.
pub(crate) fn optional_lifetime(input: &Form, name: &str) -> Option<Lifetime> {
    optional_number(input, name).map(Lifetime::from_seconds)
}

/// The generation of tokens that the call is about.
pub(crate) fn generation(input: &Form, name: &str) -> Result<Generation, Error> {
    number(input, name).map(Generation::from_number)
}

/// A whole number that the call cannot do without.
pub(crate) fn number<T: TryFrom<u32>>(input: &Form, name: &str) -> Result<T, Error> {
    let number = optional_number(input, name).ok_or(Error::Malformed)?;
    T::try_from(number).map_err(|_| Error::Malformed)
}

/// Writes parameters.
pub(crate) fn write(pairs: &[(&str, &str)]) -> String {
    encode(pairs.iter().copied())
}

fn optional_number(input: &Form, name: &str) -> Option<u32> {
    input.optional(name)?.parse().ok()
}

fn error_response(input: &Form) -> Option<ErrorResponse<'_>> {
    Some(ErrorResponse {
        error: input.optional("json.error")?,
        gatepass_reason: input.optional("json.gatepass_reason"),
    })
}

fn text(input: &Form, name: &str) -> Option<String> {
    input.optional(name).map(str::to_owned)
}
