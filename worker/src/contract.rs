//! The store contract of `gatepass-testing`, held against D1 inside a Worker. Only with the feature
//! `contract`, for tests: `GET /contract` names the contracts, `POST /contract/{name}` runs one.
//!
//! A contract that is broken panics. The panic's message goes to the log, and the runtime answers
//! the request with an error.

use std::panic;
use std::sync::Once;

use gatepass_edge::EdgeError;
use gatepass_edge::d1::{Database, RoundTrips};
use gatepass_testing::store_contracts;
use worker::{Env, Method, Request, Response};

use crate::store::D1Store;

const PATH: &str = "/contract";

/// Whether a request is for the contract and not for the provider.
pub fn is_asked_for(request: &Request) -> bool {
    request.path().starts_with(PATH)
}

/// Runs the contract that the path names, or names them all.
pub async fn answer(request: &Request, env: &Env) -> Result<Response, EdgeError> {
    static LOGS_PANICS: Once = Once::new();
    LOGS_PANICS.call_once(|| {
        panic::set_hook(Box::new(|panic| worker::console_error!("{panic}")));
    });
    if request.method() == Method::Get {
        return Ok(Response::from_json(&NAMES)?);
    }
    let database = Database::new(env, "DB", RoundTrips::default());
    let store = D1Store::new(database?);
    let path = request.path();
    let name = path.strip_prefix(PATH).unwrap_or_default();
    if run(name.trim_start_matches('/'), &store).await {
        Ok(Response::ok("kept")?)
    } else {
        Ok(Response::error("there is no such contract", 404)?)
    }
}

macro_rules! by_name {
    (() $($contract:ident,)+) => {
        const NAMES: &[&str] = &[$(stringify!($contract)),+];

        /// Runs the contract of this name, if there is one.
        async fn run(name: &str, store: &D1Store) -> bool {
            match name {
                $(stringify!($contract) => gatepass_testing::contract::$contract(store).await,)+
                _ => return false,
            }
            true
        }
    };
}

store_contracts! { by_name!() }
