//! Copies a live log to a file, and gives a restored log a new epoch.
//!
//! `VACUUM INTO` reads one snapshot of the log, as any reader does, so that writers do not wait. Nodes only see the WAL
//! grow until the copy is done. SQLite's online backup would start over with each commit of another process.

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
        lock::side_file,
        schema,
    },
};

/// The suffix of a copy that is not complete.
const PARTIAL_SUFFIX: &str = ".partial";

/// A complete copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// Its path.
    pub file: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Its epoch, which differs from the log's.
    pub epoch: Epoch,
}

impl fmt::Display for Backup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, bytes, epoch } = self;
        write!(f, "copied the log to {}: {bytes} bytes, epoch {epoch}", file.display())
    }
}

/// Copies the log that `settings` name to `file`, whether nodes run or not. The copy holds everything that was acked
/// before the call. It has an epoch of its own, since the log goes on without it, and the log's key, so that tokens
/// stay valid.
///
/// The copy is written to `file` with the suffix `.partial`, and renamed once it is complete and synced. A later call
/// overwrites what an interrupted one left.
///
/// # Errors
///
/// There is no log, `file` exists, or the copy cannot be written.
pub fn backup(settings: &config::Log, file: &Path) -> anyhow::Result<Backup> {
    ensure!(file.file_name().is_some(), "{} does not name a file", file.display());
    let database = Database::open_existing(settings)?;
    let partial = PartialCopy::create(file)?;
    let epoch =
        partial.fill(&database).with_context(|| format!("cannot write {}", partial.path.display()))?;
    let bytes = partial.file.metadata()?.len();
    partial.publish(file)?;
    Ok(Backup { file: file.to_owned(), bytes, epoch })
}

/// Gives a log that was restored from a backup another epoch. Clients may remember seqs that the backup lacks; under
/// the old epoch these would be taken for those of later messages. No node may run.
///
/// # Errors
///
/// The log's file cannot be used.
pub fn renew_epoch(settings: &config::Log) -> anyhow::Result<Epoch> {
    Database::open_or_create(settings)?.renew_epoch()
}

/// A copy that is being written. Its file is deleted on drop unless it was published.
struct PartialCopy {
    path: PathBuf,
    /// Locked. It stays open while SQLite works on the file: closing it would drop SQLite's locks.
    file: File,
    is_published: bool,
}

impl PartialCopy {
    fn create(target: &Path) -> anyhow::Result<Self> {
        let path = side_file(target, PARTIAL_SUFFIX);
        let refuse_existing = || match target.symlink_metadata() {
            Ok(_) => {
                bail!("{} is there already and was left untouched: choose another name", target.display())
            }
            Err(_) => Ok(()),
        };
        refuse_existing()?;
        // Readable by its owner only: it holds the key.
        let file = File::options().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let file = file.with_context(|| format!("cannot create {}", path.display()))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => bail!("another backup to {} is under way", target.display()),
            Err(error) => return Err(error).with_context(|| format!("cannot lock {}", path.display())),
        }
        // Another backup may have finished between the opening and the lock.
        refuse_existing()?;
        let is_same =
            path.metadata().is_ok_and(|named| file.metadata().is_ok_and(|f| f.ino() == named.ino()));
        ensure!(is_same, "another backup to {} has just ended: try again", target.display());
        file.set_len(0)?;
        Ok(Self { path, file, is_published: false })
    }

    /// Copies the log and gives the copy its epoch.
    fn fill(&self, database: &Database) -> anyhow::Result<Epoch> {
        let source = database.copier()?;
        self.ensure_it_fits(&source)?;
        let path = self.path.to_str().context("the path is not UTF-8")?;
        source.execute("VACUUM INTO ?1", [path])?;
        let copy = Connection::open(&self.path)?;
        // No journal file: a copy that is interrupted here is not used.
        copy.pragma_update(None, "journal_mode", "memory")?;
        let epoch = schema::renew_epoch(&copy)?;
        copy.close().map_err(|(_, error)| error)?;
        self.file.sync_all()?;
        Ok(epoch)
    }

    /// A copy that fills the log's own disk would stop the nodes.
    fn ensure_it_fits(&self, source: &Connection) -> anyhow::Result<()> {
        let needed = used_bytes(source)?;
        let (free, _) = disk_bytes(&self.path)?;
        ensure!(needed <= free, "the copy needs {needed} bytes, and {free} are free there");
        Ok(())
    }

    /// Renames the file to `target`, unless that exists by now.
    fn publish(mut self, target: &Path) -> anyhow::Result<()> {
        let renamed = match renameat_with(CWD, &self.path, CWD, target, RenameFlags::NOREPLACE) {
            // The file system has no NOREPLACE.
            Err(Errno::INVAL | Errno::NOSYS) if !target.exists() => Ok(fs::rename(&self.path, target)?),
            Err(Errno::EXIST) => {
                bail!(
                    "{} was created meanwhile and was left untouched: choose another name",
                    target.display()
                )
            }
            renamed => renamed.map_err(anyhow::Error::from),
        };
        renamed.with_context(|| format!("cannot rename {} to {}", self.path.display(), target.display()))?;
        self.is_published = true;
        // The folder is synced, so that the name survives a loss of power.
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = File::open(folder.unwrap_or_else(|| ".".as_ref()))?;
        Ok(folder.sync_all()?)
    }
}

impl Drop for PartialCopy {
    fn drop(&mut self) {
        if !self.is_published {
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
            sqlite::testing::Fixture,
        },
    };

    /// Settings for the log in `file`.
    fn settings_for(fixture: &Fixture, file: &Path) -> config::Log {
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
        assert!(!side_file(&file, PARTIAL_SUFFIX).exists());

        let mut restored = Fixture::new();
        restored.settings = settings_for(&restored, &file);
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
        assert!(!fixture.path().exists() && !side_file(&file, PARTIAL_SUFFIX).exists());

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
        let running = PartialCopy::create(&file).unwrap();
        let second = backup(&fixture.settings, &file).unwrap_err();
        assert!(second.to_string().contains("is under way"), "{second:#}");

        // A process that is killed drops the lock and leaves the file.
        fs::write(&running.path, "half a database".repeat(1_000)).unwrap();
        let left = fs::read(&running.path).unwrap();
        drop(running);
        fs::write(side_file(&file, PARTIAL_SUFFIX), left).unwrap();
        backup(&fixture.settings, &file).unwrap();
        backup(&settings_for(&fixture, &file), &fixture.folder.path().join("copy of the copy.db")).unwrap();
    }

    #[test]
    fn a_name_that_is_taken_meanwhile_is_not_replaced() {
        let fixture = Fixture::new();
        let database = fixture.database();
        let file = fixture.folder.path().join("backup.db");
        let partial = PartialCopy::create(&file).unwrap();
        partial.fill(&database).unwrap();
        fs::write(&file, "someone else's").unwrap();
        assert!(partial.publish(&file).unwrap_err().to_string().contains("created meanwhile"));
        assert_eq!(fs::read(&file).unwrap(), b"someone else's");
        assert!(!side_file(&file, PARTIAL_SUFFIX).exists());
    }
}
