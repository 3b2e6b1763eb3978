//! The keeper: a thread that makes the next segment ahead and seals the ones before, so that the writer never
//! waits for either.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;

use parking_lot::Mutex;

use crate::error::{LogError, SYNC};
use crate::files::LogFile;
use crate::log::Shared;
use crate::open::{self, PREPARED_NAME};
use crate::seal;
use crate::segment::SegmentState;
use crate::stats::Counters;
use crate::writer::{ActiveFile, spawn};

/// Zeros are written in pieces of this size: the system keeps each as one piece of its cache, and goes through all of it when
/// a part is written.
const ZERO_BYTES: usize = 64 << 10;
/// Zeros are synced after as many bytes, so that no single fsync holds up the writer's.
const ZERO_SYNC_BYTES: u64 = 4 << 20;
/// So many of the newest sealed segments may stay in the system's page cache, for those who read a little behind. It
/// takes a page that was written to several times for one that is used often, and would keep the log rather than
/// the state.
const CACHED_SEGMENTS: usize = 4;

pub(crate) enum Job {
    /// Make a file of zeros that becomes the next segment.
    Prepare,
    /// Give a segment its footer.
    Seal(Arc<ActiveFile>),
}

/// The segment that is made ahead.
#[derive(Default)]
enum Ahead {
    #[default]
    Nothing,
    Asked,
    Ready(Arc<dyn LogFile>),
    /// It could not be made; it is asked for again when the next segment is written to.
    Failed,
}

/// The writer's end of the keeper; the thread ends when it is dropped.
pub(crate) struct Keeper {
    jobs: mpsc::Sender<Job>,
    ahead: Arc<Mutex<Ahead>>,
}

impl Keeper {
    pub(crate) fn send(&self, job: Job) {
        // The thread lives as long as this does, unless it panicked; then segments stay as they are.
        if self.jobs.send(job).is_err() {
            tracing::error!("the log's keeper is gone");
        }
    }

    /// Asks for the next segment, once.
    pub(crate) fn prepare(&mut self) {
        let mut ahead = self.ahead.lock();
        if matches!(*ahead, Ahead::Nothing) {
            *ahead = Ahead::Asked;
            self.send(Job::Prepare);
        }
    }

    pub(crate) fn has_prepared(&self) -> bool {
        matches!(*self.ahead.lock(), Ahead::Ready(_))
    }

    /// A file for the next segment, and whether it is zeroed. The caller syncs the folder.
    pub(crate) fn take_file(
        &mut self,
        shared: &Shared,
        name: &str,
    ) -> Result<(Arc<dyn LogFile>, bool), LogError> {
        if let Some(file) = self.take_prepared() {
            shared.with_room(|| {
                let renamed = shared.files.rename(PREPARED_NAME, name);
                renamed.map_err(|error| LogError::io("rename", PREPARED_NAME, error))
            })?;
            return Ok((file, true));
        }
        let file = shared.with_room(|| {
            let created = shared.files.create(name);
            created.map_err(|error| LogError::io("create", name, error))
        })?;
        Ok((file, false))
    }

    fn take_prepared(&self) -> Option<Arc<dyn LogFile>> {
        let mut ahead = self.ahead.lock();
        match std::mem::take(&mut *ahead) {
            Ahead::Ready(file) => Some(file),
            Ahead::Asked => {
                *ahead = Ahead::Asked;
                None
            }
            Ahead::Nothing | Ahead::Failed => None,
        }
    }
}

