//! The store on disk: everything that was appended is there again, or an error says that it is not.

mod full;
mod incarnations;
mod reports;
