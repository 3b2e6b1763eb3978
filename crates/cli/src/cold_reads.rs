//! Reads of the state that wait for the disk: begun, where the system can do that, for requests that wait without a thread;
//! else, and for what is read from within, on threads that serve requests.

#[cfg(target_os = "linux")]
mod ring;

use headwater_engine::ColdReads;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::Semaphore;

/// Reads that wait at a time while other threads take over the requests of theirs: a disk is as busy with so many as it will
/// ever be, and threads are not to grow with the load.
const WAITING_MAX: usize = 32;

/// For the state of a server, from within the runtime that serves.
pub(crate) fn cold_reads() -> ColdReads {
    let places = Semaphore::new(WAITING_MAX);
    let reads = ColdReads::new(move |read: &mut dyn FnMut()| let_others_run(&places, read));
    beginning(reads)
}

#[cfg(target_os = "linux")]
fn beginning(reads: ColdReads) -> ColdReads {
    use headwater_engine::ColdRead;
    let rings = match ring::Rings::start() {
        Ok(rings) => rings,
        Err(error) => {
            tracing::debug!(%error, "without io_uring: reads that wait for the disk take threads");
            return reads;
        }
    };
    reads.beginning_with(move |file, offset, length| {
        let ended = rings.begin(file, offset, length)?;
        Some(ColdRead::new(async move { ended.await.unwrap_or(false) }))
    })
}

#[cfg(not(target_os = "linux"))]
fn beginning(reads: ColdReads) -> ColdReads {
    reads
}

/// Runs what waits for the disk while another thread takes over the requests of this one, if it has any and there is a
/// place; else this thread waits with all that it has.
fn let_others_run(places: &Semaphore, read: &mut dyn FnMut()) {
    let is_serving = Handle::try_current()
        .is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread);
    // Threads that serve nobody, such as the one that merges, take no place from those that do.
    if !is_serving {
        return read();
    }
    match places.try_acquire() {
        Ok(_place) => tokio::task::block_in_place(read),
        Err(_) => read(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Condvar, Mutex};

    const PLACES: usize = 4;

    /// How many reads wait, the most that ever did, and whether they may end.
    #[derive(Default)]
    struct Disk {
        state: Mutex<(usize, usize, bool)>,
        changed: Condvar,
    }

    impl Disk {
        /// Waits until all places and the one thread that serves are taken by reads.
        fn read(&self) {
            let mut state = self.state.lock().unwrap();
            state.0 += 1;
            state.1 = state.1.max(state.0);
            state.2 |= state.0 > PLACES;
            self.changed.notify_all();
            let mut state = self.changed.wait_while(state, |state| !state.2).unwrap();
            state.0 -= 1;
        }
    }

    #[test]
    fn reads_hand_over_their_threads_while_there_are_places() {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .build()
            .unwrap();
        let (disk, places) = (Arc::new(Disk::default()), Arc::new(Semaphore::new(PLACES)));
        let reads: Vec<_> = (0..50)
            .map(|_| {
                let (disk, places) = (disk.clone(), places.clone());
                runtime.spawn(async move { let_others_run(&places, &mut || disk.read()) })
            })
            .collect();
        runtime.block_on(async {
            for read in reads {
                read.await.unwrap();
            }
        });
        // Those in their places, and the one that kept the thread.
        assert_eq!(disk.state.lock().unwrap().1, PLACES + 1);
        assert_eq!(places.available_permits(), PLACES);
    }
}
