//! The calls, by name. Each reads its parameters, asks the core, and writes down what it said.

use gatepass_core::form::Form;
use gatepass_core::id::Nonce;
use gatepass_core::rp::authorization::{
    self, AuthorizationError, AuthorizationRequest, ResponseError, ReturnTo, Transaction,
};
use gatepass_core::rp::failure::Failure;
use gatepass_core::rp::id_token::{self, Expected};
use gatepass_core::rp::metadata::{self, Metadata};
use gatepass_core::rp::retry;
use gatepass_core::rp::session::{Begun, Finished, Rejected};
use gatepass_core::rp::sign_out::{Revocable, build_end_session_url, build_revocation_request};
use gatepass_core::rp::token::{self, Tokens, build_code_request};
use gatepass_core::secret::IdToken;

use crate::Core;
use crate::error::Error;
use crate::options::Options;
use crate::parameters::{
    self, generation, number, optional_lifetime, optional_timestamp, timestamp, write,
};

type Answer = Result<String, Error>;

impl Core {
    pub(crate) fn answer(&mut self, input: &Form) -> Answer {
        match input.optional("call").unwrap_or_default() {
            "configure" => self.configure(input),
            "learn" => self.learn(input),
            "authorize" => self.authorize(input),
            "redeem" => self.redeem(input),
            "sign_in" => self.sign_in(input),
            "adopt" => Ok(self.adopt(input)),
            "rejected" => self.rejected(input),
            "refresh" => self.refresh(),
            "refresh_body" => self.refresh_body(input),
            "refreshed" => self.refreshed(input),
            "pause" => pause(input),
            "check" => check(input),
            "sign_out" => self.sign_out(),
            "expire" => self.expire(),
            "end_session" => self.end_session(input),
            _ => Err(Error::Malformed),
        }
    }

    /// The options of `createClient` -> where the discovery document is, and where else it may be.
    fn configure(&mut self, input: &Form) -> Answer {
        let options = Options::parse(input)?;
        let [first, second] = metadata::locations(&options.issuer);
        self.options = Some(options);
        Ok(write(&[("first", &*first), ("second", &second)]))
    }

    /// A reply with the discovery document -> nothing, if its endpoints can be used.
    fn learn(&mut self, input: &Form) -> Answer {
        parameters::success(input)?;
        let document = parameters::discovery_document(input);
        let document = document.ok_or(Failure::Unreadable { status: 200 })?;
        let found = metadata::process(&self.options()?.issuer, &document)?;
        self.metadata = Some(found);
        Ok(String::new())
    }

    /// The wishes of `login`, the secrets, `now` -> the request as a `url`, which ends with its `parameters`, and the
    /// `record` to keep under `state`.
    fn authorize(&mut self, input: &Form) -> Answer {
        let now = timestamp(input)?;
        let options = self.options()?;
        let request = AuthorizationRequest {
            client_id: &options.client_id,
            redirect_uri: &options.redirect_uri,
            scope: &options.scope,
            resource: options.resource.as_deref(),
            login_hint: input.optional("loginHint"),
            prompt: input.optional("prompt"),
            max_age: optional_lifetime(input, "maxAge"),
            dpop_jkt: input.optional("jkt"),
            return_to: ReturnTo::parse(input.optional("returnTo").unwrap_or("/"))?,
        };
        let secrets = parameters::secrets(input).ok_or(Error::Malformed)?;
        let (asked, transaction) = authorization::build(self.metadata()?, request, secrets, now);
        Ok(write(&[
            ("url", &*asked.url),
            ("parameters", &asked.parameters),
            ("state", transaction.state().as_str()),
            ("record", &transaction.to_record()),
        ]))
    }

