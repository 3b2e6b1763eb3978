//! Functions in real processes: Python, Node and a bootstrap of our own.

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
