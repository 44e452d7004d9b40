-- Times are seconds since the epoch.

CREATE TABLE profiles (
  subject TEXT PRIMARY KEY,
  display_name TEXT NOT NULL,
  updated_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE data (
  id INTEGER PRIMARY KEY,
  title TEXT NOT NULL,
  text TEXT NOT NULL
);

INSERT INTO data (id, title, text) VALUES
  (1, 'Authorization', 'A client sends the user to the provider and comes back with a code.'),
  (2, 'Token', 'The code and the verifier are traded for an access token and a refresh token.'),
  (3, 'Refresh', 'When the access token has expired, the refresh token obtains the next one.'),
  (4, 'Revocation', 'Signing out revokes the refresh token and with it the grant.');
