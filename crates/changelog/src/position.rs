//! How far the log is durable, and those who wait for it.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use headwater_model::Sequence;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::error::LogError;

/// Why nothing more becomes durable.
#[derive(Clone, Debug)]
pub(crate) enum Ended {
    Poisoned(Arc<str>),
    Closed,
}

impl Ended {
    /// Notes a reason in `slot`: a failure outweighs a shutdown, else the first one stays.
    pub(crate) fn note(self, slot: &mut Option<Self>) {
        if !matches!(slot, Some(Self::Poisoned(_)))
            && (slot.is_none() || matches!(self, Self::Poisoned(_)))
        {
            *slot = Some(self);
        }
    }
}

impl From<Ended> for LogError {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Poisoned(reason) => Self::Poisoned { reason },
            Ended::Closed => Self::Closed,
        }
    }
}

pub(crate) struct DurablePosition {
    durable: AtomicU64,
    waiters: Mutex<Waiters>,
    watch: watch::Sender<Sequence>,
}

#[derive(Default)]
struct Waiters {
    /// By the sequence waited for, then by arrival.
    wakers: BTreeMap<(Sequence, u64), Waker>,
    arrivals: u64,
    ended: Option<Ended>,
    /// Those who wait for anything up to here are told that there is no room.
    refused: Option<(Sequence, Arc<str>)>,
}

impl DurablePosition {
    pub(crate) fn new(at: Sequence) -> Self {
        let watch = watch::Sender::new(at);
        Self {
            durable: AtomicU64::new(at.0),
            waiters: Mutex::default(),
            watch,
        }
    }

    pub(crate) fn get(&self) -> Sequence {
        Sequence(self.durable.load(Ordering::Acquire))
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Sequence> {
        self.watch.subscribe()
    }

    /// Everything up to `to` is durable and can be read. False, and nothing done, after the log has ended: what
    /// failed in the background must not be acknowledged by a group that was under way.
    pub(crate) fn advance(&self, to: Sequence) -> bool {
        debug_assert!(to > self.get());
        // A waiter looks at `durable` under this lock before it registers, so none is missed.
        let reached = {
            let mut waiters = self.waiters.lock();
            if waiters.ended.is_some() {
                return false;
            }
            waiters.refused = None;
            self.durable.store(to.0, Ordering::Release);
            let beyond = waiters.wakers.split_off(&(to.next(), 0));
            std::mem::replace(&mut waiters.wakers, beyond)
        };
        for waker in reached.into_values() {
            waker.wake();
        }
        self.watch.send_replace(to);
        true
    }

    /// Why nothing more becomes durable, if a failure is the reason.
    pub(crate) fn poisoned(&self) -> Option<Arc<str>> {
        match &self.waiters.lock().ended {
            Some(Ended::Poisoned(reason)) => Some(reason.clone()),
            _ => None,
        }
    }

    /// Sends away those who wait for anything up to `to`, until the next advance: there is no room on the disk.
    pub(crate) fn refuse(&self, to: Sequence, reason: Arc<str>) {
        let wakers = {
            let mut waiters = self.waiters.lock();
            waiters.refused = Some((to, reason));
            let beyond = waiters.wakers.split_off(&(to.next(), 0));
            std::mem::replace(&mut waiters.wakers, beyond)
        };
        for waker in wakers.into_values() {
            waker.wake();
        }
    }

    /// Nothing more becomes durable.
    pub(crate) fn end(&self, reason: Ended) {
        let wakers = {
            let mut waiters = self.waiters.lock();
            reason.note(&mut waiters.ended);
            std::mem::take(&mut waiters.wakers)
        };
        for waker in wakers.into_values() {
            waker.wake();
        }
    }

    /// Why nothing more becomes durable.
    pub(crate) fn why(&self) -> LogError {
        self.waiters
            .lock()
            .ended
            .clone()
            .unwrap_or(Ended::Closed)
            .into()
    }

    pub(crate) fn wait(&self, sequence: Sequence) -> Wait<'_> {
        Wait {
            position: self,
            sequence,
            arrival: None,
        }
    }
}

/// Resolves once `sequence` is durable; its place in the queue goes when it is dropped.
pub(crate) struct Wait<'a> {
    position: &'a DurablePosition,
    sequence: Sequence,
    arrival: Option<u64>,
}

impl Future for Wait<'_> {
    type Output = Result<(), LogError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.position.get() >= self.sequence {
            return Poll::Ready(Ok(()));
        }
        let position = self.position;
        let mut waiters = position.waiters.lock();
        if position.get() >= self.sequence {
            return Poll::Ready(Ok(()));
        }
        if let Some(ended) = &waiters.ended {
            return Poll::Ready(Err(ended.clone().into()));
        }
        if let Some((_, reason)) = waiters
            .refused
            .as_ref()
            .filter(|(to, _)| self.sequence <= *to)
        {
            let reason = reason.clone();
            return Poll::Ready(Err(LogError::NoRoom { reason }));
        }
        let arrival = match self.arrival {
            Some(arrival) => arrival,
            None => {
                waiters.arrivals += 1;
                waiters.arrivals
            }
        };
        self.arrival = Some(arrival);
        waiters
            .wakers
            .insert((self.sequence, arrival), context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if let Some(arrival) = self.arrival.filter(|_| self.position.get() < self.sequence) {
            self.position
                .waiters
                .lock()
                .wakers
                .remove(&(self.sequence, arrival));
        }
    }
}
