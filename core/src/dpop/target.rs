//! Comparing `htu` with the address of a request (RFC 9449 §4.3): normalized as RFC 3986 §6.2.2 and
//! §6.2.3 have it, and without query and fragment.

/// Whether both are one address.
pub(super) fn is_same(htu: &str, url: &str) -> bool {
    normalized(htu).is_some_and(|htu| normalized(url) == Some(htu))
}

fn normalized(url: &str) -> Option<String> {
    let url = url.split(['?', '#']).next()?;
    let (scheme, rest) = url.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let default_port = match scheme.as_str() {
        "https" => ":443",
        "http" => ":80",
        _ => return None,
    };
    let at = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(at)?;
    let authority = authority.to_ascii_lowercase();
    let authority = authority.strip_suffix(default_port).unwrap_or(&authority);
    let authority = authority.strip_suffix(':').unwrap_or(authority);
    if authority.is_empty() || authority.contains(['@', '\\']) || !url.is_ascii() {
        return None;
    }
    let path = normalized_path(if path.is_empty() { "/" } else { path })?;
    Some(format!("{scheme}://{authority}{path}"))
}

/// What needs no escape has none, and the others are in upper case. A path with dot segments is not
/// normalized and so equals no request's.
fn normalized_path(path: &str) -> Option<String> {
    let mut normalized = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((plain, escaped)) = rest.split_once('%') {
        normalized.push_str(plain);
        let (digits, after) = escaped.split_at_checked(2)?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        let byte = u8::from_str_radix(digits, 16).ok()?;
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            normalized.push(char::from(byte));
        } else {
            normalized.push('%');
            normalized.push_str(&digits.to_ascii_uppercase());
        }
        rest = after;
    }
    normalized.push_str(rest);
    Some(normalized)
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://id.example/oauth/token";

    #[test]
    fn one_address_may_be_written_in_several_ways() {
        for same in [
            URL,
            "HTTPS://ID.Example/oauth/token",
            "https://id.example:443/oauth/token",
            "https://id.example:/oauth/token",
            "https://id.example/oauth/token?a=b",
            "https://id.example/oauth/token#part",
            "https://id.example/%6fauth/tok%65n",
        ] {
            assert!(is_same(same, URL), "{same}");
        }
        assert!(is_same("http://a.example:80", "http://a.example/"));
        assert!(is_same(
            "http://a.example/%c3%a5",
            "http://a.example/%C3%A5?x"
        ));
    }

    #[test]
    fn another_address_is_another() {
        for other in [
            "",
            "/oauth/token",
            "id.example/oauth/token",
            "http://id.example/oauth/token",
            "https://id.example:444/oauth/token",
            "https://id.example:80/oauth/token",
            "https://id.example/oauth/token/",
            "https://id.example/OAuth/token",
            "https://id.example/oauth%2Ftoken",
            "https://id.example/oauth/tok%zzen",
            "https://id.example/oauth/token%",
            "https://id.example/oauth/token%+1",
            "https://id.example.evil.example/oauth/token",
            "https://id.example@evil.example/oauth/token",
            "https://evil.example/?https://id.example/oauth/token",
            "ftp://id.example/oauth/token",
            "https:///oauth/token",
            "https://id.example\\/oauth/token",
            "https://id.exämple/oauth/token",
        ] {
            assert!(!is_same(other, URL), "{other}");
            assert!(!is_same(URL, other), "{other}");
        }
    }
}
