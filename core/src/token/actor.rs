//! On whose behalf, and by whom: the actor of a delegated token (RFC 8693 §4.1).

use serde::{Deserialize, Serialize};

use crate::id::Subject;

/// The `act` claim: who acts for the token's subject, and who acted before. Only the outermost actor
/// matters to whoever accepts the token; the others say how it came to that.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Actor {
    /// `sub`.
    pub sub: Subject,
    /// `act`: who acted before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<Box<Actor>>,
}

impl Actor {
    /// The longest chain that a token carries.
    pub const LONGEST_CHAIN: usize = 4;

    /// How many actors there are, this one included.
    pub fn depth(&self) -> usize {
        core::iter::successors(Some(self), |actor| actor.act.as_deref()).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_is_nested_with_the_last_actor_outermost() {
        let text = r#"{"sub":"b","act":{"sub":"a"}}"#;
        let chain: Actor = serde_json::from_str(text).unwrap();
        assert_eq!(chain.sub.as_str(), "b");
        assert_eq!(chain.depth(), 2);
        assert_eq!(serde_json::to_string(&chain).unwrap(), text);
    }
}
