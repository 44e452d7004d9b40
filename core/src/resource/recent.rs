//! A table that forgets.

use std::collections::{BTreeMap, VecDeque};

/// What is known of so many keys, and of no more: the one that came first goes first. A key takes one place, or as many
/// as it [weighs](Recent::weigh).
#[derive(Debug)]
pub struct Recent<V> {
    most: usize,
    taken: usize,
    known: BTreeMap<String, Known<V>>,
    order: VecDeque<String>,
}

#[derive(Debug)]
struct Known<V> {
    value: V,
    places: usize,
}

impl<V> Recent<V> {
    /// Nothing yet, and never more than `most`.
    pub const fn new(most: usize) -> Self {
        Self {
            most,
            taken: 0,
            known: BTreeMap::new(),
            order: VecDeque::new(),
        }
    }

    /// What is known of a key.
    pub fn get(&self, key: &str) -> Option<&V> {
        self.known.get(key).map(|known| &known.value)
    }

    /// What is known of a key, which is then `otherwise` if nothing was.
    pub fn at(&mut self, key: &str, otherwise: impl FnOnce() -> V) -> &mut V {
        if !self.known.contains_key(key) {
            self.make_room(1);
            self.order.push_back(key.to_owned());
            self.taken += 1;
        }
        let known = self.known.entry(key.to_owned());
        let new = || Known {
            value: otherwise(),
            places: 1,
        };
        &mut known.or_insert_with(new).value
    }

    /// A key that is known takes so many places from now on, as one that came just now. One that takes more than there
    /// are is forgotten.
    pub fn weigh(&mut self, key: &str, places: usize) {
        let Some(known) = self.remove(key) else {
            return;
        };
        if places > self.most {
            return;
        }
        self.make_room(places);
        self.order.push_back(key.to_owned());
        self.taken += places;
        let value = known.value;
        self.known.insert(key.to_owned(), Known { value, places });
    }

    /// Forgets a key.
    pub fn forget(&mut self, key: &str) {
        self.remove(key);
    }

    fn make_room(&mut self, places: usize) {
        while self.taken.saturating_add(places) > self.most
            && let Some(oldest) = self.order.pop_front()
        {
            let known = self.known.remove(&oldest);
            self.taken -= known.map_or(0, |known| known.places);
        }
    }

    fn remove(&mut self, key: &str) -> Option<Known<V>> {
        let known = self.known.remove(key)?;
        self.order.retain(|other| other != key);
        self.taken -= known.places;
        Some(known)
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

    #[test]
    fn what_is_heavy_takes_the_places_of_others() {
        let mut recent = Recent::new(5);
        let keys = |recent: &Recent<()>| recent.order.iter().cloned().collect::<String>();
        for key in ["a", "b", "c", "d"] {
            recent.at(key, || ());
        }
        recent.weigh("b", 3);
        assert_eq!((keys(&recent), recent.taken), ("cdb".to_owned(), 5));
        recent.at("e", || ());
        assert_eq!((keys(&recent), recent.taken), ("dbe".to_owned(), 5));
        recent.weigh("b", 1);
        recent.weigh("unknown", 1);
        assert_eq!((keys(&recent), recent.taken), ("deb".to_owned(), 3));
        recent.weigh("e", 6);
        recent.forget("d");
        assert_eq!((keys(&recent), recent.taken), ("b".to_owned(), 1));
        recent.weigh("b", 5);
        recent.at("f", || ());
        assert_eq!((keys(&recent), recent.taken), ("f".to_owned(), 1));
    }
}
