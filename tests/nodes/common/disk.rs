//! A small file system for one test, which can be filled.

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use rustix::process::geteuid;
use tempfile::TempDir;

/// A tmpfs, unmounted when this is dropped.
pub(crate) struct Disk {
    dir: TempDir,
}

impl Disk {
    /// A disk of this many mebibytes.
    pub(crate) fn of(mib: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let size = format!("size={mib}m");
        let mount = as_root("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(dir.path()).output();
        let mounted = mount.as_ref().is_ok_and(|mount| mount.status.success());
        assert!(mounted, "this test mounts a tmpfs, as root or by sudo without a password: {mount:?}");
        Self { dir }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    fn filler(&self) -> PathBuf {
        self.dir.path().join("filler")
    }

    /// Fills it to the last byte.
    pub(crate) fn fill(&self) {
        let mut filler = File::options().create(true).append(true).open(self.filler()).unwrap();
        for size in [64 * 1_024, 4_096, 1] {
            while filler.write_all(&vec![0; size]).is_ok() {}
        }
    }

    /// Frees the space that [`fill`](Self::fill) took.
    pub(crate) fn empty(&self) {
        fs::remove_file(self.filler()).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily, because a node that is being killed may still hold a file.
        let _ = as_root("umount").arg("--lazy").arg(self.dir.path()).status();
    }
}

fn as_root(program: &str) -> Command {
    if geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("sudo");
    command.args(["-n", program]);
    command
}
