//! Reviews that are as dear as a requester can make them.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::{Outcome, Scale, Target, VALIDATE, review};
use crate::support::server::{post, trusting};

/// After that the API server gives up.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Sends so many at once, of so many requesters.
pub(super) async fn reviews(target: Target, scale: Scale, count: usize, users: usize) -> Outcome {
    let sizes = match scale {
        Scale::Full => [3_400_000, 2_200_000, 1_400_000],
        Scale::Small => [100_000, 70_000, 40_000],
    };
    let bodies: Vec<String> = (0..count)
        .map(|number| {
            let size = sizes[number % sizes.len()];
            // Each of many requesters has a share.
            let user = format!("mallory-{}", number % users);
            review(&user, [&values(number, size), &values(number + 1, size)], 0)
        })
        .collect();
    let mut attack = JoinSet::new();
    for body in bodies {
        let client = trusting(&target.ca).build().unwrap();
        let url = format!("https://{}{VALIDATE}", target.address);
        attack.spawn(async move {
            let started = Instant::now();
            let (status, answer) = post(&client, &url, body).await;
            assert_eq!(status, 200, "{answer:.300}");
            (answer, started.elapsed())
        });
    }
    let mut outcome = Outcome::default();
    for (answer, took) in attack.join_all().await {
        outcome.add_denial(&answer);
        assert!(scale == Scale::Small || took < TIMEOUT, "unanswered for {took:?}");
    }
    outcome
}

/// A list of values that are small as text and large when parsed.
fn values(number: usize, size: usize) -> String {
    let unit = ["0", r#"{"":{"":0}}"#, r#"{"a":[]}"#, r#""""#][number % 4];
    let mut list = String::with_capacity(size + 16);
    list.push('[');
    while list.len() < size {
        let _ = write!(list, "{unit},");
    }
    list.push_str("0]");
    list
}
