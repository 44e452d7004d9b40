//! Asking the provider about a token (RFC 7662).

use std::rc::Rc;

use base64ct::{Base64, Encoding};
use gatepass_core::form;
use gatepass_core::id::ClientId;
use gatepass_core::jose::ParsedJwt;
use gatepass_core::resource::{
    Answered, Asker, Authorized, Expected, Moment, ResourceRefusal, TokenClaims, Turn,
    check_introspection,
};
use gatepass_core::secret::{AccessToken, ClientSecret, SecretHash};
use gatepass_core::status_list::DEFAULT_BOUND_SECONDS;
use gatepass_core::time::Lifetime;
use gatepass_edge::fetch::Said;
use gatepass_edge::kv::Namespace;
use gatepass_edge::{EdgeError, background, clock, fetch, log};

use super::answers::Answer;
use super::jwks::is_jwt;
use super::provider::Provider;
use super::status::Freshness;

/// Who asks the provider about tokens: a client that authenticates with `client_secret_basic` and
/// may introspect.
#[derive(Debug)]
pub struct ResourceServer {
    /// The `client_id` of this resource server.
    pub client_id: ClientId,
    /// Its secret.
    pub secret: ClientSecret,
    /// How every token of the provider begins that is no JWT, if they all begin so: about another nobody is asked.
    pub token_prefix: Option<String>,
    /// Where isolates share what the provider has said.
    pub shared: Option<Namespace>,
}

/// The shortest token that the provider is asked about, in characters: shorter ones could be guessed
/// (RFC 6749 §10.10).
const SHORTEST: usize = 16;
/// How long a request waits for its turn to ask, and how long it sleeps before it looks again: at first, and at
/// most, in milliseconds: no longer than most providers take to answer, so that few turns are slept through.
const PATIENCE: Lifetime = Lifetime::from_seconds(10);
/// How long a question may be under way, or may wait for its turn, before another asks the same.
const LEASE: Lifetime = Lifetime::from_seconds(16);
const QUEUE: Lifetime = Lifetime::from_seconds(3);
const FIRST_NAP: u32 = 10;
const LONGEST_NAP: u32 = 50;

impl ResourceServer {
    /// Judges `token`, which came from `address`, by what the provider says of it, or has said lately.
    pub(super) async fn judge(
        &self,
        about: About<'_>,
        expected: &Expected,
    ) -> Result<Result<Authorized, ResourceRefusal>, EdgeError> {
        if !self.may_be_issued(about.token.expose()) {
            return Ok(Err(ResourceRefusal::Inactive));
        }
        let answer = match self.answer(about).await? {
            Ok(answer) => answer,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let judged = check_introspection(answer.said.clone(), expected, clock::now());
        Ok(judged.map(|authorized| Authorized {
            claims: TokenClaims::of_introspection(&answer.text),
            ..authorized
        }))
    }

    /// Whether it has the form of what the provider issues.
    fn may_be_issued(&self, token: &str) -> bool {
        let prefix = self.token_prefix.as_deref().unwrap_or_default();
        token.len() >= SHORTEST && (is_jwt(token) || token.starts_with(prefix))
    }

    async fn answer(
        &self,
        about: About<'_>,
    ) -> Result<Result<Rc<Answer>, ResourceRefusal>, EdgeError> {
        let answers = about.provider.answers();
        let question = Question::new(self, about);
        let deadline = clock::now().plus(PATIENCE);
        let (mut nap, mut is_first, mut has_looked) = (FIRST_NAP, false, false);
        loop {
            let now = clock::now();
            if let Some(known) = answers.good(&question.key) {
                return match about.freshness {
                    None => question.ask(None).await.map(Rc::new).map(Ok),
                    Some(_) => known.current(|| question.ask(None)).await.map(Ok),
                };
            }
            if answers.is_bad(&question.key, about.remembered_for(), now) {
                return Ok(Err(ResourceRefusal::Inactive));
            }
            if !has_looked {
                has_looked = true;
                if ParsedJwt::says_it_is_over(about.token.expose(), now) {
                    return Ok(Err(ResourceRefusal::Inactive));
                }
                if question.look_up(about.address).await {
                    continue;
                }
            }
            // Whoever comes with the same token meanwhile waits for what comes of this.
            if is_first || !answers.is_asked(&question.key, now) {
                match about.turn(is_first) {
                    Turn::Ask(whose) => {
                        answers.begin(&question.key, now.plus(LEASE));
                        let asked = question.ask(Some((about.address, whose)));
                        return background::finish(asked).await?.map(Rc::new).map(Ok);
                    }
                    Turn::Refuse(after) => return Ok(Err(ResourceRefusal::TooManyUnknown(after))),
                    Turn::First => {
                        is_first = true;
                        answers.begin(&question.key, now.plus(QUEUE));
                    }
                    Turn::Wait => {}
                }
            }
            if now >= deadline {
                return Err(EdgeError::Upstream("nobody got an answer".to_owned()));
            }
            clock::pause(nap).await?;
            nap = (nap * 2).min(LONGEST_NAP);
        }
    }

    /// RFC 6749 §2.3.1: both are form-encoded first.
    fn authorization(&self) -> String {
        let encoded = |text: &str| form::encode([(text, "")]).trim_end_matches('=').to_owned();
        let (id, secret) = (self.client_id.as_str(), self.secret.expose());
        let pair = format!("{}:{}", encoded(id), encoded(secret));
        format!("Basic {}", Base64::encode_string(pair.as_bytes()))
    }
}

/// Now, as a flood counts.
fn moment() -> Moment {
    Moment::from_milliseconds(clock::milliseconds())
}

/// A token, where it came from, and how old an answer about it may be.
#[derive(Clone, Copy)]
pub(super) struct About<'a> {
    pub(super) provider: &'a Rc<Provider>,
    pub(super) token: &'a AccessToken,
    pub(super) freshness: Option<Freshness>,
    /// A network, or nothing if nobody knows.
    pub(super) address: &'a str,
}

