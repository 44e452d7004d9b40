//! A table that forgets.

use std::collections::{BTreeMap, VecDeque};

/// What is known of so many keys, and of no more: the one that came first goes first.
#[derive(Debug)]
pub struct Recent<V> {
    most: usize,
    known: BTreeMap<String, V>,
    order: VecDeque<String>,
}

impl<V> Recent<V> {
    /// Nothing yet, and never more than `most`.
    pub const fn new(most: usize) -> Self {
        Self {
            most,
            known: BTreeMap::new(),
            order: VecDeque::new(),
        }
    }

    /// What is known of a key.
    pub fn get(&self, key: &str) -> Option<&V> {
        self.known.get(key)
    }

    /// What is known of a key, which is then `otherwise` if nothing was.
    pub fn at(&mut self, key: &str, otherwise: impl FnOnce() -> V) -> &mut V {
        if !self.known.contains_key(key) {
            if self.order.len() >= self.most
                && let Some(oldest) = self.order.pop_front()
            {
                self.known.remove(&oldest);
            }
            self.order.push_back(key.to_owned());
        }
        self.known.entry(key.to_owned()).or_insert_with(otherwise)
    }

    /// Forgets a key.
    pub fn forget(&mut self, key: &str) {
        if self.known.remove(key).is_some() {
            self.order.retain(|known| known != key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_first_goes_first_and_there_is_never_more_than_that() {
        let mut recent = Recent::new(3);
        for key in ["a", "b", "c", "a", "d"] {
            recent.at(key, || key.to_owned());
        }
        assert_eq!(recent.get("a"), None);
        assert_eq!(recent.get("b"), Some(&"b".to_owned()));
        recent.forget("c");
        recent.forget("unknown");
        recent.at("e", || "e".to_owned());
        let known: Vec<_> = recent.known.keys().collect();
        assert_eq!(known, ["b", "d", "e"]);
        assert_eq!(recent.order, ["b", "d", "e"]);
    }
}
