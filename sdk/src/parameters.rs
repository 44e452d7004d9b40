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
    let retry_after = optional_number(input, "retry_after").map(Lifetime::from_seconds);
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
pub(crate) fn discovery_document(input: &Form) -> Option<DiscoveryDocument> {
    let iss = input.optional("json.authorization_response_iss_parameter_supported");
    Some(DiscoveryDocument {
        issuer: text(input, "json.issuer")?,
        authorization_endpoint: text(input, "json.authorization_endpoint")?,
        token_endpoint: text(input, "json.token_endpoint")?,
        userinfo_endpoint: text(input, "json.userinfo_endpoint"),
        revocation_endpoint: text(input, "json.revocation_endpoint"),
        end_session_endpoint: text(input, "json.end_session_endpoint"),
        authorization_response_iss_parameter_supported: iss == Some("true"),
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
