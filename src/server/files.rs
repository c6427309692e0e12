//! Reads files that other programs write, with limits on their type, their size and the time.
//!
//! A FIFO that nobody writes to, a device, or a network file system that does not answer stops its
//! reader for good. A server therefore opens regular files only, and reads them on a thread that it
//! can leave behind ([`TimeLimit`]).

use std::fs::{self, FileType, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use crate::engine::escape_control;

/// How large a rule file, a certificate or a key may be.
pub(crate) const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// How long reading one file may take.
const TIME: Duration = Duration::from_secs(10);

/// The path that stands for standard input.
const STDIN: &str = "-";

/// Standard input can be read only once.
static STDIN_WAS_READ: AtomicBool = AtomicBool::new(false);

/// What may be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accepted {
    /// Regular files: they can be read again and again.
    RegularFiles,
    /// Pipes and standard input, too.
    Pipes,
}

/// Why a file is not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// An error of the operating system.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The path leads to something of another type.
    #[error("expected {expected}, found {found}")]
    WrongType {
        /// What may be read.
        expected: &'static str,
        /// What there is.
        found: &'static str,
    },
    #[error("expected at most {} MiB, found more", most >> 20)]
    TooLarge {
        /// The largest size that is accepted, in bytes.
        most: u64,
    },
    /// Two options name standard input.
    #[error("`{STDIN}` was given before; standard input can be read only once")]
    StdinAgain,
}

/// Whether a path stands for standard input.
pub(crate) fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == STDIN
}

/// The path as errors and reports name it.
pub(crate) fn name_of(path: &Path) -> String {
    if is_stdin(path) {
        "standard input".to_owned()
    } else {
        escape_control(&path.display().to_string())
    }
}

/// Reads files one after the other, and keeps track of the current one.
#[derive(Debug)]
pub(crate) struct FileReader {
    accepted: Accepted,
    /// The current path, and when reading it began.
    at: Mutex<(PathBuf, Instant)>,
}

impl FileReader {
    pub(crate) fn new(accepted: Accepted) -> Self {
        Self { accepted, at: Mutex::new((PathBuf::new(), Instant::now())) }
    }

    /// The bytes of a file, at most `most` of them.
    ///
    /// # Errors
    /// The file cannot be read, or its type or size is not accepted. The caller names the file.
    pub(crate) fn read(&self, path: &Path, most: u64) -> Result<Vec<u8>, ReadError> {
        self.start(path);
        if is_stdin(path) {
            return self.stdin(most);
        }
        // Opening a device may already act on it.
        self.check(fs::metadata(path)?.file_type())?;
        let mut options = OpenOptions::new();
        options.read(true);
        if self.accepted == Accepted::RegularFiles {
            options.custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
        }
        let file = options.open(path)?;
        // By now the path may lead to something else.
        self.check(file.metadata()?.file_type())?;
        limited(file, most)
    }

    /// Whether the path is a folder.
    pub(crate) fn is_folder(&self, path: &Path) -> bool {
        self.start(path);
        !is_stdin(path) && path.is_dir()
    }

    /// The paths in a folder, sorted.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub(crate) fn entries(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        self.start(folder);
        let mut paths = fs::read_dir(folder)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<io::Result<Vec<_>>>()?;
        paths.sort();
        Ok(paths)
    }

    fn stdin(&self, most: u64) -> Result<Vec<u8>, ReadError> {
        if self.accepted == Accepted::RegularFiles {
            return Err(self.wrong_type("standard input"));
        }
        if STDIN_WAS_READ.swap(true, Ordering::Relaxed) {
            return Err(ReadError::StdinAgain);
        }
        limited(io::stdin().lock(), most)
    }

    fn check(&self, found: FileType) -> Result<(), ReadError> {
        let found = if found.is_file() || (found.is_fifo() && self.accepted == Accepted::Pipes) {
            return Ok(());
        } else if found.is_dir() {
            "a folder"
        } else if found.is_fifo() {
            "a FIFO"
        } else if found.is_socket() {
            "a socket"
        } else {
            "a device"
        };
        Err(self.wrong_type(found))
    }

    fn wrong_type(&self, found: &'static str) -> ReadError {
        let expected = match self.accepted {
            Accepted::RegularFiles => "a regular file",
            Accepted::Pipes => "a file or a pipe",
        };
        ReadError::WrongType { expected, found }
    }

    fn start(&self, path: &Path) {
        *self.at() = (path.to_owned(), Instant::now());
    }

    fn at(&self) -> MutexGuard<'_, (PathBuf, Instant)> {
        self.at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn name(&self) -> String {
        name_of(&self.at().0)
    }

    fn elapsed(&self) -> Duration {
        self.at().1.elapsed()
    }
}

fn limited(input: impl Read, most: u64) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    let read = input.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(read).is_ok_and(|read| read <= most) {
        Ok(bytes)
    } else {
        Err(ReadError::TooLarge { most })
    }
}

/// Reads regular files on a thread of its own, each for a limited time.
///
/// Nothing can end a read from a file system that does not answer. Its thread is left behind, and
/// no other is started before it ends, so that threads do not pile up.
#[derive(Debug)]
pub(crate) struct TimeLimit {
    time: Duration,
    /// The reader that was left behind, while it still reads.
    left_behind: Mutex<Weak<FileReader>>,
}

/// Why nothing was read.
#[derive(Debug, thiserror::Error)]
pub enum NothingRead {
    /// A file is not read in time.
    #[error("cannot read `{file}`: the file system does not answer within {time:?}")]
    TooSlow { file: String, time: Duration },
    /// There is no thread to read on.
    #[error("cannot start a thread that reads files: {0}")]
    NoThread(#[from] io::Error),
    /// A defect of this program.
    #[error("cannot read `{file}`: the thread that reads files panicked")]
    Panicked { file: String },
}

impl Default for TimeLimit {
    fn default() -> Self {
        Self::new(TIME)
    }
}

impl TimeLimit {
    fn new(time: Duration) -> Self {
        Self { time, left_behind: Mutex::default() }
    }