impl About<'_> {
    /// Whether the provider may be asked now.
    fn turn(self, is_first: bool) -> Turn {
        let mut strangers = self.provider.strangers().borrow_mut();
        strangers.turn(self.address, is_first, moment())
    }

    /// How long a bad token is remembered, however short the bound is: it does not become a good one.
    fn remembered_for(self) -> Lifetime {
        let least = Lifetime::from_seconds(DEFAULT_BOUND_SECONDS);
        self.freshness
            .map_or(least, |freshness| freshness.bound.max(least))
    }
}

/// What is asked, with all that it takes: it goes on when its request is over.
struct Question {
    provider: Rc<Provider>,
    key: String,
    authorization: String,
    token: AccessToken,
    freshness: Option<Freshness>,
    shared: Option<Namespace>,
}

impl Question {
    fn new(server: &ResourceServer, about: About<'_>) -> Self {
        let token = AccessToken::new(about.token.expose());
        // Whoever else asks may be told something else; and the token must not be found by its hash alone.
        let issuer = about.provider.issuer();
        let name = format!("{} {issuer} {}", token.expose(), server.client_id);
        Self {
            provider: Rc::clone(about.provider),
            key: SecretHash::of(&name).to_base64url(),
            authorization: server.authorization(),
            token,
            freshness: about.freshness,
            // Without a bound nobody may use what somebody else was told.
            shared: about.freshness.and(server.shared.clone()),
        }
    }

    /// Looks whether another isolate has asked, and takes in what that was told about the token, which came from
    /// `address`. Says whether it does.
    async fn look_up(&self, address: &str) -> bool {
        let (Some(shared), Some(freshness)) = (&self.shared, self.freshness) else {
            return false;
        };
        let found = match shared.read(&self.key).await {
            Ok(found) => found,
            Err(error) => {
                log::fetch_failed(&error);
                None
            }
        };
        let Some(answer) = found.as_deref().and_then(Answer::kept) else {
            return false;
        };
        let now = clock::now();
        // What lies further ahead was noted by a clock that was wrong.
        let is_past = answer.as_of <= now.plus(LEASE);
        let is_young = is_past && answer.as_of.is_within(freshness.longest(), now);
        if is_young {
            let answers = self.provider.answers();
            // Once for each token: nobody becomes known at many addresses by one.
            if answer.said.active && answers.good(&self.key).is_none() {
                let mut strangers = self.provider.strangers().borrow_mut();
                strangers.brought_good(address);
            }
            answers.learn(&self.key, answer, freshness);
        }
        is_young
    }

