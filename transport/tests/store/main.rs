//! The store on disk: what was appended is there again, or an error says that it is not.

mod damage;
mod full;
mod lives;
