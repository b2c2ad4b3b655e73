//! A copy of a live log: whole, or not there.
//!
//! `VACUUM INTO` reads one view of the log, as any reader does, so that nobody
//! waits to write; all that it costs the nodes is a write-ahead log that grows
//! until the copy is made. SQLite's online backup would begin anew with each
//! commit of another process.

use std::{
    fmt,
    fs::{self, File},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail, ensure};
use rusqlite::Connection;
use rustix::{
    fs::{CWD, FlockOperation, RenameFlags, flock, renameat_with},
    io::Errno,
};

use crate::{
    chat::model::Epoch,
    config,
    store::sqlite::file::{
        database::{Database, disk_bytes, used_bytes},
        lock::beside,
        schema,
    },
};

/// What the name of a copy that is not whole ends in.
const PARTIAL: &str = ".partial";

/// A copy that is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// The file.
    pub file: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Its identity, which is another than the log's.
    pub epoch: Epoch,
}

/// For whoever ran it.
impl fmt::Display for Backup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, bytes, epoch } = self;
        write!(f, "the log is copied to {}: {bytes} bytes, of epoch {epoch}", file.display())
    }
}

/// Copies the log that `settings` name to `file`, while nodes run on it or not: all that was
/// acked before the call. The copy has an epoch of its own, since the log goes on without it, and
/// the log's key, so that tokens stay valid.
///
/// The copy gets its name when it is whole and on disk; until then it is beside that,
/// under a name that ends in `.partial`. What an interrupted call left there, the next one takes over.
///
/// # Errors
///
/// There is no such log, `file` is there already, or it cannot be written.
pub fn backup(settings: &config::Log, file: &Path) -> anyhow::Result<Backup> {
    ensure!(file.file_name().is_some(), "{} does not name a file", file.display());
    let database = Database::existing(settings)?;
    let partial = Partial::claim(file)?;
    let epoch =
        partial.fill(&database).with_context(|| format!("cannot write {}", partial.path.display()))?;
    let bytes = partial.file.metadata()?.len();
    partial.publish(file)?;
    Ok(Backup { file: file.to_owned(), bytes, epoch })
}

/// A copy on its way. Dropped, it takes its file away.
struct Partial {
    path: PathBuf,
    /// Locked, and open as long as SQLite works on the file: closing it would drop SQLite's locks.
    file: File,
    published: bool,
}

