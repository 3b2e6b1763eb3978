//! Functions in real processes, and triggers over a real engine.

#[cfg(test)]
mod bench;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod node;
#[cfg(test)]
mod orphans;
#[cfg(test)]
mod provided;
#[cfg(test)]
mod python;
#[cfg(test)]
mod triggers;
