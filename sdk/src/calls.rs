//! The calls, by name. Each reads its parameters, asks the core, and writes down what it said.
//!
//! With every call come the options, the record of the session if there ever was one, the time (`now`,
//! seconds), a clock that never goes back (`elapsed`, milliseconds), a random byte (`jitter`) and a random text (`fresh_key`). Some
//! come with a server's reply, which may be the discovery document, or with what the storage holds
//! (the same names after `stored.`). An answer that says `the session` has its record, and if somebody is
//! signed in, how many seconds the token is good (`soon`, `stale`).

use gatepass_core::id::Nonce;
use gatepass_core::rp::authorization::{
    self, AuthorizationError, AuthorizationRequest, ResponseError, ReturnTo, Transaction,
};
use gatepass_core::rp::failure::Failure;
use gatepass_core::rp::id_token::{self, Expected};
use gatepass_core::rp::refresh::{Circuit, Finished, Flight, NotBegun, Outcome, Step};
use gatepass_core::rp::session::ClientSession;
use gatepass_core::rp::sign_out::{Revocable, build_end_session_url, build_revocation_request};
use gatepass_core::rp::token::{self, Tokens, build_code_request};
use gatepass_core::rp::{joined, metadata, retry};
use gatepass_core::secret::IdToken;

use crate::error::Error;
use crate::options::Options;
use crate::parameters::{
    self, Input, Output, circuit, clock, flight, moment, number, optional_lifetime,
    optional_timestamp, session, timestamp,
};

type Answer = Result<(), Error>;

pub(crate) fn answer(input: Input<'_>, out: &mut Output) -> Answer {
    let options = &Options::parse(input)?;
    match input.optional("call").unwrap_or_default() {
        "configure" => configure(options, out),
        "learn" => return learn(input, options),
        "authorize" => return authorize(input, options, out),
        "redeem" => return redeem(input, options, out),
        "sign_in" => return sign_in(input, options, out),
        "adopt" => return view(input, &session(input), out),
        "begin" => return begin(input, out),
        "next" => return next(input, options, out),
        "hint" => return hint(input, out),
        "pause" => return pause(input, out),
        "check" => return Ok(parameters::success(input)?),
        "sign_out" => return sign_out(input, options, out),
        "expire" => return expire(input, options, out),
        "end_session" => return end_session(input, options, out),
        _ => return Err(Error::Malformed),
    }
    Ok(())
}

/// Nothing more -> where the discovery document is, and where else it may be.
fn configure(options: &Options<'_>, out: &mut Output) {
    let [first, second] = metadata::locations(&options.issuer);
    out.add("first", &first);
    out.add("second", &second);
}

/// A reply with the discovery document -> nothing, if its endpoints can be used.
fn learn(input: Input<'_>, options: &Options<'_>) -> Answer {
    parameters::success(input)?;
    parameters::metadata(input, options)?;
    Ok(())
}

/// The wishes of `login`, the secrets, the discovery document -> the request as a `url`, which ends with its
/// `parameters`, and the record to keep under `state`.
fn authorize(input: Input<'_>, options: &Options<'_>, out: &mut Output) -> Answer {
    let metadata = parameters::metadata(input, options)?;
    let request = AuthorizationRequest {
        client_id: &options.client_id,
        redirect_uri: options.redirect_uri,
        scope: options.scope,
        resource: options.resource,
        login_hint: input.optional("loginHint"),
        prompt: input.optional("prompt"),
        max_age: optional_lifetime(input, "maxAge"),
        dpop_jkt: input.optional("jkt"),
        return_to: ReturnTo::parse(input.optional("returnTo").unwrap_or("/"))?,
    };
    let secrets = parameters::secrets(input).ok_or(Error::Malformed)?;
    let (asked, transaction) = authorization::build(&metadata, request, secrets, timestamp(input)?);
    out.add("url", &asked.url);
    out.add("parameters", &asked.parameters);
    out.add("state", transaction.state().as_str());
    transaction.write_record(&mut |name, value| out.add(name, value));
    Ok(())
}

