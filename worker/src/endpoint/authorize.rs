//! `GET, POST /oauth/authorize` (OAuth 2.1 §4.1.1): two round trips to D1 with a live sign-in.

use gatepass_core::authorize::object::check_need_not_be_signed;
use gatepass_core::authorize::pushed::check_need_not_be_pushed;
use gatepass_core::authorize::{
    AuthorizationRequest, LocalRefusal, RedirectRefusal, Refusal, validate,
};
use gatepass_core::discovery::path;
use gatepass_core::error::ErrorCode;
use gatepass_core::form::Form;
use gatepass_edge::{EdgeError, clock, http};
use worker::{Method, Request, Response};

use super::asked::{self, Asked, Came, Reading};
use super::walk::{self, Walk};
use super::{Unreadable, id_token_hint, is_from_our_page, parameters};
use crate::app::App;
use crate::page::{self, Problem};

pub async fn answer(mut request: Request, app: &App) -> Result<Response, EdgeError> {
    let now = clock::now();
    let form = match parameters(&mut request).await? {
        Ok(form) => form,
        Err(Unreadable::Form(error)) => return refuse_locally(&error.into(), app),
        Err(unreadable) => return unreadable.page(app),
    };
    if request.method() == Method::Post && !is_from_our_page(&request) {
        // SameSite=Lax withholds the cookies from a POST of another site, but not from a GET.
        return http::see_other(&format!("{}?{}", path::AUTHORIZE, form.encode()));
    }
    let asked = match asked::read(form, &request, app, now).await? {
        Reading::Asked(asked) => asked,
        Reading::NeedsCookie(form) => return asked::give_cookie(&form, app),
        Reading::Refused(refusal) => return refuse_locally(&refusal, app),
    };
    let Asked {
        form,
        client,
        visitor,
        came,
    } = *asked;
    let authorization = match validate(&form, client.as_ref(), &app.config.resources) {
        Ok(authorization) => authorization,
        Err(Refusal::Local(refusal)) => return refuse_locally(&refusal, app),
        Err(Refusal::Redirect(refusal)) => return walk::refuse(&refusal, app),
    };
    let authorization = match expecting(authorization, &form, app).await? {
        Ok(authorization) => authorization,
        Err(refusal) => return walk::refuse(&refusal, app),
    };
    let Some(client) = client else {
        return refuse_locally(&LocalRefusal::UnknownClient, app);
    };
    let must_push = app.config.require_pushed_requests;
    let let_in = match came {
        Came::Bare => check_need_not_be_signed(&authorization, &client)
            .and_then(|()| check_need_not_be_pushed(&authorization, &client, must_push)),
        Came::Signed => check_need_not_be_pushed(&authorization, &client, must_push),
        Came::LetIn => Ok(()),
    };
    if let Err(refusal) = let_in {
        return walk::refuse(&refusal, app);
    }
    let walk = Walk {
        authorization,
        client,
        visitor,
    };
    walk::go_on(walk, &request, app, now).await
}

/// Holds the request to the user that its `id_token_hint` names, if it has one.
async fn expecting(
    authorization: AuthorizationRequest,
    form: &Form,
    app: &App,
) -> Result<Result<AuthorizationRequest, RedirectRefusal>, EdgeError> {
    match form.optional("id_token_hint") {
        Some(hint) => Ok(authorization.expecting(id_token_hint(hint, app).await?)),
        None => Ok(Ok(authorization)),
    }
}

/// Shows what is wrong; the request names nobody who could be told.
fn refuse_locally(refusal: &LocalRefusal, app: &App) -> Result<Response, EdgeError> {
    let message = format!("The app that sent you here made a mistake: {refusal}.");
    let problem = Problem {
        title: "This sign-in cannot begin",
        message: &message,
        help: "Go back to the app and try again. If it stays like this, tell whoever runs the app.",
        code: match refusal {
            LocalRefusal::UnknownClient => ErrorCode::InvalidRequest.as_str(),
            refusal => refusal.code().as_str(),
        },
        status: 400,
    };
    page::error(&problem, &app.request_id)
}
