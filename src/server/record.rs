//! Reviews as case files in a folder, beside the verdicts: nothing here delays one or changes it.

mod folder;
mod outcome;

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use super::files::name_of;
use super::judge_pool::guarded;
use super::metrics::Metrics;
use crate::engine::{self, RuleSet, Unrecorded};
use folder::{Folder, Kept};
pub(super) use outcome::Recorded;

/// Reviews that wait to be written; further ones are dropped.
const MAX_QUEUED_REVIEWS: usize = 256;

/// Bytes that they may have together.
const MAX_QUEUED_BYTES: usize = 32 * 1024 * 1024;

/// How long the shutdown waits for queued reviews to be written.
const FINISHING: Duration = Duration::from_secs(5);

/// Where reviews are recorded, and how many.
#[derive(Debug, Clone)]
pub(crate) struct RecordingSettings {
    /// The folder; created if it is missing.
    pub(crate) folder: PathBuf,
    /// Case files that it may hold, those found there included.
    pub(crate) most_files: usize,
    /// Bytes that a case file may have.
    pub(crate) most_bytes: usize,
}

/// Why nothing can be recorded.
#[derive(Debug, thiserror::Error)]
#[error("cannot record into `{}`: {source}", name_of(folder))]
pub(crate) struct RecordError {
    folder: PathBuf,
    source: io::Error,
}

/// Takes reviews to be written by a thread of its own.
#[derive(Debug)]
pub(super) struct Recorder {
    queue: mpsc::Sender<Item>,
    room: Arc<Semaphore>,
    is_full: Arc<AtomicBool>,
    metrics: Arc<Metrics>,
}

#[derive(Debug)]
enum Item {
    Review {
        rules: RuleSet,
        body: Bytes,
        _share: OwnedSemaphorePermit,
    },
    /// Told when all before it is written.
    End(oneshot::Sender<()>),
}

impl Recorder {
    /// Opens the folder and starts the thread.
    ///
    /// # Errors
    /// The folder cannot be made or written to.
    pub(super) fn start(
        recording: RecordingSettings,
        metrics: Arc<Metrics>,
    ) -> Result<Self, RecordError> {
        Self::with(engine::record, recording, metrics)
    }

    fn with(
        record: Record,
        recording: RecordingSettings,
        metrics: Arc<Metrics>,
    ) -> Result<Self, RecordError> {
        let RecordingSettings { folder, most_files, most_bytes } = recording;
        let error = |source| RecordError { folder: folder.clone(), source };
        let open = Folder::open(&folder, most_files).map_err(error)?;
        tracing::info!(folder = name_of(&folder), files = open.files(), "recording reviews");
        let (recorder, items) = Self::queue(MAX_QUEUED_REVIEWS, MAX_QUEUED_BYTES, metrics);
        let writer = RecordWriter {
            record,
            folder: open,
            most_bytes,
            is_full: Arc::clone(&recorder.is_full),
            metrics: Arc::clone(&recorder.metrics),
            told: BTreeSet::new(),
        };
        std::thread::Builder::new()
            .name("recorder".to_owned())
            .spawn(move || writer.run(items))
            .map_err(error)?;
        Ok(recorder)
    }

    fn queue(reviews: usize, bytes: usize, metrics: Arc<Metrics>) -> (Self, mpsc::Receiver<Item>) {
        let (queue, items) = mpsc::channel(reviews);
        (
            Self { queue, room: Arc::new(Semaphore::new(bytes)), is_full: Arc::default(), metrics },
            items,
        )
    }

    /// Puts a review that got a verdict in line, or drops it; never waits.
    pub(super) fn offer(&self, rules: &RuleSet, body: Bytes) {
        if self.is_full.load(Ordering::Relaxed) {
            return self.metrics.recorded(Recorded::Full);
        }
        let share = u32::try_from(body.len())
            .ok()
            .and_then(|size| Arc::clone(&self.room).try_acquire_many_owned(size).ok());
        let taken = share.is_some_and(|share| {
            self.queue.try_send(Item::Review { rules: rules.clone(), body, _share: share }).is_ok()
        });
        if !taken {
            self.metrics.recorded(Recorded::Dropped);
        }
    }

    /// Waits until all that is in line is written, but not for ever.
    pub(super) async fn finish(&self) {
        let (told, end) = oneshot::channel();
        let written = async { self.queue.send(Item::End(told)).await.is_ok() && end.await.is_ok() };
        if timeout(FINISHING, written).await != Ok(true) {
            tracing::warn!("reviews that waited to be recorded were dropped");
        }
    }
}

/// The function of the engine that makes a case of a review.
type Record = fn(&RuleSet, &[u8], usize) -> Result<engine::Recording, Unrecorded>;

/// The thread that writes.
struct RecordWriter {
    record: Record,
    folder: Folder,
    most_bytes: usize,
    is_full: Arc<AtomicBool>,
    metrics: Arc<Metrics>,
    /// The kinds of error that the log has been told of.
    told: BTreeSet<io::ErrorKind>,
}

