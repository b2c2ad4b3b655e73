//! Detects file systems on which processes cannot share a database safely.
//!
//! SQLite's WAL needs shared memory and locks that all processes see. File systems that cross machines or kernels
//! offer both but do not keep them consistent, and the damage shows weeks later.

use std::path::Path;

/// The name of the file system that holds `folder`, if it is known to be unsafe.
#[cfg(target_os = "linux")]
pub(crate) fn unsafe_name(folder: &Path) -> std::io::Result<Option<&'static str>> {
    // The magic number has 32 bits; its type differs between architectures.
    let magic = rustix::fs::statfs(folder)?.f_type as u32;
    Ok(UNSAFE.iter().find(|(unsafe_magic, _)| *unsafe_magic == magic).map(|(_, name)| *name))
}

/// Other systems are for development only and are not checked.
#[cfg(not(target_os = "linux"))]
pub(crate) fn unsafe_name(_: &Path) -> std::io::Result<Option<&'static str>> {
    Ok(None)
}

/// Magic numbers from linux/magic.h and the sources of the file systems.
#[cfg(target_os = "linux")]
const UNSAFE: &[(u32, &str)] = &[
    (0x0000_6969, "NFS"),
    (0x0000_517b, "SMB"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB2"),
    (0x0102_1997, "9p"),
    (0x6573_5546, "FUSE or virtiofs"),
    (0x786f_4256, "vboxsf"),
    (0xbacb_acbc, "vmhgfs"),
    (0x5346_414f, "AFS"),
    (0x6b41_4653, "AFS"),
    (0x7375_7245, "Coda"),
    (0x00c3_6400, "Ceph"),
    (0x0bd0_0bd0, "Lustre"),
];

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_local_file_system_is_fine() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(unsafe_name(folder.path()).unwrap(), None);
        assert!(unsafe_name(&folder.path().join("absent")).is_err());
    }
}