impl Partial {
    fn claim(target: &Path) -> anyhow::Result<Self> {
        let path = beside(target, PARTIAL);
        let refuse_existing = || match target.symlink_metadata() {
            Ok(_) => bail!("{} is there already, and was left as it is", target.display()),
            Err(_) => Ok(()),
        };
        refuse_existing()?;
        // Only its owner may read it: it holds the key.
        let file = File::options().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let file = file.with_context(|| format!("cannot create {}", path.display()))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => bail!("another backup to {} is under way", target.display()),
            Err(error) => return Err(error).with_context(|| format!("cannot lock {}", path.display())),
        }
        // Another backup may have come to its end between the opening and the lock.
        refuse_existing()?;
        let is_named =
            path.metadata().is_ok_and(|named| file.metadata().is_ok_and(|f| f.ino() == named.ino()));
        ensure!(is_named, "another backup to {} came in between", target.display());
        file.set_len(0)?;
        Ok(Self { path, file, published: false })
    }

    /// Copies the log, and gives the copy its own epoch.
    fn fill(&self, database: &Database) -> anyhow::Result<Epoch> {
        let source = database.copier()?;
        self.refuse_to_fill_the_disk(&source)?;
        let path = self.path.to_str().context("the path is not UTF-8")?;
        source.execute("VACUUM INTO ?1", [path])?;
        let copy = Connection::open(&self.path)?;
        // No journal beside it: a copy that is interrupted is none.
        copy.pragma_update(None, "journal_mode", "memory")?;
        let epoch = schema::renew_epoch(&copy)?;
        copy.close().map_err(|(_, error)| error)?;
        self.file.sync_all()?;
        Ok(epoch)
    }

    /// On the log's own disk, a copy that does not fit would stop the nodes.
    fn refuse_to_fill_the_disk(&self, source: &Connection) -> anyhow::Result<()> {
        let needed = used_bytes(source)?;
        let (free, _) = disk_bytes(&self.path)?;
        ensure!(needed <= free, "it needs {needed} bytes, and {free} are free there");
        Ok(())
    }

    /// Gives it its name, unless that was taken meanwhile.
    fn publish(mut self, target: &Path) -> anyhow::Result<()> {
        let renamed = match renameat_with(CWD, &self.path, CWD, target, RenameFlags::NOREPLACE) {
            // A file system that cannot do both at once.
            Err(Errno::INVAL | Errno::NOSYS) if !target.exists() => Ok(fs::rename(&self.path, target)?),
            Err(Errno::EXIST) => bail!("{} was made meanwhile, and was left as it is", target.display()),
            renamed => renamed.map_err(anyhow::Error::from),
        };
        renamed.with_context(|| format!("cannot name {}", target.display()))?;
        self.published = true;
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
        // So that the name survives a loss of power, too.
        let folder = File::open(folder.unwrap_or_else(|| ".".as_ref()))?;
        Ok(folder.sync_all()?)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.published {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        chat::ports::MessageLog as _,
        store::{
            contract::log::{append, draft, read},
            sqlite::tests::Fixture,
        },
    };

    /// The settings of the log in a file of the fixture's folder.
    fn log_in(fixture: &Fixture, file: &Path) -> config::Log {
        config::Log { url: format!("sqlite://{}", file.display()), ..fixture.settings.clone() }
    }

    #[tokio::test]
    async fn a_backup_is_the_log_with_its_key_and_another_epoch() {
        let fixture = Fixture::new();
        let log = fixture.open();
        append(&*log, vec![draft("a", "one"), draft("b", "two")]).await;
        let file = fixture.folder.path().join("backup.db");
        let backup = backup(&fixture.settings, &file).unwrap();
        append(&*log, vec![draft("c", "after it")]).await;
        assert_eq!(backup.bytes, file.metadata().unwrap().len());
        assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o600);
        assert!(!beside(&file, PARTIAL).exists());

        let mut restored = Fixture::new();
        restored.settings = log_in(&restored, &file);
        let restored = restored.open();
        assert_eq!((restored.epoch(), restored.key()), (backup.epoch, log.key()));
        assert_ne!(restored.epoch(), log.epoch());
        assert_eq!(read(&*restored, "lobby", 0, 10).await, "1:one 2:two");
        assert_eq!(append(&*restored, vec![draft("b", "two"), draft("d", "three")]).await, "=2 3");
        assert_eq!(append(&*log, vec![draft("d", "four")]).await, "4", "the log itself is what it was");
    }

    #[test]
    fn a_backup_replaces_nothing_and_makes_no_log() {
        let fixture = Fixture::new();
        let file = fixture.folder.path().join("backup.db");
        let absent = backup(&fixture.settings, &file).unwrap_err();
        assert!(format!("{absent:#}").contains("there is no log"), "{absent:#}");
        assert!(!fixture.path().exists() && !beside(&file, PARTIAL).exists());

        drop(fixture.database());
        fs::write(&file, "something else").unwrap();
        let taken = backup(&fixture.settings, &file).unwrap_err();
        assert!(taken.to_string().contains("is there already"), "{taken:#}");
        assert_eq!(fs::read(&file).unwrap(), b"something else");
        let nowhere = fixture.folder.path().join("absent/backup.db");
        assert!(backup(&fixture.settings, &nowhere).unwrap_err().to_string().contains("cannot create"));
    }

    #[test]
    fn what_an_interrupted_backup_left_is_taken_over_and_one_that_runs_is_not() {
        let fixture = Fixture::new();
        drop(fixture.database());
        let file = fixture.folder.path().join("backup.db");
        let running = Partial::claim(&file).unwrap();
        let second = backup(&fixture.settings, &file).unwrap_err();
        assert!(second.to_string().contains("is under way"), "{second:#}");

        // As a process that is killed: the lock goes, the file stays.
        fs::write(&running.path, "half a database".repeat(1_000)).unwrap();
        let left = fs::read(&running.path).unwrap();
        drop(running);
        fs::write(beside(&file, PARTIAL), left).unwrap();
        backup(&fixture.settings, &file).unwrap();
        backup(&log_in(&fixture, &file), &fixture.folder.path().join("copy of the copy.db")).unwrap();
    }

    #[test]
    fn a_name_that_is_taken_meanwhile_is_not_replaced() {
        let fixture = Fixture::new();
        let database = fixture.database();
        let file = fixture.folder.path().join("backup.db");
        let partial = Partial::claim(&file).unwrap();
        partial.fill(&database).unwrap();
        fs::write(&file, "someone else's").unwrap();
        assert!(partial.publish(&file).unwrap_err().to_string().contains("made meanwhile"));
        assert_eq!(fs::read(&file).unwrap(), b"someone else's");
        assert!(!beside(&file, PARTIAL).exists());
    }
}