    /// Asks, and tells everybody what was answered: those of this isolate, and those of others in the
    /// background. `from` is the address that brought the token, if nobody here knew it.
    fn ask(
        &self,
        from: Option<(&str, Asker)>,
    ) -> impl Future<Output = Result<Answer, EdgeError>> + 'static {
        let (provider, key) = (Rc::clone(&self.provider), self.key.clone());
        let authorization = self.authorization.clone();
        let token = AccessToken::new(self.token.expose());
        let (freshness, shared) = (self.freshness, self.shared.clone());
        let from = from.map(|(address, whose)| (address.to_owned(), whose));
        async move {
            let asked = ask(&provider, &authorization, &token).await;
            let answers = provider.answers();
            answers.end(&key);
            if let Some((address, whose)) = from {
                let answered = match &asked {
                    Ok(Ok(answer)) if answer.said.active => Answered::Good,
                    Ok(_) => Answered::Bad,
                    Err(_) => Answered::Failed,
                };
                let mut strangers = provider.strangers().borrow_mut();
                strangers.answered(&address, whose, answered, moment());
            }
            let answer = asked??;
            let kept = freshness.unwrap_or(Freshness::NONE);
            answers.learn(&key, answer.clone(), kept);
            if let Some(shared) = shared {
                let (text, seconds) = (answer.to_keep(), kept.longest().seconds());
                background::begin(async move {
                    if let Err(error) = shared.keep(&key, &text, seconds).await {
                        log::fetch_failed(&error);
                    }
                })?;
            }
            Ok(answer)
        }
    }
}

/// Asks, unless the provider has failed so often lately that it is left alone. The inner error is that it does not
/// speak of this token: whoever invents such tokens must not make it seem to fail for all others.
async fn ask(
    provider: &Provider,
    authorization: &str,
    token: &AccessToken,
) -> Result<Result<Answer, EdgeError>, EdgeError> {
    let began = clock::now();
    if !provider.breaker().borrow_mut().admits(began) {
        let failure = "the provider has failed lately, and is left alone for a while";
        return Err(EdgeError::Upstream(failure.to_owned()));
    }
    let answered = asked(provider, authorization, token).await;
    let mut breaker = provider.breaker().borrow_mut();
    match &answered {
        Ok(_) => breaker.succeeded(),
        Err(_) => breaker.failed(clock::now()),
    }
    answered.map(|said| {
        let unreadable = || EdgeError::Upstream("an answer about a token is unreadable".to_owned());
        said.and_then(|text| Answer::read(began, text).ok_or_else(unreadable))
    })
}

/// What a provider, or a firewall before it, answers to a question that it does not like.
const UNLIKED: [u16; 6] = [400, 403, 406, 413, 414, 422];

async fn asked(
    provider: &Provider,
    authorization: &str,
    token: &AccessToken,
) -> Result<Result<String, EdgeError>, EdgeError> {
    let metadata = provider.metadata().await?;
    let endpoint = metadata.introspection_endpoint.as_deref();
    let endpoint = endpoint.ok_or_else(|| {
        EdgeError::Upstream("the provider cannot be asked about tokens".to_owned())
    })?;
    let parameters = [
        ("token", token.expose()),
        ("token_type_hint", "access_token"),
    ];
    let failed = |why| EdgeError::Upstream(format!("{endpoint}: {why}"));
    match fetch::post_form(endpoint, authorization, &parameters).await? {
        Said::Text(text) if text.trim_start().starts_with('{') => Ok(Ok(text)),
        Said::Text(_) => Ok(Err(failed("no JSON object".to_owned()))),
        Said::TooLarge => Ok(Err(failed("too large".to_owned()))),
        Said::Status(status) => {
            let failure = failed(format!("status {status}"));
            if UNLIKED.contains(&status) {
                Ok(Err(failure))
            } else {
                Err(failure)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_credentials_are_form_encoded_inside() {
        let server = ResourceServer {
            client_id: ClientId::parse("my api").unwrap(),
            secret: ClientSecret::new("a:b=c=ü"),
            token_prefix: None,
            shared: None,
        };
        let encoded = server.authorization();
        let pair = Base64::decode_vec(encoded.strip_prefix("Basic ").unwrap()).unwrap();
        assert_eq!(pair, b"my+api:a%3Ab%3Dc%3D%C3%BC");
    }

    #[test]
    fn what_could_not_have_been_issued_is_not_asked_about() {
        let server = |prefix: Option<&str>| ResourceServer {
            client_id: ClientId::parse("api").unwrap(),
            secret: ClientSecret::new("secret"),
            token_prefix: prefix.map(str::to_owned),
            shared: None,
        };
        for (token, without, with) in [
            ("short", false, false),
            ("fifteen-letters", false, false),
            ("sixteen-letters-", true, false),
            ("gp_thirteen-more", true, true),
            ("a-jwt.has.its-own", true, true),
            ("an.opaque-one-has-dots", true, false),
        ] {
            assert_eq!(server(None).may_be_issued(token), without, "{token}");
            assert_eq!(server(Some("gp_")).may_be_issued(token), with, "{token}");
        }
    }
}
