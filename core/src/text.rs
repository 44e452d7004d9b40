//! Text that strangers choose and people read.

/// Whether `text` may stand as a name on a page: 1 to 100 characters, not blank, and none that is
/// invisible or turns the direction of what stands beside it.
pub fn is_name(text: &str) -> bool {
    let length = text.chars().count();
    (1..=100).contains(&length) && !text.trim().is_empty() && text.chars().all(is_visible)
}

fn is_visible(character: char) -> bool {
    !character.is_control()
        && !matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_be_read_and_says_what_it_shows() {
        for good in [
            "Notes",
            "Åse's app",
            "ملاحظات",
            "日記",
            "a b",
            &"x".repeat(100),
        ] {
            assert!(is_name(good), "{good:?}");
        }
        for bad in [
            "",
            "  ",
            "a\nb",
            "a\u{202e}b",
            "\u{200b}",
            "a\u{e0041}",
            &"x".repeat(101),
        ] {
            assert!(!is_name(bad), "{bad:?}");
        }
    }
}
