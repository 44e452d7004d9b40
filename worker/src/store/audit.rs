//! The audit log on D1: rows are added, read, and deleted when they are old enough.

use gatepass_core::time::Timestamp;
use gatepass_edge::EdgeError;
use gatepass_edge::d1::Value;

use super::D1Store;

/// How many rows one run of the clean-up deletes at most.
const FORGOTTEN: i64 = 10_000;

/// How many rows the counts look at, at most.
const COUNTED: i64 = 10_000;

/// A row as a JSON object.
const LINE: &str = "json_object('id', event_id, 'at', at, 'event', event, 'outcome', outcome, \
                    'reason', nullif(reason, ''), 'user_id', user_id, 'client_id', client_id, \
                    'grant_id', grant_id, 'request_id', request_id, 'country', country, \
                    'network', network)";

/// A row of the audit log.
#[derive(Debug)]
pub struct AuditRow<'a> {
    pub id: &'a str,
    pub at: Timestamp,
    pub event: &'static str,
    pub outcome: &'static str,
    pub reason: &'a str,
    pub user: Option<&'a str>,
    pub client: Option<&'a str>,
    pub grant: Option<&'a str>,
    pub request: &'a str,
    pub country: Option<&'a str>,
    pub network: Option<&'a str>,
    /// Only if the statement before it, of those that change something, has changed something.
    pub only_if_changed: bool,
}

impl D1Store {
    /// Adds a row in the transaction of the next batch.
    pub fn attach_audit_row(&self, row: &AuditRow<'_>) -> Result<(), EdgeError> {
        let sql = "INSERT INTO audit_log (event_id, at, event, outcome, reason, user_id, client_id, \
                   grant_id, request_id, country, network) SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? \
                   WHERE ? OR changes() > 0";
        let values: [Value<'_>; 12] = [
            row.id.into(),
            row.at.seconds().into(),
            row.event.into(),
            row.outcome.into(),
            row.reason.into(),
            row.user.into(),
            row.client.into(),
            row.grant.into(),
            row.request.into(),
            row.country.into(),
            row.network.into(),
            i64::from(!row.only_if_changed).into(),
        ];
        self.db.attach(self.db.statement(sql, &values)?);
        Ok(())
    }

    /// Whether a row waits for a batch.
    pub fn has_attached(&self) -> bool {
        self.db.has_attached()
    }

    /// Adds the rows that wait for a batch.
    pub async fn write_attached(&self) -> Result<(), EdgeError> {
        self.db.batch([]).await.map(|[]| ())
    }

    /// The newest rows before this one: the key, and the whole row as a JSON object.
    pub async fn audit_rows(
        &self,
        before: &str,
        limit: u32,
    ) -> Result<Vec<(String, String)>, EdgeError> {
        let sql = format!(
            "SELECT event_id, {LINE} AS line FROM audit_log WHERE event_id < ? \
             ORDER BY event_id DESC LIMIT ?"
        );
        let values = [before.into(), i64::from(limit).into()];
        let [rows] = self.db.batch([self.db.statement(&sql, &values)?]).await?;
        rows.all(|row| {
            let id = row.text("audit_log.event_id")?;
            Ok((id.to_owned(), row.text("line")?.to_owned()))
        })
    }

    /// A row as a webhook tells it: type, time stamp and data, as a JSON object.
    pub async fn audit_message(&self, id: &str) -> Result<Option<String>, EdgeError> {
        let sql = format!(
            "SELECT json_object('type', 'gatepass.' || event, 'timestamp', \
             strftime('%Y-%m-%dT%H:%M:%SZ', at, 'unixepoch'), 'data', {LINE}) AS line \
             FROM audit_log WHERE event_id = ?"
        );
        let [rows] = self
            .db
            .batch([self.db.statement(&sql, &[id.into()])?])
            .await?;
        rows.first(|row| row.text("line").map(str::to_owned))
    }

    /// What Prometheus collects: how often what has happened since, and how many signing keys there are.
    pub async fn metrics(&self, since: Timestamp) -> Result<Vec<String>, EdgeError> {
        let sql = "SELECT '# TYPE gatepass_events gauge' AS line UNION ALL \
                   SELECT 'gatepass_events{event=' || json_quote(event) || ',outcome=' \
                   || json_quote(outcome) || ',reason=' || json_quote(reason) || '} ' || count(*) \
                   FROM (SELECT event, outcome, reason FROM audit_log WHERE event_id >= ? \
                   ORDER BY event_id DESC LIMIT ?) GROUP BY event, outcome, reason UNION ALL \
                   SELECT '# TYPE gatepass_signing_keys gauge' UNION ALL \
                   SELECT 'gatepass_signing_keys{alg=' || json_quote(algorithm) || ',status=' \
                   || json_quote(status) || '} ' || count(*) FROM signing_keys GROUP BY algorithm, status";
        let since = first_id(since);
        let values = [since.as_str().into(), COUNTED.into()];
        let [rows] = self.db.batch([self.db.statement(sql, &values)?]).await?;
        rows.all(|row| row.text("line").map(str::to_owned))
    }

    /// Deletes the oldest rows from before this time, a bounded number of them.
    pub async fn forget_audit_rows(&self, before: Timestamp) -> Result<u32, EdgeError> {
        let sql = "DELETE FROM audit_log WHERE event_id IN (SELECT event_id FROM audit_log \
                   WHERE event_id < ? ORDER BY event_id LIMIT ?)";
        let before = first_id(before);
        let values = [before.as_str().into(), FORGOTTEN.into()];
        let [deleted] = self.db.batch([self.db.statement(sql, &values)?]).await?;
        Ok(deleted.changes())
    }
}

/// Sorts before every row of this time or later, and after every one before: a key begins with its time
/// in milliseconds.
fn first_id(at: Timestamp) -> String {
    format!("{:013}", at.seconds().max(0).saturating_mul(1000))
}