/// The parameters that came back after `query.`, `repeated` if one of them was, the record under its state after
/// `record.`, the discovery document -> the `body` of the token request, and the `nonce`, `max_age` and `return_to`.
fn redeem(input: Input<'_>, options: &Options<'_>, out: &mut Output) -> Answer {
    if input.optional("repeated").is_some() {
        return Err(ResponseError::Malformed.into());
    }
    let response = authorization::read(&|name| input.optional(&joined(&["query.", name])))?;
    let record = |name| input.optional(&joined(&["record.", name]));
    let transaction = Transaction::from_record(response.state(), &record);
    let transaction = transaction.ok_or(AuthorizationError::OtherState)?;
    let metadata = parameters::metadata(input, options)?;
    let now = timestamp(input)?;
    let redemption = authorization::process(&metadata, transaction, &response, now)?;
    let body = build_code_request(
        &options.client_id,
        options.redirect_uri,
        options.resource,
        &redemption,
    );
    out.add("body", &body);
    out.add("nonce", redemption.nonce.as_str());
    if let Some(age) = redemption.max_age {
        out.add_number("max_age", age.seconds());
    }
    out.add("return_to", redemption.return_to.as_str());
    Ok(())
}

/// A reply with tokens, the claims of the ID token, what is expected of them -> the session.
fn sign_in(input: Input<'_>, options: &Options<'_>, out: &mut Output) -> Answer {
    let tokens = tokens(input)?;
    if tokens.id_token.is_some() || options.is_openid() {
        let nonce = input.optional("nonce").map(Nonce::parse);
        let nonce = nonce.transpose().map_err(|_| Error::IdToken)?;
        let expected = Expected {
            nonce: nonce.as_ref(),
            max_age: optional_lifetime(input, "max_age"),
            at_hash: input.optional("at_hash"),
            date: optional_timestamp(input, "date"),
        };
        let claims = parameters::id_token_claims(input).ok_or(Error::IdToken)?;
        id_token::process(&options.issuer, &options.client_id, expected, &claims)?;
    }
    let mut session = session(input);
    session.sign_in(tokens, clock(input)?);
    view(input, &session, out)
}

/// The circuit -> the flight that begins.
fn begin(input: Input<'_>, out: &mut Output) -> Answer {
    match Flight::begin(&session(input), circuit(input), number(input, "elapsed")?) {
        Ok(flight) => {
            write_flight(flight, out);
            Ok(())
        }
        Err(NotBegun::SignedOut) => Err(Error::SignedOut),
        Err(NotBegun::NotRefreshable) => Err(Error::NotRefreshable),
        Err(NotBegun::Waiting) => Err(Error::Waiting),
    }
}

/// The flight, the circuit, what the storage holds by now, a reply if something was sent (`answered`)
/// -> the session, the flight, the circuit, and what is next: to wait for `pause` milliseconds, to
/// `send` a body, or nothing. Then with `late`, the body that revokes tokens that nobody wants; with
/// `renewed`, if there are other tokens; or with an error.
fn next(input: Input<'_>, options: &Options<'_>, out: &mut Output) -> Answer {
    let (mut session, mut flight, mut circuit) = (session(input), flight(input), circuit(input));
    let outcome = match input.optional("answered") {
        Some(_) => Outcome::Answer(tokens(input)),
        None => Outcome::Ready,
    };
    let at = moment(input, options)?;
    let step = flight.next(&mut session, &mut circuit, outcome, at);
    view(input, &session, out)?;
    write_flight(flight, out);
    write_circuit(circuit, out);
    match step {
        Step::Pause(pause) => out.add_number("pause", pause),
        Step::Send(body) => out.add("send", &body),
        Step::Done(Finished::Renewed) => out.add("renewed", "1"),
        Step::Done(Finished::Overtaken(late)) => {
            if let Some(late) = late {
                out.add("late", &revocation(&late, options));
            }
        }
        Step::Done(Finished::Kept(failure)) => Error::from(failure).write(out),
        Step::Done(Finished::Ended(reason)) => Error::SessionEnded(reason).write(out),
    }
    Ok(())
}

