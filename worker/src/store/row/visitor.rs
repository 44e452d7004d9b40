//! Who is signed in, and what they have answered about a client.

use std::collections::BTreeMap;

use gatepass_core::authorize::{Consent, Visitor};
use gatepass_core::scope::Scope;
use serde::Deserialize;

use super::{Corrupt, SignInRow, column};

#[derive(Deserialize)]
pub(in crate::store) struct VisitorRow {
    #[serde(flatten)]
    sign_in: SignInRow,
    username: String,
    scopes: Option<String>,
}

impl TryFrom<VisitorRow> for Visitor {
    type Error = Corrupt;

    fn try_from(row: VisitorRow) -> Result<Self, Corrupt> {
        Ok(Self {
            sign_in: row.sign_in.try_into()?,
            username: row.username,
            consent: row.scopes.as_deref().map(consent).transpose()?,
        })
    }
}

fn consent(scopes: &str) -> Result<Consent, Corrupt> {
    let name = "consents.scopes";
    let answers: BTreeMap<String, bool> = column(name, serde_json::from_str(scopes))?;
    let answered = |answer: bool| {
        let tokens = answers.iter().filter(|(_, allowed)| **allowed == answer);
        let tokens: Vec<_> = tokens.map(|(token, _)| token.as_str()).collect();
        column(name, Scope::parse(&tokens.join(" ")))
    };
    Ok(Consent {
        allowed: answered(true)?,
        declined: answered(false)?,
    })
}
