//! The wait until all servers of a zone have a record.

use std::time::Duration;

use hickory_proto::rr::Name;
use tokio::time::{sleep, Instant};

use super::authority::{Authorities, TxtAnswers};

/// Time between two looks.
const PAUSE: Duration = Duration::from_secs(2);
/// Looks after which a server that never answers is left out, if all others have the record.
const PATIENCE: usize = 3;

/// Looks until all servers have all values, at most as long as `limit`.
///
/// # Errors
/// Which server does not have which value, for a person.
pub(super) async fn wait(ask: &Authorities, name: &Name, values: &[String], limit: Duration) -> Result<(), String> {
    let end = Instant::now() + limit;
    let mut looks = 0;
    loop {
        looks += 1;
        let missing = match ask.texts(name).await {
            Ok(found) => missing(&found, values, looks >= PATIENCE),
            Err(why) => Some(why),
        };
        let Some(missing) = missing else { return Ok(()) };
        if Instant::now() + PAUSE > end {
            return Err(format!(
                "not seen within {} s: {missing}; see whether the provider wrote it there. `propagation` gives it more \
                 time, and false does not look",
                limit.as_secs_f64()
            ));
        }
        sleep(PAUSE).await;
    }
}

/// What the first server that does not have all values says; `None` if all have them.
fn missing(found: &TxtAnswers, values: &[String], is_patience_over: bool) -> Option<String> {
    let mut silent = None;
    let mut have = 0;
    for answer in &found.answers {
        match &answer.texts {
            Ok(texts) if values.iter().all(|value| texts.contains(value)) => have += 1,
            Ok(texts) if texts.is_empty() => {
                return Some(format!("{} has no TXT record of {}", answer.server, found.place));
            }
            Ok(texts) => {
                return Some(format!("{} has other TXT records of {}: {texts:?}", answer.server, found.place));
            }
            Err(why) => silent = Some(format!("{} gives no answer: {why}", answer.server)),
        }
    }
    silent.filter(|_| !(is_patience_over && have > 0))
}

#[cfg(test)]
mod tests;
