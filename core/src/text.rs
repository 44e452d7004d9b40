//! Text that strangers choose and people read.

/// Whether `text` may stand as a name on a page: 1 to 100 characters, not blank, and none that is
/// invisible or turns the direction of what stands beside it.
pub fn is_name(text: &str) -> bool {
    let length = text.chars().count();
    let blank = text.trim().is_empty();
    (1..=100).contains(&length)
        && !blank
        && !text.chars().any(char::is_control)
        && !has_invisible(text)
}

/// Whether there is something in `text` that cannot be seen where it stands.
pub fn has_invisible(text: &str) -> bool {
    let mut before = None;
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let after = rest.clone().next();
        let allowed = match c {
            // Persian and Indic names need joiners between letters, and so do joined pictographs.
            '\u{200C}' | '\u{200D}' => joins(before) && joins(after),
            // Japanese names need variants of ideographs, and pictographs their colours.
            c if is_selector(c) => joins(before) && !before.is_some_and(is_selector),
            _ => !is_invisible(c),
        };
        if !allowed {
            return true;
        }
        before = Some(c);
    }
    false
}

const fn is_selector(c: char) -> bool {
    matches!(c, '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}')
}

/// Whether a joiner or a variation selector may stand beside this character: where writing uses them,
/// which is beyond Latin, Greek, Cyrillic and Hebrew.
fn joins(beside: Option<char>) -> bool {
    beside.is_some_and(|c| {
        c >= '\u{600}'
            && !c.is_whitespace()
            && !is_invisible(c)
            && !matches!(c, '\u{200C}' | '\u{200D}')
    })
}

/// Characters without a shape, among them those that turn the direction of writing: Unicode's
/// `Default_Ignorable_Code_Point` (without what may join), other format characters, separators of
/// lines and paragraphs, and the blank Braille pattern.
pub(crate) const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{AD}'
            | '\u{34F}'
            | '\u{61C}'
            | '\u{115F}'..='\u{1160}'
            | '\u{17B4}'..='\u{17B5}'
            | '\u{180B}'..='\u{180F}'
            | '\u{200B}'
            | '\u{200E}'..='\u{200F}'
            | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{FEFF}'
            | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFFB}'
            | '\u{13430}'..='\u{1343F}'
            | '\u{1BCA0}'..='\u{1BCA3}'
            | '\u{1D173}'..='\u{1D17A}'
            | '\u{E0000}'..='\u{E00FF}'
            | '\u{E01F0}'..='\u{E0FFF}'
    )
}

/// Adds `text` to a page, where it stays text, also within an attribute's quotes.
pub fn escape_into(html: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_be_read_and_says_what_it_shows() {
        for good in ["Notes", "Åse's app", "a b", &"x".repeat(100)] {
            assert!(is_name(good), "{good:?}");
        }
        for bad in ["", "  ", "a\nb", "a\u{202e}b", "\u{200b}", &"x".repeat(101)] {
            assert!(!is_name(bad), "{bad:?}");
        }
    }

    #[test]
    fn names_of_every_script_are_welcome() {
        for name in [
            "Anna-Lena O’Brien",
            "דנה כהן",
            "محمد علي",
            // A Persian name with a zero-width non-joiner, a Sinhala one with a joiner.
            "علی\u{200C}رضا",
            "ශ\u{0DCA}\u{200D}රී",
            "山田 太郎",
            // A Japanese one with a variant of an ideograph.
            "葛\u{E0100}城",
            "Nguyễn Văn A",
            "Zoë 👩\u{200D}🚀 ❤\u{FE0F}\u{200D}🔥",
        ] {
            assert!(is_name(name), "{name}");
        }
    }

    #[test]
    fn what_cannot_be_seen_is_refused_wherever_it_stands() {
        let hidden = [
            '\u{AD}',
            '\u{34F}',
            '\u{61C}',
            '\u{115F}',
            '\u{180E}',
            '\u{200B}',
            '\u{200C}',
            '\u{200D}',
            '\u{200E}',
            '\u{200F}',
            '\u{202A}',
            '\u{202B}',
            '\u{202C}',
            '\u{202D}',
            '\u{202E}',
            '\u{2060}',
            '\u{2061}',
            '\u{2066}',
            '\u{2067}',
            '\u{2068}',
            '\u{2069}',
            '\u{206F}',
            '\u{2800}',
            '\u{3164}',
            '\u{FE0F}',
            '\u{FEFF}',
            '\u{FFA0}',
            '\u{FFF9}',
            '\u{E0001}',
            '\u{E0041}',
            '\u{E0100}',
        ];
        for c in hidden {
            for name in [
                format!("a{c}b"),
                format!("{c}ab"),
                format!("ab{c}"),
                c.to_string(),
            ] {
                assert!(has_invisible(&name), "{}", name.escape_unicode());
            }
        }
        for c in ['\u{2028}', '\u{2029}'] {
            assert!(has_invisible(&format!("a{c}b")));
        }
    }

    #[test]
    fn joiners_and_variants_do_not_pile_up() {
        for name in [
            "ع\u{200C}\u{200C}ع",
            "ع\u{200C}\u{200D}ع",
            "ع\u{200C}",
            "\u{200D}ع",
            "ع\u{200C} ع",
            "ع \u{FE0F}",
            "❤\u{FE0F}\u{FE0F}",
            "葛\u{E0100}\u{FE0F}",
            "ع\u{200C}\u{FE0F}ع",
        ] {
            assert!(has_invisible(name), "{}", name.escape_unicode());
        }
    }
}
