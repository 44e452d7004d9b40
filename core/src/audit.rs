//! What is written down about whom: events that an administrator may ask about later. No secret, no
//! password and no name that somebody typed is among them.

macro_rules! events {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $outcome:literal;)+) => {
        /// What happened.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub enum Event {
            $($(#[$doc])* $name,)+
        }

        impl Event {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// Its stable code.
            pub const fn code(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)+
                }
            }

            /// `done` or `refused`.
            pub const fn outcome(self) -> &'static str {
                match self {
                    $(Self::$name => $outcome,)+
                }
            }
        }
    };
}

events! {
    /// A client did not prove who it is, or an operator did not.
    CredentialsRefused = "credentials_refused", "refused";
    /// A client registered by itself (RFC 7591).
    ClientRegistered = "client_registered", "done";
    /// A client changed its registration, its secret, or ended it (RFC 7592).
    ClientChanged = "client_changed", "done";
    /// A user let a client have something on the consent page.
    ConsentGiven = "consent_given", "done";
    /// A user allowed a device (RFC 8628).
    DeviceAllowed = "device_allowed", "done";
    /// A user denied one.
    DeviceDenied = "device_denied", "refused";
    /// A client got the first tokens of a grant.
    GrantBegun = "grant_begun", "done";
    /// A grant ended; the reason says why.
    GrantEnded = "grant_ended", "done";
    /// An operator gave a command about signing keys.
    KeysChanged = "keys_changed", "done";
    /// A browser was signed in.
    SignedIn = "signed_in", "done";
    /// A browser was signed out, and its grants ended.
    SignedOut = "signed_out", "done";
    /// An access token was revoked.
    TokenRevoked = "token_revoked", "done";
    /// A password was wrong, or nobody has that user name.
    WrongPassword = "wrong_password", "refused";
}
