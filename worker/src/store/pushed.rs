//! Pushed authorization requests on D1.

use gatepass_core::authorize::Visitor;
use gatepass_core::authorize::pushed::{Claim, PushedRequest};
use gatepass_core::client::Client;
use gatepass_core::id::{BrowserId, SignInId};
use gatepass_core::store::PushedRequestStore;
use gatepass_edge::EdgeError;

use super::D1Store;
use super::row;

impl PushedRequestStore for D1Store {
    type Error = EdgeError;

    async fn insert_pushed_request(&self, request: &PushedRequest) -> Result<(), EdgeError> {
        let sql = "INSERT INTO pushed_requests (reference_hash, client_id, parameters, expires_at) \
                   VALUES (?, ?, ?, ?)";
        let reference = request.reference.to_base64url();
        let values = [
            reference.as_str().into(),
            request.client_id.as_str().into(),
            request.parameters.as_str().into(),
            request.expires_at.seconds().into(),
        ];
        let statement = self.db.statement(sql, &values)?;
        self.db.batch([statement]).await.map(drop)
    }

    async fn claim_pushed_request(
        &self,
        claim: Claim<'_>,
        sign_in: Option<&SignInId>,
    ) -> Result<(Option<Client>, Option<Visitor>, Option<PushedRequest>), EdgeError> {
        let sql = "UPDATE pushed_requests SET browser_id = ? \
                   WHERE reference_hash = ? AND client_id = ? AND expires_at > ? \
                   AND (browser_id IS NULL OR browser_id = ?) RETURNING parameters, expires_at";
        let reference = claim.reference.to_base64url();
        let browser = claim.browser.map(BrowserId::as_str).into();
        let values = [
            browser,
            reference.as_str().into(),
            claim.client.as_str().into(),
            claim.at.seconds().into(),
            browser,
        ];
        let statements = [
            self.db.statement(sql, &values)?,
            self.client(Some(claim.client))?,
            self.visitor(claim.client, sign_in)?,
        ];
        let [claimed, clients, visitors] = self.db.batch(statements).await?;
        let claimed = claimed.first(|row| {
            Ok(PushedRequest {
                reference: claim.reference,
                client_id: claim.client.clone(),
                parameters: row.text("pushed_requests.parameters")?.to_owned(),
                expires_at: row.time("pushed_requests.expires_at")?,
            })
        })?;
        let client = clients.first(row::client)?;
        Ok((client, visitors.first(row::visitor)?, claimed))
    }
}