    /// The `query` that came back, the `record` under its state, `now` -> the `body` of the token
    /// request, and the `nonce`, `max_age` and `return_to`.
    fn redeem(&mut self, input: &Form) -> Answer {
        let now = timestamp(input)?;
        let query = Form::parse(input.optional("query").unwrap_or_default());
        let query = query.map_err(ResponseError::from)?;
        let response = authorization::parse(&query)?;
        let record = input.optional("record").unwrap_or_default();
        let transaction = Transaction::from_record(response.state(), record);
        let transaction = transaction.ok_or(AuthorizationError::OtherState)?;
        let redemption = authorization::process(self.metadata()?, transaction, &response, now)?;
        let options = self.options()?;
        let body = build_code_request(
            &options.client_id,
            &options.redirect_uri,
            options.resource.as_deref(),
            &redemption,
        );
        let max_age = redemption.max_age.map(|age| age.seconds().to_string());
        Ok(write(&[
            ("body", &*body),
            ("nonce", redemption.nonce.as_str()),
            ("max_age", max_age.as_deref().unwrap_or_default()),
            ("return_to", redemption.return_to.as_str()),
        ]))
    }

    /// A reply with tokens, the claims of the ID token, what is `expected` of them -> the session.
    fn sign_in(&mut self, input: &Form) -> Answer {
        let tokens = tokens(input)?;
        let options = self.options()?;
        if tokens.id_token.is_some() || options.is_openid() {
            let nonce = Nonce::parse(input.optional("nonce").unwrap_or_default());
            let expected = Expected {
                nonce: &nonce.map_err(|_| Error::IdToken)?,
                max_age: optional_lifetime(input, "max_age"),
                at_hash: input.optional("at_hash"),
                date: optional_timestamp(input, "date"),
            };
            let claims = parameters::id_token_claims(input).ok_or(Error::IdToken)?;
            id_token::process(self.metadata()?, &options.client_id, expected, &claims)?;
        }
        self.session.sign_in(tokens);
        Ok(self.view())
    }

    /// The `record` of a store -> the session.
    fn adopt(&mut self, input: &Form) -> String {
        self.session
            .adopt(input.optional("record").unwrap_or_default());
        self.view()
    }

    /// The `generation` of a token that met a 401 -> what to `do` about it.
    fn rejected(&mut self, input: &Form) -> Answer {
        let verdict = match self.session.rejected(generation(input, "generation")?) {
            Rejected::Refresh => "refresh",
            Rejected::Repeat => "repeat",
            Rejected::Return => "return",
        };
        Ok(write(&[("do", verdict)]))
    }

    /// The `flight` that begins; nothing if one is under way that can be waited for.
    fn refresh(&mut self) -> Answer {
        match self.session.begin_refresh() {
            Begun::Start(flight) => {
                let name = flight.generation().number().to_string();
                self.flights.push(flight);
                Ok(write(&[("flight", &*name)]))
            }
            Begun::Join => Ok(String::new()),
            Begun::SignedOut => Err(Error::SignedOut),
            Begun::NotRefreshable => Err(Error::NotRefreshable),
        }
    }

    /// A `flight` -> the `body` of its next try; nothing if it must not be sent any more.
    fn refresh_body(&mut self, input: &Form) -> Answer {
        let options = self.options()?;
        let generation = generation(input, "flight")?;
        let mut flights = self.flights.iter();
        let flight = flights.find(|flight| flight.generation() == generation);
        let resource = options.resource.as_deref();
        let body = flight.and_then(|flight| {
            self.session
                .build_refresh(flight, &options.client_id, resource)
        });
        Ok(body.map_or_else(String::new, |body| write(&[("body", &*body)])))
    }

    /// A `flight` and the last reply -> the session; with `late`, the body that revokes tokens that
    /// came after a sign-out; with `renewed`, if there are new ones.
    fn refreshed(&mut self, input: &Form) -> Answer {
        let generation = generation(input, "flight")?;
        let mut flights = self.flights.iter();
        let flight = flights.position(|flight| flight.generation() == generation);
        let flight = flight.map(|position| self.flights.swap_remove(position));
        let flight = flight.ok_or(Error::Malformed)?;
        match self.session.finish_refresh(flight, tokens(input)) {
            Finished::Renewed => Ok([&self.view(), "&renewed=1"].concat()),
            Finished::Overtaken(None) => Ok(self.view()),
            Finished::Kept(failure) => Err(failure.into()),
            Finished::Ended(reason) => Err(Error::SessionEnded(reason)),
            Finished::Overtaken(Some(late)) => {
                let late = self.revocation(&late)?;
                Ok([&self.view(), "&", &write(&[("late", &*late)])].concat())
            }
        }
    }

