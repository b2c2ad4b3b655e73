//! The file: found, checked, made, and opened for each who works on it.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use rusqlite::{Connection, OpenFlags};

use crate::{
    chat::{model::Epoch, ports::Space},
    config,
    store::sqlite::{
        file::{file_check, filesystem, lock::SideLock, schema},
        rows::from_sql,
    },
};

/// Versions before this one can corrupt a WAL that several processes share.
const SQLITE_VERSION_MIN: i32 = 3_051_003;

/// How long a start waits for others that make or migrate the same log.
const START_WAIT: Duration = Duration::from_secs(30);

/// How long a writer waits for those who do not take the side lock: a
/// checkpoint, or someone's shell.
pub(crate) const WRITER_PATIENCE: Duration = Duration::from_secs(1);

/// How long a reader waits: in a WAL only a recovery or a checkpoint's end makes it.
const READER_PATIENCE: Duration = Duration::from_millis(250);

/// After so many pages (16 MiB) a commit moves what the janitor has not moved yet into the database, so that the WAL
/// begins anew. A large one would have to be cut, which takes longer than a commit may be held up.
const AUTOCHECKPOINT_PAGES: u32 = 4_096;

/// The suffix of the side file that writers lock.
const LOCK: &str = ".lock";

/// The scheme that a setting `log.url` of this log begins with.
const SCHEME: &str = "sqlite://";

/// The file of a log, complete and with a known identity.
#[derive(Clone)]
pub(crate) struct Database {
    path: Arc<PathBuf>,
    identity: schema::Identity,
}

