//! `GET /admin/audit`, `GET /admin/metrics`: what an operator may look at, with the token
//! `GATEPASS_ADMIN_TOKEN`.

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
    let limit = form.optional("limit").and_then(|limit| limit.parse().ok());
    let limit = limit.unwrap_or(ROWS).clamp(1, ROWS);
    // A colon comes after every digit.
    let before = form.optional("before").unwrap_or(":");
    let rows = app.store.audit_rows(before, limit).await?;
    let is_full = rows.len() == usize::try_from(limit).unwrap_or(usize::MAX);
    let last = rows.last().filter(|_| is_full);
    let next = last
        .and_then(|row| row.split('"').nth(3))
        .map(|id| format!(",\"next\":\"{id}\""));
    let (events, next) = (rows.join(","), next.unwrap_or_default());
    http::json_text(format!("{{\"events\":[{events}]{next}}}"))
}
