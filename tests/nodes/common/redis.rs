//! A real Redis server for one test, which can be killed, frozen and started again.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::Duration,
};

use chorus::config;
use redis::aio::MultiplexedConnection;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::time::sleep;

use super::within;

/// A server on a port of its own, without persistence; killed when this is dropped.
pub(crate) struct RedisServer {
    port: u16,
    dir: TempDir,
    child: Option<Child>,
}

impl RedisServer {
    /// Reserves a port for a server that does not run yet.
    pub(crate) fn reserve() -> Self {
        Self { port: free_port(), dir: tempfile::tempdir().unwrap(), child: None }
    }

    /// A running server.
    pub(crate) async fn started() -> Self {
        let mut server = Self::reserve();
        server.start().await;
        server
    }

    /// Starts it, and waits until it answers.
    pub(crate) async fn start(&mut self) {
        let arguments = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port"];
        let child = Command::new("redis-server")
            .args(arguments)
            .arg(self.port.to_string())
            .current_dir(self.dir.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        let id = format!("process_id:{}\r\n", child.id());
        self.child = Some(child);
        // Checks the process id, because another test's server may have taken the port.
        let info = async || match self.try_client().await {
            Ok(mut client) => redis::cmd("INFO").query_async(&mut client).await.unwrap_or_default(),
            Err(_) => String::new(),
        };
        within("Redis answers", async {
            while !info().await.contains(&id) {
                sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
    }

    /// Kills it by SIGKILL.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Stops it where it is: its connections stay open, and the kernel accepts new ones.
    pub(crate) fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Continues it after [`freeze`](Self::freeze).
    pub(crate) fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// Bus settings for this server.
    pub(crate) fn settings(&self) -> config::Bus {
        let timeout = Duration::from_millis(300);
        config::Bus { url: Some(self.url().as_str().into()), timeout, ..config::Bus::default() }
    }

    /// A plain connection.
    pub(crate) async fn client(&self) -> MultiplexedConnection {
        self.try_client().await.unwrap()
    }

    /// The server's address.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    async fn try_client(&self) -> redis::RedisResult<MultiplexedConnection> {
        redis::Client::open(self.url())?.get_multiplexed_async_connection().await
    }

    fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().expect("the server was started");
        kill_process(Pid::from_child(child), signal).unwrap();
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A free port below the kernel's ephemeral range, so that no connection takes it while the server is down.
fn free_port() -> u16 {
    let mut ports = std::iter::repeat_with(|| 10_000 + (getrandom::u32().unwrap() % 20_000) as u16);
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap()
}
