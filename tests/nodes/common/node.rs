//! Real `chorus` processes, and clusters of them that share a log file and a Redis.

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use rustix::process::{Pid, Signal, geteuid, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    sync::{RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::sleep,
};

use super::{
    client::Client,
    http::{Response, request},
    redis::RedisServer,
    until, within,
};

/// Tests run in parallel, except beside one that needs the whole machine.
static MACHINE: RwLock<()> = RwLock::const_new(());

enum Machine {
    Shared { _guard: RwLockReadGuard<'static, ()> },
    Alone { _guard: RwLockWriteGuard<'static, ()> },
}

/// The program with these settings alone, in a folder without a chorus.toml.
pub(crate) fn chorus(dir: &Path, settings: &[(String, String)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chorus"));
    command.env_clear().current_dir(dir).stdin(Stdio::null());
    command.envs(settings.iter().map(|(name, value)| (name, value)));
    command
}

/// The same command without root's power to ignore file permissions, as in a container.
fn unprivileged(command: &Command) -> Command {
    let mut less = Command::new("/usr/bin/setpriv");
    less.arg("--bounding-set=-dac_override,-dac_read_search").arg(command.get_program());
    less.env_clear().current_dir(command.get_current_dir().expect("it is set")).stdin(Stdio::null());
    less.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    less
}

/// `limits.tail_bytes` is `CHORUS_LIMITS__TAIL_BYTES`.
fn variable(setting: &str) -> String {
    format!("CHORUS_{}", setting.replace('.', "__").to_uppercase())
}

/// One node's process, killed when this is dropped.
pub(crate) struct Node {
    child: Child,
    addr: SocketAddr,
    log: Arc<Mutex<String>>,
}

impl Node {
    async fn start(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let (log, lines) = (Arc::<Mutex<String>>::default(), BufReader::new(child.stderr.take().unwrap()));
        let written = log.clone();
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                *written.lock().unwrap() += &(line + "\n");
            }
        });
        let mut node = Self { child, addr: SocketAddr::from(([127, 0, 0, 1], 0)), log };
        let port = within("a node is ready", async {
            loop {
                if let Some(port) = node.port() {
                    return port;
                }
                let exit = node.child.try_wait().unwrap();
                assert!(exit.is_none(), "a node ended with {exit:?}:\n{}", node.log());
                sleep(Duration::from_millis(5)).await;
            }
        });
        let port = port.await;
        node.addr.set_port(port);
        node
    }

    /// The port that it logs once it is ready.
    fn port(&self) -> Option<u16> {
        let log = self.log.lock().unwrap();
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut ready = lines.filter(|line| line["message"] == "ready");
        Some(ready.next()?["addr"].as_str()?.parse::<SocketAddr>().unwrap().port())
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Everything that it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Kills it by SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to drain.
    pub(crate) fn terminate(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
    }

    /// Stops it where it is, like a paused container.
    pub(crate) fn freeze(&self) {
        kill_process(Pid::from_child(&self.child), Signal::STOP).unwrap();
    }

    /// Continues it after a freeze.
    pub(crate) fn thaw(&self) {
        kill_process(Pid::from_child(&self.child), Signal::CONT).unwrap();
    }

    /// Waits until it is frozen, by whatever means.
    pub(crate) async fn frozen(&self) {
        let stat = format!("/proc/{}/stat", self.child.id());
        until("a node is frozen", || std::fs::read_to_string(&stat).unwrap().contains(") T ")).await;
    }

    /// Waits until it has exited by itself.
    pub(crate) async fn exit(&mut self) -> ExitStatus {
        let mut status = None;
        until("a node ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        })
        .await;
        status.unwrap()
    }

    /// Its resident memory.
    pub(crate) fn rss_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        request(self.addr, "GET", path, &[], "").await.expect("the node answers")
    }

    pub(crate) async fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Response {
        request(self.addr, "POST", path, headers, body).await.expect("the node answers")
    }

    /// The sum of all series that begin with `series`.
    pub(crate) async fn metric(&self, series: &str) -> f64 {
        let text = self.get("/metrics").await.body;
        let values = text.lines().filter(|line| line.starts_with(series));
        values.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
    }

    /// A connected client on `/chat`.
    pub(crate) async fn native(&self, auth: Value) -> Client {
        Client::connect(self.addr, "/chat", auth).await.expect("the node accepts the client")
    }

    /// A connected client on `/chat` that has joined the lobby with its whole history.
    pub(crate) async fn in_lobby(&self) -> Client {
        let mut client = self.native(json!({})).await;
        let joined = client.ask("join", json!({ "room": "lobby", "history": 1_000 })).await;
        assert!(joined["ok"].is_object(), "{joined}");
        client
    }

    /// A connected client on `/` that gets the whole history.
    pub(crate) async fn tutorial(&self) -> Client {
        self.tutorial_after(json!({ "serverOffset": 0 })).await
    }

    pub(crate) async fn tutorial_after(&self, auth: Value) -> Client {
        Client::connect(self.addr, "/", auth).await.expect("the node accepts the client")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- the log of the node at {}:\n{}", self.addr, self.log());
        }
    }
}

/// A cluster's configuration, before it starts.
pub(crate) struct Plan {
    nodes: usize,
    settings: Vec<(String, String)>,
    redis: Redis,
    alone: bool,
    /// Where the cluster's folder is made, if not in the default temporary folder.
    within: Option<PathBuf>,
    unprivileged: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Redis {
    Up,
    Down,
    Unset,
}

impl Plan {
    /// Sets `section.key` on every node.
    pub(crate) fn set(mut self, setting: &str, value: impl ToString) -> Self {
        self.settings.push((variable(setting), value.to_string()));
        self
    }

    /// Redis is configured and does not run yet.
    pub(crate) fn with_redis_down(mut self) -> Self {
        self.redis = Redis::Down;
        self
    }

    /// No Redis is configured.
    pub(crate) fn without_redis(mut self) -> Self {
        self.redis = Redis::Unset;
        self
    }

    /// Puts its folder, and so its log, in this one.
    pub(crate) fn within(mut self, folder: &Path) -> Self {
        self.within = Some(folder.to_owned());
        self
    }

    /// File permissions apply to its nodes, even if root runs the tests.
    pub(crate) fn without_privileges(mut self) -> Self {
        self.unprivileged = true;
        self
    }

    /// No other cluster runs at the same time.
    pub(crate) fn alone(mut self) -> Self {
        self.alone = true;
        self
    }

    pub(crate) async fn start(self) -> Cluster {
        let machine = match self.alone {
            true => Machine::Alone { _guard: MACHINE.write().await },
            false => Machine::Shared { _guard: MACHINE.read().await },
        };
        let dir = self.within.map_or_else(tempfile::tempdir, tempfile::tempdir_in).unwrap();
        let redis = match self.redis {
            Redis::Up => RedisServer::started().await,
            Redis::Down | Redis::Unset => RedisServer::reserve(),
        };
        let mut settings = self.settings;
        let log = format!("sqlite://{}", dir.path().join("chat.db").display());
        settings.extend([("PORT".to_owned(), "0".to_owned()), ("DATABASE_URL".to_owned(), log)]);
        settings.extend([(variable("server.host"), "127.0.0.1".to_owned())]);
        settings.extend([(variable("telemetry.log_format"), "json".to_owned())]);
        if self.redis != Redis::Unset {
            settings.extend([
                ("REDIS_URL".to_owned(), redis.url()),
                (variable("bus.timeout"), "300ms".to_owned()),
            ]);
        }
        let (nodes, unprivileged) = (Vec::new(), self.unprivileged && geteuid().is_root());
        let mut cluster = Cluster { nodes, redis, dir, settings, unprivileged, _machine: machine };
        for _ in 0..self.nodes {
            cluster.add_node().await;
        }
        if self.redis == Redis::Up {
            for node in &cluster.nodes {
                within("the bus is up", async {
                    while node.metric("chorus_bus_up").await != 1.0 {
                        sleep(Duration::from_millis(10)).await;
                    }
                })
                .await;
            }
        }
        cluster
    }
}

/// Nodes that share a log file and a Redis, which belong to one test.
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Node>,
    pub(crate) redis: RedisServer,
    dir: TempDir,
    settings: Vec<(String, String)>,
    unprivileged: bool,
    _machine: Machine,
}

impl Cluster {
    pub(crate) fn of(nodes: usize) -> Plan {
        Plan {
            nodes,
            settings: Vec::new(),
            redis: Redis::Up,
            alone: false,
            within: None,
            unprivileged: false,
        }
    }

    pub(crate) async fn start(nodes: usize) -> Self {
        Self::of(nodes).start().await
    }

    /// Starts one more node.
    pub(crate) async fn add_node(&mut self) -> &Node {
        self.add_node_with(&[]).await
    }

    pub(crate) async fn add_node_with(&mut self, more: &[(&str, &str)]) -> &Node {
        let more = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let settings: Vec<_> = self.settings.iter().cloned().chain(more).collect();
        let mut command = chorus(self.dir.path(), &settings);
        if self.unprivileged {
            command = unprivileged(&command);
        }
        self.nodes.push(Node::start(command).await);
        self.nodes.last().unwrap()
    }

    /// A file in the cluster's folder, the working directory of all nodes.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A command that runs the program with the cluster's settings.
    pub(crate) fn chorus(&self) -> Command {
        chorus(self.dir.path(), &self.settings)
    }

    pub(crate) fn addrs(&self) -> Vec<SocketAddr> {
        self.nodes.iter().map(Node::addr).collect()
    }
}
