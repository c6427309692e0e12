//! A program that does not outlive the tests, however they end.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};

/// Ends the program when its standard input closes, which it does when the tests end, even by
/// SIGKILL.
const WATCH: &str = r#"exec 3<&0; "$@" </dev/null 3<&- & program=$!
(cat <&3 >/dev/null; kill -9 $program) 2>/dev/null & watcher=$!
wait $program; status=$?; kill $watcher; exit $status"#;

/// A running program.
pub(crate) struct Process {
    child: Child,
    input: Option<ChildStdin>,
    log: PathBuf,
}

impl Process {
    /// Starts a program; what it prints goes to a log file in this folder.
    pub(crate) fn start(folder: &Path, name: &str, program: &Path, args: &[String]) -> Self {
        let log = folder.join(format!("{name}.log"));
        let output = File::create(&log).unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", WATCH, "sh"]).arg(program).args(args).current_dir(folder);
        // All that it talks to is here.
        for proxy in ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"] {
            command.env_remove(proxy);
        }
        command.stdin(Stdio::piped()).stdout(output.try_clone().unwrap()).stderr(output);
        let mut child = command.spawn().unwrap();
        let input = child.stdin.take();
        Self { child, input, log }
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.status().is_some()
    }

    /// How it has ended, if it has.
    pub(crate) fn status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// What it has printed so far.
    pub(crate) fn printed(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The end of what it printed.
    pub(crate) fn last_words(&self) -> String {
        let text = self.printed();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.wait();
    }
}
