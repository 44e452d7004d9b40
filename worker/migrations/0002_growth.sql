-- What keeps the tables in proportion to what is in use, and every query on an index.

-- Where the clean-up goes on in each table: with the keys after `after`, up to and with `upto`; NULL is
-- the end.
CREATE TABLE clean_up_windows (
  table_name TEXT PRIMARY KEY,
  after TEXT NOT NULL DEFAULT '',
  upto TEXT
) WITHOUT ROWID;

INSERT INTO clean_up_windows (table_name)
VALUES ('clients'), ('codes'), ('grants'), ('revoked_access_tokens'), ('sessions'), ('sign_ins'), ('used_once');

-- The web origins of the clients that have not ended, to be found by origin. `clients.origins` says them,
-- and triggers keep these rows.
CREATE TABLE client_origins (
  origin TEXT NOT NULL,
  client_id TEXT NOT NULL REFERENCES clients (client_id) ON DELETE CASCADE,
  PRIMARY KEY (origin, client_id)
) WITHOUT ROWID;

CREATE INDEX client_origins_by_client ON client_origins (client_id);

INSERT INTO client_origins (origin, client_id)
SELECT DISTINCT o.value, c.client_id
FROM clients c, json_each('[' || replace(json_quote(c.origins), ' ', '","') || ']') o
WHERE c.ended_at IS NULL AND o.value <> '';

CREATE TRIGGER client_origins_of_a_new_client AFTER INSERT ON clients WHEN NEW.origins <> ''
BEGIN
  INSERT INTO client_origins (origin, client_id)
  SELECT DISTINCT value, NEW.client_id
  FROM json_each('[' || replace(json_quote(NEW.origins), ' ', '","') || ']')
  WHERE NEW.ended_at IS NULL AND value <> '';
END;

CREATE TRIGGER client_origins_of_a_changed_client AFTER UPDATE OF origins, ended_at ON clients
WHEN NEW.origins <> OLD.origins OR NEW.ended_at IS NOT OLD.ended_at
BEGIN
  DELETE FROM client_origins WHERE client_id = NEW.client_id;
  INSERT INTO client_origins (origin, client_id)
  SELECT DISTINCT value, NEW.client_id
  FROM json_each('[' || replace(json_quote(NEW.origins), ' ', '","') || ']')
  WHERE NEW.ended_at IS NULL AND value <> '';
END;
