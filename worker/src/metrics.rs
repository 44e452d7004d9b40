//! What `GET /admin/metrics` shows: of the whole provider what D1 knows, and of the isolate that answers what
//! it has counted. There are many isolates, and they come and go.

use std::cell::Cell;

use gatepass_core::time::{Lifetime, Timestamp};
use gatepass_edge::EdgeError;

use crate::app::App;

/// What the counts of events are about: the last five minutes.
const WINDOW: Lifetime = Lifetime::from_minutes(5);

thread_local! {
    static ANSWERS: Cell<[u32; 6]> = const { Cell::new([0; 6]) };
}

/// Counts an answer of this isolate.
pub fn count(status: u16) {
    let mut answers = ANSWERS.get();
    if let Some(class) = answers.get_mut(usize::from(status / 100)) {
        *class += 1;
    }
    ANSWERS.set(answers);
}

/// All of them, in the text format of Prometheus.
pub async fn text(app: &App, now: Timestamp) -> Result<String, EdgeError> {
    let mut lines = app.store.metrics(now.minus(WINDOW)).await?;
    lines.push("# TYPE gatepass_isolate_answers_total counter".to_owned());
    for (class, count) in (0..).zip(ANSWERS.get()).skip(2) {
        lines.push(format!(
            "gatepass_isolate_answers_total{{status=\"{class}xx\"}} {count}"
        ));
    }
    lines.push(String::new());
    Ok(lines.join("\n"))
}
