//! Opens or creates the log's file, and opens connections to it.

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
        file::{
            file_check, filesystem,
            lock::{FileLock, side_file},
            schema,
        },
        rows::from_sql,
    },
};

/// Older versions can corrupt a WAL that several processes share.
const SQLITE_VERSION_MIN: i32 = 3_051_003;

/// How long a start waits for processes that create or migrate the same log.
const START_WAIT: Duration = Duration::from_secs(30);

/// How long a writer waits for what does not take the writer lock: a checkpoint, or someone's shell.
pub(crate) const WRITER_BUSY_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a reader waits: with a WAL only for a recovery or the end of a checkpoint.
const READER_BUSY_TIMEOUT: Duration = Duration::from_millis(250);

/// A commit that leaves more pages (16 MiB) in the WAL checkpoints them, so that the WAL starts over. A large WAL
/// must be truncated, and that takes longer than a commit may be delayed.
const AUTOCHECKPOINT_PAGES: u32 = 4_096;

const WRITER_LOCK_SUFFIX: &str = ".lock";
const JANITOR_LOCK_SUFFIX: &str = ".janitor";

/// The scheme of `log.url`.
const SCHEME: &str = "sqlite://";

/// A complete log file whose identity is known.
#[derive(Clone)]
pub(crate) struct Database {
    path: Arc<PathBuf>,
    identity: schema::Identity,
}

impl Database {
    /// Opens the log that `settings` names, creating or migrating it if needed.
    ///
    /// # Errors
    ///
    /// The path, the file or its contents cannot be used. A file of another program is left untouched.
    pub(crate) fn open_or_create(settings: &config::Log) -> anyhow::Result<Self> {
        if rusqlite::version_number() < SQLITE_VERSION_MIN {
            let version = rusqlite::version();
            bail!("SQLite {version} can corrupt a database that nodes share: build with 3.51.3 or later");
        }
        let path = path(&settings.url)?;
        prepare_folder(&path, settings.allow_unsafe_filesystem)?;
        file_check::refuse_foreign(&path)?;

        let mut connection = open(&path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
        connection.busy_timeout(WRITER_BUSY_TIMEOUT)?;
        let identity = identify(&mut connection, &FileLock::open(&path, WRITER_LOCK_SUFFIX)?)
            .with_context(|| format!("cannot use {} as the log", path.display()))?;
        Ok(Self { path: Arc::new(path), identity })
    }

    /// As [`open_or_create`](Self::open_or_create), but fails if the file is absent or empty.
    pub(crate) fn open_existing(settings: &config::Log) -> anyhow::Result<Self> {
        let path = path(&settings.url)?;
        match path.metadata() {
            Ok(metadata) if 0 < metadata.len() => Self::open_or_create(settings),
            _ => bail!("there is no log at {}: check log.url", path.display()),
        }
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.identity.epoch
    }

    pub(crate) fn key(&self) -> &[u8; 32] {
        &self.identity.key
    }

    /// Gives the log another epoch. Nodes that use it fail when they next open the file.
    pub(crate) fn renew_epoch(&self) -> anyhow::Result<Epoch> {
        let _guard = self.writer_lock()?.acquire()?;
        schema::renew_epoch(&self.writer()?)
    }

    /// A contender for the lock that guards writes.
    pub(crate) fn writer_lock(&self) -> anyhow::Result<FileLock> {
        FileLock::open(&self.path, WRITER_LOCK_SUFFIX)
    }

    /// A contender for the lock that lets one node's janitor work at a time.
    pub(crate) fn janitor_lock(&self) -> anyhow::Result<FileLock> {
        FileLock::open(&self.path, JANITOR_LOCK_SUFFIX)
    }

    /// The size of the WAL file.
    pub(crate) fn wal_bytes(&self) -> u64 {
        side_file(&self.path, "-wal").metadata().map_or(0, |metadata| metadata.len())
    }

    /// The disk space in use; `None` if the file system does not answer.
    pub(crate) fn space(&self) -> Option<Space> {
        let file_bytes = self.path.metadata().ok()?.len();
        let (disk_free_bytes, disk_bytes) = disk_bytes(&self.path).ok()?;
        Some(Space { file_bytes, wal_bytes: self.wal_bytes(), disk_free_bytes, disk_bytes })
    }

    /// Opens a connection that writes. Fails if the file was replaced.
    pub(crate) fn writer(&self) -> anyhow::Result<Connection> {
        let connection = open(&self.path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.busy_timeout(WRITER_BUSY_TIMEOUT)?;
        self.verify_epoch(connection)
    }

    /// Opens a connection that only reads. Fails if the file was replaced.
    pub(crate) fn reader(&self) -> anyhow::Result<Connection> {
        let connection = open(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        connection.busy_timeout(READER_BUSY_TIMEOUT)?;
        connection.pragma_update(None, "query_only", true)?;
        self.verify_epoch(connection)
    }

    /// Opens a connection that reads the log and may write a copy to another file.
    pub(crate) fn copier(&self) -> anyhow::Result<Connection> {
        let connection = open(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        connection.busy_timeout(WRITER_BUSY_TIMEOUT)?;
        self.verify_epoch(connection)
    }

    fn verify_epoch(&self, connection: Connection) -> anyhow::Result<Connection> {
        if schema::epoch(&connection)? != Some(self.identity.epoch) {
            bail!(
                "the log's file {} was replaced while this node used it: stop all nodes and start them again",
                self.path.display()
            );
        }
        Ok(connection)
    }
}

/// The free bytes that this process may use on the file system of `path`, and the size of that file system.
pub(crate) fn disk_bytes(path: &Path) -> std::io::Result<(u64, u64)> {
    let disk = rustix::fs::statvfs(path)?;
    Ok((disk.f_bavail.saturating_mul(disk.f_frsize), disk.f_blocks.saturating_mul(disk.f_frsize)))
}

/// The bytes of the file that hold data; the rest are free pages.
pub(crate) fn used_bytes(connection: &Connection) -> rusqlite::Result<u64> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get(0).map(from_sql));
    Ok(pragma("page_count")?.saturating_sub(pragma("freelist_count")?) * pragma("page_size")?)
}

/// Creates or migrates the log under the lock, or finds that it is complete.
fn identify(connection: &mut Connection, lock: &FileLock) -> anyhow::Result<schema::Identity> {
    let started = Instant::now();
    loop {
        if let Some(_guard) = lock.acquire_within(Duration::from_secs(1))? {
            return schema::create_or_migrate(connection);
        }
        // The holder may be frozen: a complete log can be used without the lock. An error here means that the log
        // is being created right now.
        if let Ok(Some(identity)) = schema::complete_identity(connection) {
            return Ok(identity);
        }
        if START_WAIT < started.elapsed() {
            let path = lock.path().display();
            bail!("another process has held {path} for {START_WAIT:?}: find it with `fuser {path}`");
        }
    }
}

fn path(url: &str) -> anyhow::Result<PathBuf> {
    let path =
        url.strip_prefix(SCHEME).with_context(|| format!("log.url {url} does not begin with {SCHEME}"))?;
    // SQLite would not take these for the name of a file.
    if path.is_empty() || path.starts_with(':') || path.starts_with("file:") {
        bail!("log.url {url} must name a file");
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
        .with_context(|| format!("cannot determine the file system of {}", folder.display()))?;
    match name {
        Some(name) if !allow_unsafe => bail!(
            "{} is on {name}, where processes cannot share a database safely: use a local volume, \
             or set log.allow_unsafe_filesystem if only one node uses it",
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
