//! `GET, POST /consent`: the consent page (OIDC Core §3.1.2.4).
//!
//! Its state token opens only in the browser that began, and counts only for the sign-in that it was
//! sealed for: whoever signs in meanwhile is asked themselves. Its form is answered only from the page
//! itself.

use gatepass_core::authorize::consent::Answer;
use gatepass_core::authorize::state_token::StateTokenError;
use gatepass_core::authorize::{Asked, AuthorizationRequest, agree, asked};
use gatepass_core::client::Client;
use gatepass_core::discovery::path;
use gatepass_core::form::Form;
use gatepass_core::scope::Scope;
use gatepass_core::secret::{SignInCookie, StateToken};
use gatepass_core::store::ConsentStore;
use gatepass_core::time::Timestamp;
use gatepass_edge::{EdgeError, clock, http};
use worker::{Method, Request, Response};

use super::{is_from_our_page, login, parameters, signed_in_as, walk};
use crate::app::App;
use crate::page;

pub async fn answer(mut request: Request, app: &App) -> Result<Response, EdgeError> {
    let now = clock::now();
    let form = match parameters(&mut request).await? {
        Ok(form) => form,
        Err(unreadable) => return unreadable.page(app),
    };
    let token = StateToken::new(form.optional("state_token").unwrap_or_default());
    let opened = match login::open(&token, &request, app, now) {
        Ok(opened) => opened,
        Err(error) => return login::begin_again(error, &token, &request, app, now),
    };
    let sign_in = signed_in_as(&request, app).as_ref().map(SignInCookie::id);
    let (client, visitor) = app
        .store
        .client_and_visitor(&opened.client_id, sign_in.as_ref())
        .await?;
    let authorization = match opened.request(client.as_ref()) {
        Ok(authorization) => authorization,
        Err(error) => return login::refuse(error, app),
    };
    let Some(client) = client else {
        return login::refuse(StateTokenError::Unregistered, app);
    };
    let Some(asked) = asked(&authorization, visitor, now) else {
        return back(&token);
    };
    let question = Question {
        token: &token,
        authorization: &authorization,
        client: &client,
    };
    if request.method() == Method::Post && is_from_our_page(&request) {
        decide(&question, asked, &form, app, now).await
    } else {
        question.show_first(&asked)
    }
}

/// What is asked.
struct Question<'a> {
    token: &'a StateToken,
    authorization: &'a AuthorizationRequest,
    client: &'a Client,
}

async fn decide(
    question: &Question<'_>,
    asked: Asked,
    form: &Form,
    app: &App,
    now: Timestamp,
) -> Result<Response, EdgeError> {
    let authorization = question.authorization;
    let answer = match Answer::parse(form, &authorization.asks_for()) {
        Ok(answer) => answer,
        Err(error) => return question.show_again(&asked, form, &error.to_string()),
    };
    let (permission, answer) = match agree(authorization, asked, answer) {
        Ok(agreed) => agreed,
        Err(refusal) => return walk::refuse(&refusal, app),
    };
    let asked = (authorization, question.client);
    let sent = walk::send_answer(asked, &permission, Some(&answer), app, now).await?;
    sent.map_or_else(|| back(question.token), Ok)
}

/// To where the request goes on for whoever is signed in now.
fn back(token: &StateToken) -> Result<Response, EdgeError> {
    http::see_other(&format!(
        "{}?state_token={}",
        path::CALLBACK,
        token.expose()
    ))
}

impl Question<'_> {
    /// With everything ticked but what was declined before.
    fn show_first(&self, asked: &Asked) -> Result<Response, EdgeError> {
        let scope = self.authorization.asks_for();
        let ticked = match &asked.visitor().consent {
            Some(consent) => scope.difference(&consent.declined),
            None => scope,
        };
        self.show(asked, &ticked, "")
    }

    /// With what was ticked, and what is missing.
    fn show_again(&self, asked: &Asked, form: &Form, error: &str) -> Result<Response, EdgeError> {
        self.show(
            asked,
            &Answer::ticked(form, &self.authorization.asks_for()),
            error,
        )
    }

    fn show(&self, asked: &Asked, ticked: &Scope, error: &str) -> Result<Response, EdgeError> {
        page::consent(&page::Consent {
            client_name: &self.client.name,
            client_host: self.client.id.host(),
            redirect_uri: self.authorization.redirect.uri(),
            username: &asked.visitor().username,
            state_token: self.token.expose(),
            requested: &self.authorization.asks_for(),
            details: &self.authorization.details,
            ticked,
            error,
        })
    }
}
