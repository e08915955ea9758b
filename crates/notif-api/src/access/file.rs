//! The file of tokens, read again when it changes.
//!
//! At most once a second a request looks whether it is still the file that was read, which costs
//! one system call. One that cannot be used any more changes nothing: the tokens that were read
//! last stay good, and the log says so, once for each such state. To let nobody in, write an empty
//! file. (At the start it is the other way round: without a usable file nothing is served at all.)

use std::fs::{File, Metadata};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use super::list::TokenList;

/// How often the file is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The longest file, bytes.
const BYTES_MAX: u64 = 16 * 1024 * 1024;
/// A file that was changed less than this before it was read may have been changed since within
/// the same tick of its clock: it is read again.
const SETTLED_AFTER: Duration = Duration::from_secs(2);

/// A file of tokens, and what was last read of it.
#[derive(Debug)]
pub struct TokensFile {
    path: PathBuf,
    tokens: RwLock<Arc<TokenList>>,
    watch: Mutex<Watch>,
}

#[derive(Debug)]
struct Watch {
    looked_at: Instant,
    /// What was read; none where it has to be read anyhow.
    read: Option<Stamp>,
    /// What is wrong with the file as it is now.
    fault: Option<String>,
}

/// What tells one state of a file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    file: (u64, u64),
    size: u64,
    written: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            file: (metadata.dev(), metadata.ino()),
            size: metadata.size(),
            written: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

impl TokensFile {
    /// Reads the file; what is wrong with it where it cannot be used.
    pub(crate) fn open(path: &Path) -> Result<Self, String> {
        let (tokens, read) = read(path)?;
        Ok(Self {
            path: path.to_owned(),
            tokens: RwLock::new(Arc::new(tokens)),
            watch: Mutex::new(Watch {
                looked_at: Instant::now(),
                read,
                fault: None,
            }),
        })
    }

    /// The tokens that are good now.
    pub(crate) fn current(&self) -> Arc<TokenList> {
        // whoever finds another one looking goes by what is known
        if let Ok(mut watch) = self.watch.try_lock()
            && watch.looked_at.elapsed() >= LOOK_EVERY
        {
            watch.looked_at = Instant::now();
            self.look(&mut watch);
        }
        let tokens = self.tokens.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&tokens)
    }

    fn look(&self, watch: &mut Watch) {
        let now = std::fs::metadata(&self.path).map(|metadata| Stamp::of(&metadata));
        if watch.read.is_some() && now.ok() == watch.read {
            return;
        }
        match read(&self.path) {
            Ok((tokens, stamp)) => {
                watch.read = stamp;
                self.replace(tokens, watch.fault.take().is_some());
            }
            Err(fault) => {
                watch.read = None;
                if watch.fault.as_ref() != Some(&fault) {
                    log::error!("{fault}; the tokens that were read before stay good");
                }
                watch.fault = Some(fault);
            }
        }
    }

    fn replace(&self, tokens: TokenList, was_faulty: bool) {
        let mut current = self.tokens.write().unwrap_or_else(PoisonError::into_inner);
        if was_faulty || **current != tokens {
            let (path, count) = (self.path.display(), tokens.tokens().len());
            log::info!("{path} has changed: tokens {count}");
        }
        *current = Arc::new(tokens);
    }
}

/// The tokens, and the state of the file; no state where it may change without showing it.
fn read(path: &Path) -> Result<(TokenList, Option<Stamp>), String> {
    let shown = path.display();
    let failed = |error: std::io::Error| format!("cannot read the tokens in {shown}: {error}");
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    let mut text = String::new();
    file.take(BYTES_MAX.saturating_add(1))
        .read_to_string(&mut text)
        .map_err(failed)?;
    if u64::try_from(text.len()).is_ok_and(|length| length > BYTES_MAX) {
        return Err(format!(
            "the tokens in {shown} have more than {BYTES_MAX} bytes"
        ));
    }
    let tokens = TokenList::parse(&text).map_err(|reason| format!("{shown}: {reason}"))?;
    let is_settled = metadata.modified().is_ok_and(|written| {
        SystemTime::now()
            .duration_since(written)
            .is_ok_and(|age| age > SETTLED_AFTER)
    });
    Ok((tokens, is_settled.then(|| Stamp::of(&metadata))))
}
