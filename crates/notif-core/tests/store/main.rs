//! The store on a real PostgreSQL, one file for each file of the store; each test has a database of
//! its own.
//!
//! `cfg(test)` says to the lints that helpers of tests are tests too: they fail by panicking.

#[cfg(test)]
mod commit;
#[cfg(test)]
mod copy;
#[cfg(test)]
mod decision;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod migrate;
#[cfg(test)]
mod offset;
#[cfg(test)]
mod protection;
#[cfg(test)]
mod refusal;
#[cfg(test)]
mod roles;
#[cfg(test)]
mod schema;