impl RecordWriter {
    fn run(mut self, mut items: mpsc::Receiver<Item>) {
        while let Some(item) = items.blocking_recv() {
            match item {
                Item::Review { rules, body, _share } => {
                    // The panic hook logs a panic. The reviews after it are recorded.
                    let recorded = guarded(|| self.review(&rules, &body));
                    self.metrics.recorded(recorded.unwrap_or(Recorded::Failed));
                }
                // The receiver may have stopped waiting.
                Item::End(told) => drop(told.send(())),
            }
        }
    }

    fn review(&mut self, rules: &RuleSet, body: &[u8]) -> Recorded {
        if self.folder.is_full() {
            if !self.is_full.swap(true, Ordering::Relaxed) {
                tracing::warn!(
                    files = self.folder.files(),
                    "no more reviews are recorded: the folder is full (--record-max-files)"
                );
            }
            return Recorded::Full;
        }
        match (self.record)(rules, body, self.most_bytes) {
            Ok(case) => match self.folder.keep(&case) {
                Ok(Kept::New) => Recorded::Written,
                Ok(Kept::Already) => Recorded::Repeated,
                Err(error) => self.failed(&error),
            },
            Err(Unrecorded::ChangedByMasking) => Recorded::ChangedByMasking,
            Err(Unrecorded::TooLarge) => Recorded::TooLarge,
            // A review without a verdict is not offered.
            Err(Unrecorded::NoVerdict) => Recorded::Failed,
        }
    }

    fn failed(&mut self, error: &io::Error) -> Recorded {
        if self.told.insert(error.kind()) {
            tracing::error!(%error, "a review cannot be recorded; further ones that fail so are \
                                     only counted");
        }
        Recorded::Failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(recorder: &Recorder, outcome: &str) -> bool {
        let text = String::from_utf8(recorder.metrics.text()).unwrap();
        text.contains(&format!("fieldward_recordings_total{{outcome=\"{outcome}\"}} 1\n"))
    }

    #[test]
    fn what_is_too_much_to_wait_is_dropped() {
        for (reviews, bytes) in [(1, 100), (100, 10)] {
            let (recorder, mut items) = Recorder::queue(
                reviews,
                bytes,
                Arc::new(Metrics::new(prometheus::Registry::new()).unwrap()),
            );
            recorder.offer(&RuleSet::default(), Bytes::from_static(b"0123456789"));
            assert!(!count(&recorder, "dropped"));
            recorder.offer(&RuleSet::default(), Bytes::from_static(b"0"));
            assert!(count(&recorder, "dropped"));
            // Room is given back with the review.
            drop(items.try_recv().unwrap());
            recorder.offer(&RuleSet::default(), Bytes::from_static(b"0123456789"));
            assert!(items.try_recv().is_ok() && count(&recorder, "dropped"));
        }
    }

    #[test]
    fn what_waits_is_written_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let recording = RecordingSettings {
            folder: folder.path().to_owned(),
            most_files: 1000,
            most_bytes: 100_000,
        };
        let recorder = Recorder::start(
            recording,
            Arc::new(Metrics::new(prometheus::Registry::new()).unwrap()),
        )
        .unwrap();
        for uid in 0..100 {
            let body = format!(
                r#"{{"apiVersion":"admission.k8s.io/v1","request":{{"uid":"{uid}","operation":"CREATE"}}}}"#
            );
            recorder.offer(&RuleSet::default(), Bytes::from(body));
        }
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap()
            .block_on(recorder.finish());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 100);
    }

    #[test]
    fn a_panic_ends_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let recording = RecordingSettings {
            folder: folder.path().to_owned(),
            most_files: 1000,
            most_bytes: 100_000,
        };
        let broken: Record = |rules, body, most| {
            assert!(body != b"{}", "on purpose");
            engine::record(rules, body, most)
        };
        let metrics = Arc::new(Metrics::new(prometheus::Registry::new()).unwrap());
        let recorder = Recorder::with(broken, recording, metrics).unwrap();
        recorder.offer(&RuleSet::default(), Bytes::from_static(b"{}"));
        let body =
            r#"{"apiVersion":"admission.k8s.io/v1","request":{"uid":"a","operation":"CREATE"}}"#;
        recorder.offer(&RuleSet::default(), Bytes::from_static(body.as_bytes()));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(recorder.finish());
        assert!(count(&recorder, "failed") && count(&recorder, "written"));
    }

    #[test]
    fn an_error_of_the_disk_ends_nothing() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("recordings");
        let recording =
            RecordingSettings { folder: folder.clone(), most_files: 1000, most_bytes: 100_000 };
        let recorder = Recorder::start(
            recording,
            Arc::new(Metrics::new(prometheus::Registry::new()).unwrap()),
        )
        .unwrap();
        let offer = |uid: &str| {
            let body = format!(
                r#"{{"apiVersion":"admission.k8s.io/v1","request":{{"uid":"{uid}","operation":"CREATE"}}}}"#
            );
            recorder.offer(&RuleSet::default(), Bytes::from(body));
            tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()
                .unwrap()
                .block_on(recorder.finish());
        };
        std::fs::remove_dir(&folder).unwrap();
        offer("a");
        assert!(count(&recorder, "failed"));
        std::fs::create_dir(&folder).unwrap();
        offer("a");
        assert!(count(&recorder, "written"));
    }
}