pub(crate) fn start(
    shared: Arc<Shared>,
    stopping: Arc<AtomicBool>,
) -> Result<(Keeper, JoinHandle<()>), LogError> {
    let (jobs, inbox) = mpsc::channel();
    let ahead = Arc::new(Mutex::new(Ahead::Nothing));
    let keeper = Keeper {
        jobs,
        ahead: ahead.clone(),
    };
    let thread = spawn(&shared.clone(), "log-keeper", move || {
        let mut cached = VecDeque::new();
        let mut seals = true;
        for job in inbox {
            match job {
                Job::Prepare => {
                    let made = make_ahead(&shared, &stopping);
                    *ahead.lock() = made.map_or(Ahead::Failed, Ahead::Ready);
                }
                Job::Seal(active) => {
                    seals = seals && seal_or_tell(&shared, &active);
                    cached.push_back(active.segment.name.clone());
                    if cached.len() > CACHED_SEGMENTS
                        && let Some(oldest) = cached.pop_front()
                        && let Ok(oldest) = shared.files.open(&oldest)
                    {
                        oldest.leave_page_cache();
                    }
                }
            }
        }
        std::mem::take(&mut *ahead.lock());
        if let Err(error) = open::remove_prepared(&*shared.files) {
            tracing::warn!(%error, "a segment made ahead stays behind");
        }
    })?;
    Ok((keeper, thread))
}

/// Without a file made ahead the writer makes its own; so a failure here is only slower. A failed fsync is a failed
/// disk.
fn make_ahead(shared: &Shared, stopping: &AtomicBool) -> Option<Arc<dyn LogFile>> {
    match zeroed_file(shared, stopping) {
        Ok(file) => file,
        Err(error) => {
            tracing::warn!(%error, "cannot make the next segment ahead");
            if error.is_failed_sync() {
                shared.poison(&error);
            }
            // Its part of the room is for what has to be written now.
            if let Err(error) = open::remove_prepared(&*shared.files) {
                tracing::warn!(%error, "a segment that was begun stays behind");
            }
            None
        }
    }
}

fn zeroed_file(
    shared: &Shared,
    stopping: &AtomicBool,
) -> Result<Option<Arc<dyn LogFile>>, LogError> {
    let error = |action| move |error| LogError::io(action, PREPARED_NAME, error);
    let file = shared
        .files
        .create(PREPARED_NAME)
        .map_err(error("create"))?;
    let zeros = vec![0; ZERO_BYTES];
    let mut offset = 0;
    while offset < shared.options.segment_bytes {
        if stopping.load(Ordering::Acquire) {
            return Ok(None);
        }
        let length = (shared.options.segment_bytes - offset).min(ZERO_BYTES as u64);
        file.write_at(&zeros[..length as usize], offset)
            .map_err(error("write"))?;
        offset += length;
        if offset.is_multiple_of(ZERO_SYNC_BYTES) {
            file.sync_data().map_err(error(SYNC))?;
        }
    }
    file.sync_data().map_err(error(SYNC))?;
    shared.sync_dir()?;
    Ok(Some(file))
}

/// Whether the segment has its footer. If it has none, those behind it must get none either: what lacks one are the
/// newest, by which opening knows where to doubt that a footer is one.
fn seal_or_tell(shared: &Shared, active: &ActiveFile) -> bool {
    let sealed = shared.with_room(|| seal(shared, active));
    match &sealed {
        Ok(()) => {}
        Err(error) if error.is_no_room() => {
            tracing::warn!(%error, "a segment gets its footer at the next start");
        }
        Err(error) => shared.poison(error),
    }
    sealed.is_ok()
}

fn seal(shared: &Shared, active: &ActiveFile) -> Result<(), LogError> {
    let segment = &active.segment;
    let index = match &*segment.state.read() {
        SegmentState::Open(index) => index.clone(),
        SegmentState::Sealed(_) => return Ok(()),
    };
    let sealed = seal::write_footer(
        segment.id,
        &segment.name,
        &*active.file,
        &index,
        segment.cipher.as_deref(),
        shared.options.syncs(),
    )?;
    Counters::add(
        &shared.counters.written_bytes,
        sealed.summary.bytes - sealed.end,
    );
    shared
        .footers
        .insert(segment.id, Arc::new(index.clone()), index.weight_bytes());
    *segment.state.write() = SegmentState::Sealed(sealed);
    Ok(())
}
