//! What is written into the audit log, and how: in the transaction of what it tells about, or of the next
//! batch of this request; what then still waits is written when the answer is on its way.

use gatepass_core::address::Network;
use gatepass_core::audit::Event;
use gatepass_core::grant::Grant;
use gatepass_core::id::{ClientId, GrantId, JwtId, Subject};
use gatepass_edge::{EdgeError, background, clock, http, log, random};
use worker::Request;

use crate::app::App;
use crate::store::AuditRow;
use crate::webhook;

/// Where a request comes from, as Cloudflare says.
#[derive(Clone, Debug, Default)]
pub struct Place {
    pub network: Option<Network>,
    country: Option<String>,
}

impl Place {
    pub fn of(request: &Request) -> Self {
        let address = http::header(request, "CF-Connecting-IP");
        let country = http::header(request, "CF-IPCountry");
        let is_code =
            |text: &String| text.len() == 2 && text.bytes().all(|b| b.is_ascii_alphanumeric());
        Self {
            network: address.and_then(|address| Network::parse(&address)),
            country: country.filter(is_code),
        }
    }
}

/// Something to be written down.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    pub event: Event,
    pub user: Option<&'a Subject>,
    pub client: Option<&'a ClientId>,
    pub grant: Option<&'a GrantId>,
    pub reason: &'a str,
}

impl<'a> Entry<'a> {
    /// A grant, and what it came of.
    pub const fn grant_begun(grant: &'a Grant, reason: &'static str) -> Self {
        Self {
            user: Some(&grant.subject),
            client: Some(&grant.client_id),
            grant: Some(&grant.id),
            reason,
            ..Self::of(Event::GrantBegun)
        }
    }

    /// An event, and nothing else about it.
    pub const fn of(event: Event) -> Self {
        Self {
            event,
            user: None,
            client: None,
            grant: None,
            reason: "",
        }
    }
}

impl App {
    /// Writes down what has happened.
    pub fn note(&self, entry: &Entry<'_>) {
        self.attach(entry, false);
    }

    /// Writes down what the next batch does, if its last statement changes something.
    pub fn note_if_done(&self, entry: &Entry<'_>) {
        self.attach(entry, true);
    }

    fn attach(&self, entry: &Entry<'_>, only_if_changed: bool) {
        if let Err(error) = self.try_to_attach(entry, only_if_changed) {
            not_audited(&self.request_id, &error);
        }
    }

    fn try_to_attach(&self, entry: &Entry<'_>, only_if_changed: bool) -> Result<(), EdgeError> {
        // It sorts by time: see `store/audit.rs`.
        let tail = JwtId::from_random(random::bytes()?);
        let id = format!("{:013}-{tail}", clock::milliseconds());
        self.store.attach_audit_row(&AuditRow {
            id: &id,
            at: clock::now(),
            event: entry.event.code(),
            outcome: entry.event.outcome(),
            reason: entry.reason,
            user: entry.user.map(Subject::as_str),
            client: entry.client.map(ClientId::as_str),
            grant: entry.grant.map(GrantId::as_str),
            request: &self.request_id,
            country: self.place.country.as_deref(),
            network: self.place.network.as_ref().map(Network::coarse).as_deref(),
            only_if_changed,
        })?;
        let webhook = self.config.webhook.as_ref();
        if webhook.is_some_and(|webhook| webhook.events.contains(entry.event)) {
            self.to_tell.borrow_mut().push(id);
        }
        Ok(())
    }

    /// Writes what still waits and tells the webhook, and lets nobody wait for it.
    pub fn write_notes(&self) -> Result<(), EdgeError> {
        let to_tell = self.to_tell.take();
        if !self.store.has_attached() && to_tell.is_empty() {
            return Ok(());
        }
        let (store, request_id, env) = (
            self.store.clone(),
            self.request_id.clone(),
            self.env.clone(),
        );
        background::begin(async move {
            if store.has_attached()
                && let Err(error) = store.write_attached().await
            {
                not_audited(&request_id, &error);
            }
            webhook::announce(&to_tell, &env, &request_id).await;
        })
    }
}

fn not_audited(request_id: &str, error: &EdgeError) {
    log::event(&log::Event {
        request_id,
        event: "not_audited",
        about: "audit_log",
        reason: &error.to_string(),
    });
}