    /// The `body` that revokes the tokens, which are forgotten, and the `hint` for `end_session`;
    /// nothing if there were none.
    fn sign_out(&mut self) -> Answer {
        let Some(tokens) = self.session.sign_out() else {
            return Ok(String::new());
        };
        let hint = tokens.id_token.as_ref().map_or("", IdToken::expose);
        Ok(write(&[
            ("body", &*self.revocation(&tokens)?),
            ("hint", hint),
        ]))
    }

    /// The `body` that revokes the access token alone.
    fn expire(&mut self) -> Answer {
        let (_, token) = self.session.bearer().ok_or(Error::SignedOut)?;
        let token = Revocable::Access(token);
        let body = build_revocation_request(&self.options()?.client_id, token);
        Ok(write(&[("body", &*body)]))
    }

    /// Where to go `next`, the `hint` -> the `url` at which the provider signs the user out; nothing if it has none.
    fn end_session(&mut self, input: &Form) -> Answer {
        let client_id = &self.options()?.client_id;
        let next = input.optional("next").ok_or(Error::Malformed)?;
        Ok(match &self.metadata()?.end_session_endpoint {
            Some(endpoint) => {
                let hint = input.optional("hint");
                write(&[(
                    "url",
                    &*build_end_session_url(endpoint, client_id, next, hint),
                )])
            }
            None => String::new(),
        })
    }

    /// What `session.js` keeps of the session: `generation`; if signed in, `access` for the header and
    /// `record` for the store.
    fn view(&self) -> String {
        let generation = self.session.generation().number().to_string();
        let access = self.session.bearer().map(|(_, token)| token.expose());
        let record = self.session.to_record();
        write(&[
            ("generation", &*generation),
            ("access", access.unwrap_or_default()),
            ("record", record.as_deref().unwrap_or_default()),
        ])
    }

    /// The body that ends the grant, or the access token if that is all there is.
    fn revocation(&self, tokens: &Tokens) -> Answer {
        let token = match &tokens.refresh {
            Some(refresh) => Revocable::Refresh(refresh),
            None => Revocable::Access(&tokens.access),
        };
        Ok(build_revocation_request(&self.options()?.client_id, token))
    }

    fn options(&self) -> Result<&Options, Error> {
        self.options.as_ref().ok_or(Error::Malformed)
    }

    fn metadata(&self) -> Result<&Metadata, Error> {
        self.metadata.as_ref().ok_or(Error::Malformed)
    }
}

/// A reply, how many `tries` there were, a random byte -> the milliseconds to `wait` before another;
/// nothing if there is to be none.
fn pause(input: &Form) -> Answer {
    let (tries, jitter) = (number(input, "tries")?, number(input, "jitter")?);
    let failure = match parameters::success(input) {
        Ok(()) if input.optional("json").is_some() => return Ok(String::new()),
        Ok(()) => Failure::Unreadable { status: 200 },
        Err(failure) => failure,
    };
    let pause = retry::pause_ms(tries, &failure, jitter);
    Ok(pause.map_or_else(String::new, |pause| write(&[("wait", &*pause.to_string())])))
}

/// A reply -> nothing, if it is one of success.
fn check(input: &Form) -> Answer {
    parameters::success(input)?;
    Ok(String::new())
}

fn tokens(input: &Form) -> Result<Tokens, Failure> {
    parameters::success(input)?;
    let response = parameters::token_response(input);
    Ok(token::process(
        response.ok_or(Failure::Unreadable { status: 200 })?,
    )?)
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
