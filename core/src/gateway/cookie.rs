//! The gateway's cookies (RFC 6265bis): always `__Host-`, `Secure` and `HttpOnly`, in development too. Browsers
//! take those from `http://localhost`, which never meets a network; Safari does not.

/// Whether a cookie comes along when another site leads the user here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SameSite {
    /// With a navigation, as the provider's answer to a sign-in is one.
    Lax,
    /// Never.
    Strict,
}

/// The `Set-Cookie` value. `value` must be of cookie characters, as base64url is; `seconds` is how long it stays.
pub fn set(name: &str, value: &str, seconds: i64, same_site: SameSite) -> String {
    let same_site = match same_site {
        SameSite::Lax => "Lax",
        SameSite::Strict => "Strict",
    };
    format!(
        "__Host-{name}={value}; Path=/; Secure; HttpOnly; SameSite={same_site}; Max-Age={seconds}"
    )
}

/// The `Set-Cookie` value that removes it.
pub fn clear(name: &str) -> String {
    set(name, "", 0, SameSite::Strict)
}

/// Its value in a `Cookie` header, unless that is empty.
pub fn read<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    let mut found = beginning_with(header, name).filter(|(rest, _)| rest.is_empty());
    found.next().map(|(_, value)| value)
}

/// Every cookie whose name begins so, by what comes after, and its value.
pub fn beginning_with<'a>(
    header: &'a str,
    prefix: &str,
) -> impl Iterator<Item = (&'a str, &'a str)> {
    let pairs = header.split(';');
    pairs.filter_map(move |pair| {
        // No other white space: browsers take what begins with it for a name without the prefix, and let siblings set it.
        let (name, value) = pair.trim_matches([' ', '\t']).split_once('=')?;
        let rest = name.strip_prefix("__Host-")?.strip_prefix(prefix)?;
        (!value.is_empty()).then_some((rest, value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_for_this_host_alone_and_for_no_script() {
        assert_eq!(
            set("gatepass_session", "v", 60, SameSite::Strict),
            "__Host-gatepass_session=v; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=60"
        );
        assert!(set("a", "v", 60, SameSite::Lax).contains("SameSite=Lax"));
        assert!(clear("a").starts_with("__Host-a=; ") && clear("a").ends_with("Max-Age=0"));
    }

    #[test]
    fn only_the_whole_name_counts_and_what_another_host_could_have_set_does_not() {
        let header = "s=0; x__Host-s=1; \u{2000}__Host-s=1; \u{a0}__Host-s=1; \u{b}__Host-s=1; __Host-sx=2; \
                      __Host-s=3; __Host-s=4; __Host-e=";
        assert_eq!(read(header, "s"), Some("3"));
        assert_eq!(read(header, "e"), None);
        assert_eq!(read(header, "t"), None);
        let all: Vec<_> = beginning_with(header, "s").collect();
        assert_eq!(all, [("x", "2"), ("", "3"), ("", "4")]);
    }
}
