//! Work that ends when the process is told to stop, so that what it began can be removed.

use super::BackupError;
use crate::server::stop_signal;
use core::future::Future;
use std::io;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

/// Hears Ctrl-C and SIGTERM, which end the process no more.
pub(super) struct Interrupt {
    runtime: Runtime,
    told: watch::Receiver<bool>,
}

impl Interrupt {
    pub(super) fn new() -> io::Result<Self> {
        // Its thread hears the signal while the caller works.
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let stopping = {
            let _inside = runtime.enter();
            stop_signal(false)?
        };
        let (tell, told) = watch::channel(false);
        runtime.spawn(async move {
            stopping.await;
            tell.send_replace(true);
        });
        Ok(Self { runtime, told })
    }

    /// An error if the process was told to stop.
    pub(super) fn check(&self) -> Result<(), BackupError> {
        if *self.told.borrow() { Err(BackupError::Stopped) } else { Ok(()) }
    }

    /// Does work that is given up when the process is told to stop.
    pub(super) fn unless<T>(
        &self,
        work: impl Future<Output = Result<T, BackupError>>,
    ) -> Result<T, BackupError> {
        let mut told = self.told.clone();
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                Ok(_) = told.wait_for(|told| *told) => Err(BackupError::Stopped),
                done = work => done,
            }
        })
    }

    /// Ends without waiting for names that are looked up in vain.
    pub(super) fn end(self) {
        self.runtime.shutdown_background();
    }
}
