//! `GET /admin/audit`, `GET /admin/metrics`: what an operator may look at, with the token
//! `GATEPASS_ADMIN_TOKEN`.

use gatepass_core::error::{ErrorCode, ErrorResponse};
use gatepass_core::form::Form;
use gatepass_core::resource::Scheme;
use gatepass_edge::{EdgeError, clock, http};
use worker::{Request, Response};

use super::admin_keys::authenticate;
use super::{Unreadable, parameters};
use crate::app::App;
use crate::metrics;

/// How many rows of the audit log one answer has, unless `limit` says less.
const ROWS: u32 = 100;

/// What is looked at.
#[derive(Clone, Copy, Debug)]
pub enum View {
    /// `GET /admin/audit`.
    Audit,
    /// `GET /admin/metrics`.
    Metrics,
}

pub async fn answer(view: View, mut request: Request, app: &App) -> Result<Response, EdgeError> {
    if let Err(refusal) = authenticate(&request, app) {
        let refused = refusal.presented(Scheme::Bearer);
        return http::challenge(&refused, app.config.issuer.as_str(), None);
    }
    match view {
        View::Audit => match parameters(&mut request).await? {
            Ok(form) => audit(&form, app).await,
            Err(unreadable) => Unreadable::response(unreadable),
        },
        View::Metrics => {
            let text = metrics::text(app, clock::now()).await?;
            let response = http::with_type(text, "text/plain; version=0.0.4; charset=utf-8")?;
            response.headers().set("Cache-Control", "no-store")?;
            Ok(response)
        }
    }
}

/// The newest events first; `next` is where the page after this one begins.
async fn audit(form: &Form, app: &App) -> Result<Response, EdgeError> {
    let limit = match form.optional("limit").map(str::parse) {
        None => ROWS,
        Some(Ok(limit @ 1..=ROWS)) => limit,
        Some(_) => {
            let problem = format!("limit must be a number from 1 to {ROWS}");
            return http::error_json(&ErrorResponse::new(ErrorCode::InvalidRequest, problem));
        }
    };
    // A colon comes after every digit.
    let before = form.optional("before").unwrap_or(":");
    let mut page = String::from("{\"events\":[");
    let (mut count, mut last) = (0, None);
    for (id, event) in app.store.audit_rows(before, limit).await? {
        page.push_str(if count > 0 { "," } else { "" });
        page.push_str(&event);
        (count, last) = (count + 1, Some(id));
    }
    page.push(']');
    if let Some(id) = last.filter(|_| count == limit) {
        page.push_str(",\"next\":");
        page.push_str(&serde_json::to_string(&id)?);
    }
    page.push('}');
    http::json_text(page)
}
