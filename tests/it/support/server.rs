//! The real binary, started on free ports and ended with the handle.

use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

use reqwest::{Certificate, Client, ClientBuilder};

use super::PATIENCE;
use crate::corpus::root;

/// A running `fieldward serve`.
pub(crate) struct Server {
    child: Ended,
    pub(crate) address: SocketAddr,
    pub(crate) ops: SocketAddr,
    /// Where the CA was written, if the server made one.
    pub(crate) ca: Option<PathBuf>,
    /// The command that it logged, if any.
    pub(crate) to_try: Option<String>,
    log: Arc<Mutex<String>>,
}

/// A process that ends with the handle, also where a test panics before the server is announced.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a server logs when it starts, in either format.
pub(crate) struct Announced {
    pub(crate) address: SocketAddr,
    pub(crate) ops: SocketAddr,
    pub(crate) ca: Option<PathBuf>,
    pub(crate) to_try: Option<String>,
}

impl Announced {
    /// Reads it from the log so far, asked for again and again until all of it is there.
    pub(crate) fn read(log: &mut dyn FnMut() -> String) -> Self {
        let started = Instant::now();
        loop {
            if let Some(announced) = Self::of(&log()) {
                return announced;
            }
            assert!(started.elapsed() < PATIENCE, "it does not say that it serves");
        }
    }

    fn of(log: &str) -> Option<Self> {
        // A line that is not whole yet has no end.
        let lines = || log.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
        let serving = lines().find(|line| line.contains("serving") && line.contains("reviews"))?;
        let field = |name: &str| {
            let (_, rest) = serving
                .split_once(&format!("{name}=\""))
                .or_else(|| serving.split_once(&format!("\"{name}\":\"")))?;
            rest.split('"').next()
        };
        let address =
            field("reviews")?.strip_prefix("https://")?.strip_suffix("/validate")?.parse().unwrap();
        let ops = field("operations")?.strip_prefix("http://")?.parse().unwrap();
        let ca = field("ca").map(PathBuf::from);
        let to_try = lines().find(|line| line.contains("try it: "));
        if ca.is_some() && to_try.is_none() {
            return None;
        }
        Some(Self {
            address,
            ops,
            ca,
            to_try: to_try.map(|line| message(line).split_once("try it: ").unwrap().1.to_owned()),
        })
    }
}

/// The message of a line; with the text format, it is at the end of the whole line.
fn message(line: &str) -> String {
    let json = serde_json::from_str::<serde_json::Value>(line).ok();
    json.and_then(|json| json["message"].as_str().map(str::to_owned))
        .unwrap_or_else(|| line.to_owned())
}

/// `fieldward`, without options from this process's environment.
pub(crate) fn fieldward() -> Command {
    without_options(Command::new(env!("CARGO_BIN_EXE_fieldward")))
}

/// The program of the image, built if it is not there yet.
pub(crate) fn released() -> &'static Path {
    static RELEASED: LazyLock<PathBuf> = LazyLock::new(|| {
        let run = |mut command: Command| {
            let output = command.current_dir(root()).stderr(Stdio::inherit()).output().unwrap();
            assert!(output.status.success(), "{command:?}");
            String::from_utf8(output.stdout).unwrap()
        };
        // `.ci/image` runs the same command, so nothing is compiled twice.
        let mut build = Command::new(root().join(".ci/static"));
        build.args(["bench", "--locked", "--bench", "instructions", "--no-run"]);
        run(build);
        let mut rustc = Command::new("rustc");
        rustc.arg("-vV");
        let version = run(rustc);
        let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
        let profile = Path::new(env!("CARGO_BIN_EXE_fieldward")).parent().unwrap();
        profile.with_file_name(host).join("dist/fieldward")
    });
    &RELEASED
}

/// The arguments of a server on free ports.
pub(crate) const FREE_PORTS: [&str; 5] =
    ["serve", "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"];

/// What a server that cannot start says on stderr, which must be of one line, and its exit code.
pub(crate) fn refused(args: &[&str]) -> (i32, String) {
    let output = fieldward().args(FREE_PORTS).args(args).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "");
    (output.status.code().unwrap(), stderr.trim_end().to_owned())
}

impl Server {
    /// Starts a server with further arguments.
    pub(crate) fn start(args: &[&str]) -> Self {
        let mut command = fieldward();
        command.args(FREE_PORTS).args(args);
        // A client on a busy machine may need longer than the default.
        command.env("FIELDWARD_HANDSHAKE_TIMEOUT", "30s");
        Self::spawn(command)
    }

