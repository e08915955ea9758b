//! What the program does besides serving: one command a file. They need no database.

pub mod token;