/// The circuit -> the same after a good sign, such as a network that is back.
fn hint(input: Input<'_>, out: &mut Output) -> Answer {
    let mut circuit = circuit(input);
    circuit.hint(number(input, "elapsed")?);
    write_circuit(circuit, out);
    Ok(())
}

/// Nothing more -> the `body` that revokes the tokens, which are forgotten, the `hint` for
/// `end_session`, and the session; without `body` if there were no tokens.
fn sign_out(input: Input<'_>, options: &Options<'_>, out: &mut Output) -> Answer {
    let mut session = session(input);
    let tokens = session.sign_out(None);
    if let Some(tokens) = tokens {
        out.add("body", &revocation(&tokens, options));
        out.add("hint", tokens.id_token.as_ref().map_or("", IdToken::expose));
    }
    view(input, &session, out)
}

/// Nothing more -> the `body` that revokes the access token alone.
fn expire(input: Input<'_>, options: &Options<'_>, out: &mut Output) -> Answer {
    let session = session(input);
    let token = Revocable::Access(session.bearer().ok_or(Error::SignedOut)?);
    let body = build_revocation_request(&options.client_id, token);
    out.add("body", &body);
    Ok(())
}

/// Where to go `next`, the `hint`, the discovery document -> the `url` at which the provider signs the
/// user out; nothing if it has none.
fn end_session(input: Input<'_>, options: &Options<'_>, out: &mut Output) -> Answer {
    let metadata = parameters::metadata(input, options)?;
    let next = input.optional("next").ok_or(Error::Malformed)?;
    let Some(endpoint) = metadata.end_session_endpoint else {
        return Ok(());
    };
    let hint = input.optional("hint");
    let url = build_end_session_url(endpoint, &options.client_id, next, hint);
    out.add("url", &url);
    Ok(())
}

/// A reply, how many `tries` there were -> the milliseconds to `wait` before another; nothing if there
/// is to be none.
fn pause(input: Input<'_>, out: &mut Output) -> Answer {
    let failure = match parameters::success(input) {
        Ok(()) if input.optional("json").is_some() => return Ok(()),
        Ok(()) => Failure::Unreadable { status: 200 },
        Err(failure) => failure,
    };
    let pause = retry::pause_ms(number(input, "tries")?, &failure, number(input, "jitter")?);
    if let Some(pause) = pause {
        out.add_number("wait", pause.into());
    }
    Ok(())
}

/// The session, as `session.js` keeps it.
fn view(input: Input<'_>, session: &ClientSession, out: &mut Output) -> Answer {
    session.write_record(&mut |name, value| out.add(name, value));
    if let Some(due) = session.due(timestamp(input)?) {
        out.add_number("soon", due.soon);
        out.add_number("stale", due.stale);
    }
    Ok(())
}

fn write_flight(flight: Flight, out: &mut Output) {
    out.add_number("flight_sign_in", flight.generation.sign_in);
    out.add_number("flight_renewals", flight.generation.renewals);
    out.add_number("flight_tries", flight.tries);
    out.add_number("flight_first", flight.first_ms);
}

fn write_circuit(circuit: Circuit, out: &mut Output) {
    out.add_number("circuit_failures", circuit.failures);
    out.add_number("circuit_until", circuit.open_until_ms);
}

/// The body that ends the grant, or the access token if that is all there is.
fn revocation(tokens: &Tokens, options: &Options<'_>) -> String {
    let token = match &tokens.refresh {
        Some(refresh) => Revocable::Refresh(refresh),
        None => Revocable::Access(&tokens.access),
    };
    build_revocation_request(&options.client_id, token)
}

fn tokens(input: Input<'_>) -> Result<Tokens, Failure> {
    parameters::success(input)?;
    let response = parameters::token_response(input);
    let response = response.ok_or(Failure::Unreadable { status: 200 })?;
    Ok(token::process(&response)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_waits_as_long_as_the_core_counts_on() {
        let host = include_str!("../js/transport.js").replace('_', "");
        for (name, value) in [
            ("TRYTIMEOUT", retry::TRY_TIMEOUT_MS),
            ("LASTTRY", retry::LAST_TRY_SECONDS),
        ] {
            assert!(host.contains(&format!("const {name} = {value};")), "{name}");
        }
    }
}