impl Database {
    /// Finds or makes the log that `settings` names.
    ///
    /// # Errors
    ///
    /// What is wrong with the place, the file or its contents; a foreign file is untouched.
    pub(crate) fn prepare(settings: &config::Log) -> anyhow::Result<Self> {
        if rusqlite::version_number() < SQLITE_VERSION_MIN {
            bail!("SQLite {} can corrupt a database that nodes share; 3.51.3 is needed", rusqlite::version());
        }
        let path = path(&settings.url)?;
        prepare_folder(&path, settings.allow_unsafe_filesystem)?;
        file_check::refuse(&path)?;

        let mut connection = open(&path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
        connection.busy_timeout(WRITER_PATIENCE)?;
        let identity = identify(&mut connection, &SideLock::open(&path, LOCK)?)
            .with_context(|| format!("cannot use {}", path.display()))?;
        Ok(Self { path: Arc::new(path), identity })
    }

    /// Finds the log that `settings` names, and makes none.
    ///
    /// # Errors
    ///
    /// As [`prepare`](Self::prepare), and that there is none.
    pub(crate) fn existing(settings: &config::Log) -> anyhow::Result<Self> {
        let path = path(&settings.url)?;
        match path.metadata() {
            Ok(metadata) if 0 < metadata.len() => Self::prepare(settings),
            _ => bail!("there is no log at {}", path.display()),
        }
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.identity.epoch
    }

    pub(crate) fn key(&self) -> &[u8; 32] {
        &self.identity.key
    }

    /// Gives the log another epoch. Nodes that run on it notice when they next open the
    /// file, and refuse to go on.
    pub(crate) fn renew_epoch(&self) -> anyhow::Result<Epoch> {
        let _held = self.lock()?.wait().context("cannot take the log's lock")?;
        schema::renew_epoch(&self.writer()?)
    }

    /// A contender for the right to write.
    pub(crate) fn lock(&self) -> anyhow::Result<SideLock> {
        SideLock::open(&self.path, LOCK).context("cannot open the log's lock file")
    }

    /// A contender for the right to tidy up.
    pub(crate) fn janitor_lock(&self) -> anyhow::Result<SideLock> {
        SideLock::open(&self.path, ".janitor").context("cannot open the janitor's lock file")
    }

    /// The size of the write-ahead log's file.
    pub(crate) fn wal_bytes(&self) -> u64 {
        super::lock::beside(&self.path, "-wal").metadata().map_or(0, |metadata| metadata.len())
    }

    /// What the log occupies; `None` if its file system does not answer.
    pub(crate) fn space(&self) -> Option<Space> {
        let file_bytes = self.path.metadata().ok()?.len();
        let (disk_free_bytes, disk_bytes) = disk_bytes(&self.path).ok()?;
        Some(Space { file_bytes, wal_bytes: self.wal_bytes(), disk_free_bytes, disk_bytes })
    }

    /// A connection that writes.
    ///
    /// # Errors
    ///
    /// Also when the file is not the log any more that this process began with.
    pub(crate) fn writer(&self) -> anyhow::Result<Connection> {
        let connection = open(&self.path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.busy_timeout(WRITER_PATIENCE)?;
        self.recognize(connection)
    }

    /// A connection that only reads.
    ///
    /// # Errors
    ///
    /// Also when the file is not the log any more that this process began with.
    pub(crate) fn reader(&self) -> anyhow::Result<Connection> {
        let connection = open(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        connection.busy_timeout(READER_PATIENCE)?;
        connection.pragma_update(None, "query_only", true)?;
        self.recognize(connection)
    }

    /// A connection that reads the log and may write another file.
    pub(crate) fn copier(&self) -> anyhow::Result<Connection> {
        let connection = open(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        connection.busy_timeout(WRITER_PATIENCE)?;
        self.recognize(connection)
    }

    fn recognize(&self, connection: Connection) -> anyhow::Result<Connection> {
        if schema::epoch(&connection)? != Some(self.identity.epoch) {
            bail!("the log's file was replaced; this node must be started anew");
        }
        Ok(connection)
    }
}

/// What the file system that holds `path` still takes from this process, and its size.
pub(crate) fn disk_bytes(path: &Path) -> std::io::Result<(u64, u64)> {
    let disk = rustix::fs::statvfs(path)?;
    Ok((disk.f_bavail.saturating_mul(disk.f_frsize), disk.f_blocks.saturating_mul(disk.f_frsize)))
}

/// What the log takes of its file; the rest is pages that are used again.
pub(crate) fn used_bytes(connection: &Connection) -> rusqlite::Result<u64> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get(0).map(from_sql));
    Ok(pragma("page_count")?.saturating_sub(pragma("freelist_count")?) * pragma("page_size")?)
}

/// Makes the log, or finds that it is there, under the lock.
fn identify(connection: &mut Connection, lock: &SideLock) -> anyhow::Result<schema::Identity> {
    let started = Instant::now();
    loop {
        if let Some(_held) = lock.wait_within(Duration::from_secs(1))? {
            return schema::make(connection);
        }
        // Who holds it may be frozen: a log that is complete can be used all the
        // same. An error here only means that it is being made right now.
        if let Ok(Some(identity)) = schema::complete(connection) {
            return Ok(identity);
        }
        if START_WAIT < started.elapsed() {
            bail!("another process holds the log's lock and does not go on");
        }
    }
}

fn path(url: &str) -> anyhow::Result<PathBuf> {
    let path = url.strip_prefix(SCHEME).with_context(|| format!("{url} does not begin with {SCHEME}"))?;
    // SQLite gives these a meaning of their own.
    if path.is_empty() || path.starts_with(':') || path.starts_with("file:") {
        bail!("{url} must name a file");
    }
    Ok(path.into())
}

fn prepare_folder(path: &Path, allow_unsafe: bool) -> anyhow::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => ".".as_ref(),
    };
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot create the folder {}", folder.display()))?;
    let name = filesystem::unsafe_name(folder)
        .with_context(|| format!("cannot ask for the file system of {}", folder.display()))?;
    match name {
        Some(name) if !allow_unsafe => bail!(
            "{} is on {name}, where processes cannot share a database safely: use a local volume, \
             or set log.allow_unsafe_filesystem if one node alone uses it",
            folder.display()
        ),
        _ => Ok(()),
    }
}

fn open(path: &Path, access: OpenFlags) -> anyhow::Result<Connection> {
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)
        .with_context(|| format!("cannot open {}", path.display()))?;
    // FULL: what is acked survives a loss of power.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "wal_autocheckpoint", AUTOCHECKPOINT_PAGES)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}
