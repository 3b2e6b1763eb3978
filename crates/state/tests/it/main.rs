//! Black-box tests of the state store: one contract for every implementation, and what only a store
//! on a disk has to show.

#[cfg(test)]
mod contract;
#[cfg(test)]
mod crashes;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod disk;
#[cfg(test)]
mod encrypted;
#[cfg(test)]
mod full_disk;
#[cfg(test)]
mod hints;
#[cfg(test)]
mod large;
#[cfg(test)]
mod queues;
#[cfg(test)]
mod support;
#[cfg(test)]
mod unreadable;
