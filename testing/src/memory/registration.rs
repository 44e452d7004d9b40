//! Clients that register by themselves, in memory.

use std::convert::Infallible;

use gatepass_core::client::registration::Registration;
use gatepass_core::client::{Client, ClientAuthentication, ClientSecrets};
use gatepass_core::grant::EndReason;
use gatepass_core::id::ClientId;
use gatepass_core::secret::SecretHash;
use gatepass_core::store::RegistrationStore;
use gatepass_core::time::Timestamp;

use super::MemoryStore;
use crate::contract::Seed;

impl RegistrationStore for MemoryStore {
    type Error = Infallible;

    async fn insert_registration(&self, registration: &Registration) -> Result<(), Infallible> {
        let id = registration.client.id.clone();
        let is_taken = {
            let tables = self.0.borrow();
            tables.clients.contains_key(&id) || tables.ended_clients.contains_key(&id)
        };
        if is_taken {
            return Ok(());
        }
        self.put_client(&registration.client).await;
        let row = (registration.token, registration.issued_at);
        self.0.borrow_mut().registrations.insert(id, row);
        Ok(())
    }

    async fn registration(&self, client: &ClientId) -> Result<Option<Registration>, Infallible> {
        let tables = self.0.borrow();
        let found = tables.client(client).zip(tables.registrations.get(client));
        Ok(found.map(|(client, (token, issued_at))| Registration {
            client,
            token: *token,
            issued_at: *issued_at,
        }))
    }

    async fn update_registration(&self, client: &Client) -> Result<(), Infallible> {
        let mut tables = self.0.borrow_mut();
        if let Some(registered) = tables.clients.get_mut(&client.id) {
            *registered = Client {
                authentication: registered.authentication,
                ..client.clone()
            };
        }
        Ok(())
    }

    async fn rotate_secret(
        &self,
        client: &ClientId,
        secret: SecretHash,
        until: Timestamp,
        retried: Timestamp,
    ) -> Result<(), Infallible> {
        let mut tables = self.0.borrow_mut();
        if let Some(
            ClientAuthentication::SecretBasic(secrets) | ClientAuthentication::SecretPost(secrets),
        ) = tables
            .clients
            .get_mut(client)
            .map(|client| &mut client.authentication)
        {
            let before = match secrets.previous {
                Some((before, end)) if end > retried => before,
                _ => secrets.current,
            };
            *secrets = ClientSecrets {
                current: secret,
                previous: Some((before, until)),
            };
        }
        Ok(())
    }

    async fn end_registration(&self, client: &ClientId, at: Timestamp) -> Result<(), Infallible> {
        let mut tables = self.0.borrow_mut();
        tables.clients.remove(client);
        tables.registrations.remove(client);
        tables.ended_clients.insert(client.clone(), at);
        tables.end_where(
            |grant| grant.client_id == *client,
            EndReason::ClientRemoved,
            at,
        );
        Ok(())
    }
}
