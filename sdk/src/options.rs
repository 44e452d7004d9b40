//! What the application says about itself and its provider.

use gatepass_core::id::{ClientId, Issuer};
use gatepass_core::rp::metadata::is_secure;

use crate::error::Error;
use crate::parameters::Input;

/// The options of `createClient` that decisions depend on.
#[derive(Debug)]
pub(crate) struct Options<'a> {
    pub(crate) issuer: Issuer,
    pub(crate) client_id: ClientId,
    pub(crate) redirect_uri: &'a str,
    pub(crate) scope: &'a str,
    pub(crate) resource: Option<&'a str>,
}

impl<'a> Options<'a> {
    pub(crate) fn parse(input: Input<'a>) -> Result<Self, Error> {
        let issuer = input.optional("issuer").filter(|issuer| is_secure(issuer));
        let issuer = issuer.and_then(|issuer| Issuer::parse(issuer).ok());
        let client_id = input.optional("clientId");
        let client_id = client_id.and_then(|id| ClientId::parse(id).ok());
        let redirect_uri = input.optional("redirectUri").filter(|uri| {
            // On a server, which renders alone, it may be a path.
            uri.starts_with('/') || uri.bytes().any(|byte| byte == b':')
        });
        let scope = input.optional("scope");
        Ok(Self {
            issuer: issuer.ok_or(Error::Options("issuer"))?,
            client_id: client_id.ok_or(Error::Options("clientId"))?,
            redirect_uri: redirect_uri.ok_or(Error::Options("redirectUri"))?,
            scope: scope.ok_or(Error::Options("scope"))?,
            resource: input.optional("resource"),
        })
    }

    /// Whether an ID token is asked for.
    pub(crate) fn is_openid(&self) -> bool {
        let mut scopes = self.scope.as_bytes().split(|byte| *byte == b' ');
        scopes.any(|scope| scope == b"openid")
    }
}