    /// Starts a server under a limit, as the shell's `ulimit` takes it.
    pub(crate) fn start_limited(limit: &str, args: &[&str]) -> Self {
        Self::start_program(Path::new(env!("CARGO_BIN_EXE_fieldward")), Some(limit), args)
    }

    /// Starts this program as a server, under a limit if there is one.
    pub(crate) fn start_program(program: &Path, limit: Option<&str>, args: &[&str]) -> Self {
        let mut command = without_options(Command::new("sh"));
        let limit = limit.map(|limit| format!("ulimit {limit}; ")).unwrap_or_default();
        command.arg("-c").arg(format!("{limit}exec \"$0\" \"$@\""));
        command.arg(program).args(FREE_PORTS).args(args);
        Self::spawn(command)
    }

    /// Starts a server with these arguments and no others.
    pub(crate) fn start_as(args: &[&str]) -> Self {
        let mut command = fieldward();
        command.args(args);
        Self::spawn(command)
    }

    fn spawn(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = Ended(command.spawn().unwrap());
        let log = collect(child.0.stderr.take().unwrap());
        let announced = Announced::read(&mut || {
            let has_ended = child.0.try_wait().unwrap().is_some();
            let text = log.lock().unwrap().clone();
            assert!(!has_ended || text.contains("serving"), "it did not start: {text}");
            std::thread::sleep(Duration::from_millis(5));
            text
        });
        let Announced { address, ops, ca, to_try } = announced;
        Self { child, address, ops, ca, to_try, log }
    }

    /// A client builder that trusts only the CA that this server made.
    pub(crate) fn client_builder(&self) -> ClientBuilder {
        let pem = std::fs::read(self.ca.as_ref().unwrap()).unwrap();
        trusting(&String::from_utf8(pem).unwrap())
    }

    /// A client that trusts only the CA that this server made.
    pub(crate) fn client(&self) -> Client {
        self.client_builder().build().unwrap()
    }

    /// An address of the webhook.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.address)
    }

    /// Status and body of a path of the operations port; none if nobody answers.
    pub(crate) async fn ops(&self, path: &str) -> Option<(u16, String)> {
        let client = Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        let response = client.get(format!("http://{}{path}", self.ops)).send().await.ok()?;
        Some((response.status().as_u16(), response.text().await.ok()?))
    }

    /// Asserts that a new client is served, in far less time than any timeout of a default server.
    pub(crate) async fn assert_serving(&self) {
        let started = Instant::now();
        let status = post(&self.client(), &self.url("/validate"), "{}").await.0;
        assert_eq!(status, 400);
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.0.id());
        assert!(Command::new("sh").arg("-c").arg(kill).status().unwrap().success());
    }

    /// How it has ended, if it has.
    pub(crate) fn status(&mut self) -> Option<ExitStatus> {
        self.child.0.try_wait().unwrap()
    }

    /// Waits for its end.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.status() {
                return status;
            }
            assert!(started.elapsed() < PATIENCE, "it does not end");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.0.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(folder) =
            self.ca.as_ref().and_then(|ca| ca.parent()).filter(|_| self.to_try.is_some())
        {
            let own = format!("fieldward-{}", self.child.0.id());
            if folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&own)) {
                let _ = std::fs::remove_dir_all(folder);
            }
        }
    }
}

/// A client builder that trusts only this CA.
pub(crate) fn trusting(ca: &str) -> ClientBuilder {
    let ca = Certificate::from_pem(ca.as_bytes()).unwrap();
    Client::builder().no_proxy().tls_certs_only([ca]).timeout(PATIENCE)
}

/// Posts JSON; status and body.
pub(crate) async fn post(
    client: &Client,
    url: &str,
    body: impl Into<reqwest::Body>,
) -> (u16, String) {
    let response = client
        .post(url)
        .header("content-type", "application/json")
        .body(body)
        .send()
        .await
        .unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

fn without_options(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("FIELDWARD_") {
            command.env_remove(name);
        }
    }
    command
}

fn collect(mut stderr: impl Read + Send + 'static) -> Arc<Mutex<String>> {
    let log = Arc::new(Mutex::new(String::new()));
    let into = Arc::clone(&log);
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = stderr.read(&mut buffer) {
            into.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
    });
    log
}
