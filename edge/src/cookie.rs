//! Cookies (RFC 6265bis): `__Host-` and `Secure` wherever the origin is `https`.

/// A cookie's name and how long it stays.
#[derive(Clone, Copy, Debug)]
pub struct Cookie {
    name: &'static str,
    max_age: Option<i64>,
    same_site: &'static str,
}

impl Cookie {
    /// A cookie that ends with the browser session.
    pub const fn session(name: &'static str) -> Self {
        Self {
            name,
            max_age: None,
            same_site: "Lax",
        }
    }

    /// A cookie that stays for so many seconds.
    pub const fn lasting(name: &'static str, seconds: i64) -> Self {
        Self {
            name,
            max_age: Some(seconds),
            same_site: "Lax",
        }
    }

    /// The same, withheld from every request that another site has made, also from links.
    #[must_use]
    pub const fn strict(self) -> Self {
        Self {
            same_site: "Strict",
            ..self
        }
    }

    /// The `Set-Cookie` value. `value` must be of cookie characters, as base64url is.
    pub fn set(self, value: &str, origin: &str) -> String {
        let max_age = self
            .max_age
            .map(|s| format!("; Max-Age={s}"))
            .unwrap_or_default();
        self.attributes(value, &max_age, origin)
    }

    /// The `Set-Cookie` value that removes it.
    pub fn clear(self, origin: &str) -> String {
        self.attributes("", "; Max-Age=0", origin)
    }

    /// Its value in a `Cookie` header.
    pub fn read(self, header: Option<&str>, origin: &str) -> Option<String> {
        let name = self.name_at(origin);
        let pairs = header?
            .split(';')
            // No other white space: browsers take what begins with it for a name without the prefix.
            .filter_map(|pair| pair.trim_matches([' ', '\t']).split_once('='));
        let mut values = pairs
            .filter(|(found, _)| *found == name)
            .map(|(_, value)| value);
        values
            .next()
            .filter(|value| !value.is_empty())
            .map(str::to_owned)
    }

    /// SameSite=Lax lets the cookie come along when the client sends the user here; nothing that
    /// changes state is done on a cross-site GET.
    fn attributes(self, value: &str, max_age: &str, origin: &str) -> String {
        let secure = if is_secure(origin) { "; Secure" } else { "" };
        let (name, site) = (self.name_at(origin), self.same_site);
        format!("{name}={value}; Path=/; HttpOnly; SameSite={site}{secure}{max_age}")
    }

    fn name_at(self, origin: &str) -> String {
        let prefix = if is_secure(origin) { "__Host-" } else { "" };
        format!("{prefix}{}", self.name)
    }
}

fn is_secure(origin: &str) -> bool {
    origin.starts_with("https://")
}

#[cfg(test)]
mod tests {
    use super::*;

    const COOKIE: Cookie = Cookie::lasting("gatepass_sign_in", 60);

    #[test]
    fn a_cookie_is_bound_to_a_secure_host() {
        assert_eq!(
            COOKIE.set("v", "https://id.example"),
            "__Host-gatepass_sign_in=v; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=60",
        );
        let strict = COOKIE.strict().set("v", "https://id.example");
        assert!(strict.contains("; HttpOnly; SameSite=Strict; Secure;"));
        let local = "gatepass_sign_in=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0";
        assert_eq!(COOKIE.clear("http://localhost:4000"), local);
    }

    #[test]
    fn only_the_whole_name_counts() {
        let header = Some("a=b; xgatepass_sign_in=1; gatepass_sign_in=2; gatepass_sign_in=3");
        assert_eq!(
            COOKIE.read(header, "http://localhost:4000").as_deref(),
            Some("2")
        );
        assert_eq!(COOKIE.read(header, "https://id.example"), None);
        let planted = Some("\u{2000}__Host-gatepass_sign_in=1; \u{a0}__Host-gatepass_sign_in=2");
        assert_eq!(COOKIE.read(planted, "https://id.example"), None);
        assert_eq!(COOKIE.read(None, "http://localhost:4000"), None);
    }
}
