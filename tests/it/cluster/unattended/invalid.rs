//! Two hundred random invalid rules among ten good ones: none of them delays or unregisters a good
//! rule.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::replica::{Site, address, registrations};
use crate::cluster::api::Api;
use crate::cluster::assets::Assets;
use crate::cluster::eventually;
use crate::cluster::objects::widget_rule;
use crate::cluster::validation::candidates::{CLASSES, Candidate, Candidates};
use crate::cluster::validation::{RULES, refused_by_the_api_server, refused_here};

const INVALID: usize = 200;
const GOOD: usize = 10;

/// By how much an invalid rule may delay a good one.
const DELAY: Duration = Duration::from_secs(2);

/// The longest sentence that is made of the API server's words.
const SENTENCE: usize = 500;

/// The longest message about a rule that is not accepted, which may list several errors.
const MESSAGE: usize = 1_536;

/// Who refuses how many invalid rules of a class.
#[derive(Debug, Default)]
struct Refused {
    schema: usize,
    checks: usize,
    api_server: usize,
}

pub(super) async fn among_good_rules(assets: Assets) {
    let site = Site::new(&assets).await;
    let _replica = site.replica("a", address(), &["--no-builtin-rules"]).await;
    let api = site.plane.api();
    let mut usual = Vec::new();
    for number in 0..GOOD / 2 {
        usual.push(registered(&api, number).await);
    }
    let known: Arc<Mutex<BTreeSet<String>>> =
        Arc::new(Mutex::new((0..GOOD / 2).map(webhook).collect()));
    let seen = Arc::new(Mutex::new(Seen::default()));
    let watch = tokio::spawn(look(api.clone(), Arc::clone(&known), Arc::clone(&seen)));

    let (mut tallies, mut stored, mut delayed) =
        (BTreeMap::<&str, Refused>::new(), Vec::new(), Vec::new());
    for (number, (candidate, name)) in invalid(&api).await.into_iter().enumerate() {
        let tally = tallies.entry(candidate.class).or_default();
        if !api.create(RULES, &candidate.rule(&name)).await.is_ok() {
            tally.schema += 1;
        } else if refused_here(&candidate).is_some() {
            tally.checks += 1;
            stored.push((name, "Accepted"));
        } else {
            tally.api_server += 1;
            stored.push((name, "Registered"));
        }
        if number % (2 * INVALID / GOOD) == INVALID / GOOD {
            let next = GOOD / 2 + delayed.len();
            delayed.push(registered(&api, next).await);
            known.lock().unwrap().insert(webhook(next));
        }
    }
    assert_eq!(delayed.len(), GOOD / 2);
    for (name, condition) in &stored {
        eventually(&format!("{name} is told to be invalid"), async || {
            said(&api, name, condition).await.is_some()
        })
        .await;
        let message = said(&api, name, condition).await.unwrap();
        let longest = if *condition == "Accepted" { MESSAGE } else { SENTENCE };
        assert!(
            !message.is_empty() && message.len() <= longest && !message.contains("Status {"),
            "{name}: {message}"
        );
    }
    for number in 0..GOOD {
        site.ready(&format!("good-{number}")).await;
    }
    // It is looked at until the end, so a webhook that is taken away is noticed.
    assert!(!watch.is_finished(), "nobody looked at the registration");
    let Seen { looks, longest_absence: absence } = *seen.lock().unwrap();
    assert!(looks > 2 * GOOD, "the registration was looked at {looks} times only");
    known.lock().unwrap().insert("absent.fieldward.io".to_owned());
    eventually("what is missing is noticed", async || {
        seen.lock().unwrap().longest_absence > absence
    })
    .await;
    watch.abort();
    let only_there: usize = tallies.values().map(|tally| tally.api_server).sum();
    eprintln!(
        "cluster: {INVALID} invalid rules, {} of them stored: {tallies:#?}\ngood rules are \
         registered after {usual:.2?}, and among them after {delayed:.2?}; longest absence \
         {absence:.2?}",
        stored.len()
    );
    let classes: BTreeSet<&str> = CLASSES.iter().map(|(class, _)| *class).collect();
    assert_eq!(tallies.keys().copied().collect::<BTreeSet<_>>(), classes, "each class is refused");
    let most = *usual.iter().max().unwrap() + DELAY;
    assert!(delayed.iter().all(|after| *after < most), "{delayed:?} {usual:?}");
    assert!(absence < DELAY, "{absence:?}");
    assert!(only_there > 10, "only the API server's type checker refuses {only_there}");
}

/// The invalid ones of the random rules, each with a name.
async fn invalid(api: &Api) -> Vec<(Candidate, String)> {
    let mut found = Vec::new();
    for candidate in Candidates::new(2) {
        if refused_by_the_api_server(api, &candidate).await.is_some() {
            let name = format!("invalid-{}", found.len());
            found.push((candidate, name));
        }
        if found.len() == INVALID {
            break;
        }
    }
    found
}

fn webhook(number: usize) -> String {
    format!("good-{number}.fieldward.io")
}

async fn names(api: &Api) -> BTreeSet<String> {
    let all = registrations(api).await;
    let webhooks =
        all.iter().flat_map(|one| one["webhooks"].as_array().cloned().unwrap_or_default());
    webhooks.filter_map(|webhook| webhook["name"].as_str().map(str::to_owned)).collect()
}

/// Creates a good rule; how long it takes until it is registered.
async fn registered(api: &Api, number: usize) -> Duration {
    let text = widget_rule(&format!("[things{number}]"), "[metadata.labels]")
        .replace("name: widget\n", &format!("name: good-{number}\n"));
    let rule: Value = serde_saphyr::from_str(&text).unwrap();
    let created = Instant::now();
    api.create(RULES, &rule).await.object();
    while !names(api).await.contains(&webhook(number)) {
        assert!(created.elapsed() < Duration::from_secs(60), "good-{number} is not registered");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    created.elapsed()
}

/// What was seen of the registration of good rules.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    looks: usize,
    /// The longest time for which one was not registered.
    longest_absence: Duration,
}

/// Looks at the registration again and again.
async fn look(api: Api, known: Arc<Mutex<BTreeSet<String>>>, seen: Arc<Mutex<Seen>>) {
    let mut missing: BTreeMap<String, Instant> = BTreeMap::new();
    loop {
        let expected = known.lock().unwrap().clone();
        let found = names(&api).await;
        missing.retain(|name, _| !found.contains(name));
        for name in expected.difference(&found) {
            missing.entry(name.clone()).or_insert_with(Instant::now);
        }
        let longest = missing.values().map(Instant::elapsed).max().unwrap_or_default();
        {
            let mut seen = seen.lock().unwrap();
            seen.looks += 1;
            seen.longest_absence = seen.longest_absence.max(longest);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What a condition that is False says of a rule.
async fn said(api: &Api, name: &str, condition: &str) -> Option<String> {
    let status = api.get(&format!("{RULES}/{name}")).await.object()["status"].clone();
    let all = status["conditions"].as_array()?.clone();
    let found =
        all.iter().find(|found| found["type"] == condition && found["status"] == "False")?;
    found["message"].as_str().map(str::to_owned)
}