    /// Runs `read` and returns its result.
    ///
    /// # Errors
    /// A file takes too long, or one that took too long before is still being read.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        read: impl FnOnce(&FileReader) -> T + Send + 'static,
    ) -> Result<T, NothingRead> {
        let mut left_behind = self.left_behind.lock().unwrap_or_else(PoisonError::into_inner);
        let too_slow =
            |reader: &FileReader| NothingRead::TooSlow { file: reader.name(), time: self.time };
        if let Some(reader) = left_behind.upgrade() {
            return Err(too_slow(&reader));
        }
        let reader = Arc::new(FileReader::new(Accepted::RegularFiles));
        let (sender, receiver) = mpsc::sync_channel(1);
        let reading = Arc::clone(&reader);
        thread::Builder::new().name("files".to_owned()).spawn(move || {
            // Fails if the caller has stopped waiting. `reading` keeps the reader alive until here.
            let _ = sender.send(read(&reading));
        })?;
        let outcome = loop {
            match receiver.recv_timeout(self.time.saturating_sub(reader.elapsed())) {
                // The reader has started another file meanwhile.
                Err(RecvTimeoutError::Timeout) if reader.elapsed() < self.time => {}
                other => break other,
            }
        };
        match outcome {
            Ok(value) => Ok(value),
            Err(RecvTimeoutError::Timeout) => {
                *left_behind = Arc::downgrade(&reader);
                Err(too_slow(&reader))
            }
            Err(RecvTimeoutError::Disconnected) => {
                Err(NothingRead::Panicked { file: reader.name() })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::process::Command;

    use super::*;

    #[test]
    fn what_is_no_regular_file_is_named_by_its_type() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("file"), "text").unwrap();
        assert!(Command::new("mkfifo").arg(path("fifo")).status().unwrap().success());
        let _listener = UnixListener::bind(path("socket")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", path("link")).unwrap();
        let table = [
            (path("file"), "text"),
            (path("fifo"), "expected a regular file, found a FIFO"),
            (path("socket"), "expected a regular file, found a socket"),
            (path("link"), "expected a regular file, found a device"),
            (path(""), "expected a regular file, found a folder"),
            (PathBuf::from("-"), "expected a regular file, found standard input"),
            (path("none"), "No such file or directory (os error 2)"),
        ];
        let reader = FileReader::new(Accepted::RegularFiles);
        for (path, expected) in table {
            let found = match reader.read(&path, MAX_FILE_BYTES) {
                Ok(bytes) => String::from_utf8(bytes).unwrap(),
                Err(error) => error.to_string(),
            };
            assert_eq!(found, expected, "{}", path.display());
        }
    }

    #[test]
    fn a_pipe_is_read_where_pipes_are_accepted() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        let writer = thread::spawn({
            let fifo = fifo.clone();
            move || fs::write(fifo, "text")
        });
        let reader = FileReader::new(Accepted::Pipes);
        assert_eq!(reader.read(&fifo, MAX_FILE_BYTES).unwrap(), b"text");
        writer.join().unwrap().unwrap();
        for (path, found) in [("/dev/null", "a device"), ("/", "a folder")] {
            assert_eq!(
                reader.read(Path::new(path), MAX_FILE_BYTES).unwrap_err().to_string(),
                format!("expected a file or a pipe, found {found}")
            );
        }
    }

    #[test]
    fn a_file_may_be_as_large_as_the_limit() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let reader = FileReader::new(Accepted::RegularFiles);
        file.as_file().set_len(MAX_FILE_BYTES).unwrap();
        assert_eq!(reader.read(file.path(), MAX_FILE_BYTES).unwrap().len() as u64, MAX_FILE_BYTES);
        file.as_file().set_len(MAX_FILE_BYTES + 1).unwrap();
        assert_eq!(
            reader.read(file.path(), MAX_FILE_BYTES).unwrap_err().to_string(),
            "expected at most 4 MiB, found more"
        );
    }

    #[test]
    fn a_read_that_hangs_is_left_behind_until_it_ends() {
        let limit = TimeLimit::new(Duration::from_millis(500));
        let (release, hold) = mpsc::channel::<()>();
        let hangs = |limit: &TimeLimit, hold: mpsc::Receiver<()>| {
            limit.run(move |reader| {
                reader.start(Path::new("hung.yaml"));
                let _ = hold.recv();
            })
        };
        let expected = "cannot read `hung.yaml`: the file system does not answer within 500ms";
        assert_eq!(hangs(&limit, hold).unwrap_err().to_string(), expected);
        // Nothing else starts meanwhile, and nothing waits again.
        let started = Instant::now();
        let again = limit.run(|_| panic!("a second thread"));
        assert_eq!(again.unwrap_err().to_string(), expected);
        assert!(started.elapsed() < Duration::from_millis(500));
        release.send(()).unwrap();
        while limit.left_behind.lock().unwrap().strong_count() > 0 {
            thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(limit.run(|_| 1).unwrap(), 1);
    }

    #[test]
    fn the_time_is_that_of_one_file() {
        let limit = TimeLimit::new(Duration::from_millis(400));
        let read = limit.run(|reader| {
            for _ in 0..6 {
                reader.start(Path::new("slow.yaml"));
                thread::sleep(Duration::from_millis(100));
            }
        });
        assert!(read.is_ok(), "{read:?}");
    }
}
