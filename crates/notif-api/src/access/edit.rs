//! Changing the file of tokens: one change at a time, and never half of one.
//!
//! The new text is written beside the file and takes its place in one step, so that a server that
//! reads it at that moment sees the old one or the new one. Two changes at once wait for each other
//! by a lock on the folder (the file itself is another one afterwards).

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long another change is waited for.
const TURN_LIMIT: Duration = Duration::from_secs(10);
/// How often to look whether it is over.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Who made it may read and write the file, nobody else may do either.
const MODE: u32 = 0o600;
/// What an existing file may keep of its mode besides: its group may read it, as a server that runs
/// as another user needs.
const KEPT_MODE: u32 = 0o640;

/// Replaces the text of the file by what `change` makes of it; a file that is not there is made.
/// Nothing is written where `change` fails.
pub(crate) fn change<T>(
    path: &Path,
    change: impl FnOnce(&str) -> Result<(String, T), String>,
) -> Result<T, String> {
    let failed = |error: io::Error| format!("cannot change {}: {error}", path.display());
    // what a link leads to is changed, not the link
    let target = match fs::canonicalize(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => path.to_owned(),
        other => other.map_err(failed)?,
    };
    let folder = match target.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let lock = File::open(&folder).map_err(failed)?;
    take_turn(&lock).map_err(failed)?;
    let before = match fs::read_to_string(&target) {
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        other => other.map_err(failed)?,
    };
    let (after, outcome) = change(&before)?;
    replace(&target, &after).map_err(failed)?;
    // the new name too must survive a loss of power
    lock.sync_all().map_err(failed)?;
    Ok(outcome)
}

fn take_turn(folder: &File) -> io::Result<()> {
    let started = Instant::now();
    loop {
        match folder.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if started.elapsed() > TURN_LIMIT => {
                let msg = "another change has not ended in time";
                return Err(io::Error::new(ErrorKind::TimedOut, msg));
            }
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOOK_EVERY),
        }
    }
}

fn replace(target: &Path, text: &str) -> io::Result<()> {
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let beside = target.with_file_name(name);
    // of a change that did not come to its end; we have the lock
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(MODE)
        .open(&beside)?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| keep_owner(&file, &beside, target))
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&beside, target));
    if written.is_err() {
        // the error that led here is the one to tell
        drop(fs::remove_file(&beside));
    }
    written
}

/// The new file is the same person's as the old one, and its group may read it where it could.
fn keep_owner(file: &File, beside: &Path, target: &Path) -> io::Result<()> {
    let before = match fs::metadata(target) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    let now = file.metadata()?;
    if (now.uid(), now.gid()) != (before.uid(), before.gid()) {
        chown(beside, Some(before.uid()), Some(before.gid()))?;
    }
    let mode = MODE | (before.mode() & KEPT_MODE);
    file.set_permissions(fs::Permissions::from_mode(mode))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_at_once_are_all_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        std::thread::scope(|scope| {
            for n in 0..20 {
                let path = &path;
                scope.spawn(move || {
                    change(path, |text| Ok((format!("{text}{n}\n"), ()))).unwrap();
                });
            }
        });
        let text = fs::read_to_string(&path).unwrap();
        let mut lines: Vec<usize> = text.lines().map(|line| line.parse().unwrap()).collect();
        lines.sort_unstable();
        assert_eq!(lines, (0..20).collect::<Vec<_>>());
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, MODE);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_change_that_fails_leaves_everything_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        fs::write(&path, "x").unwrap();
        let refused = change(&path, |_| Err::<(String, ()), _>("no".to_owned()));
        assert_eq!(refused, Err("no".to_owned()));
        assert_eq!(fs::read_to_string(&path).unwrap(), "x");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_link_stays_a_link_and_a_mode_is_not_widened() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("tokens"), folder.path().join("link"));
        fs::write(&path, "x").unwrap();
        std::os::unix::fs::symlink("tokens", &link).unwrap();
        for (before, after) in [(0o640, 0o640), (0o666, 0o640), (0o400, 0o600)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(before)).unwrap();
            change(&link, |text| Ok((format!("{text}y"), ()))).unwrap();
            assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, after);
        }
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&path).unwrap(), "xyyy");
    }
}
