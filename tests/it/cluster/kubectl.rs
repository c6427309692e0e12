//! The real kubectl.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// kubectl with a kubeconfig.
#[derive(Clone)]
pub(crate) struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
    /// For what it keeps and for what an editor leaves.
    home: PathBuf,
    /// Options that every call has.
    options: Vec<String>,
}

/// What it printed.
#[derive(Debug)]
pub(crate) struct Printed {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Kubectl {
    pub(crate) fn new(program: PathBuf, kubeconfig: PathBuf, home: PathBuf) -> Self {
        Self { program, kubeconfig, home, options: Vec::new() }
    }

    /// The same in a namespace, as somebody else.
    pub(crate) fn within(&self, namespace: &str, user: &str) -> Self {
        let options = ["-n", namespace, "--as", user, "--as-group", "system:authenticated"]
            .map(str::to_owned)
            .to_vec();
        Self { options, ..self.clone() }
    }

    /// Runs it without standard input.
    pub(crate) fn run(&self, args: &[&str]) -> Printed {
        self.run_with(args, "")
    }

    /// Runs it with this on standard input, for `-f -`.
    pub(crate) fn run_with(&self, args: &[&str], input: &str) -> Printed {
        self.command(args, input, &[])
    }

    /// Runs it with this editor.
    pub(crate) fn edit(&self, args: &[&str], editor: &str) -> Printed {
        self.command(args, "", &[("KUBE_EDITOR", editor)])
    }

    fn command(&self, args: &[&str], input: &str, variables: &[(&str, &str)]) -> Printed {
        let mut command = Command::new(&self.program);
        command
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .envs(variables.iter().copied());
        command
            .env("KUBECONFIG", &self.kubeconfig)
            .env("HOME", &self.home)
            .env("TMPDIR", &self.home)
            .args(&self.options)
            .args(args);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // It may end without having read all.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        Printed {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Printed {
    /// Standard output; anything but success fails the trial.
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self.out
    }
}
