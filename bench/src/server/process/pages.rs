//! The pages for process supervisors, from the first moment of a process on.

use paxos_transport::metrics::Answer;
use std::sync::OnceLock;

/// The pages of a running member.
type Running = dyn Fn(&str) -> Option<Answer> + Send + Sync;

/// The pages of a member. Reading a large store takes a while. A supervisor that is not answered meanwhile would restart
/// the member, and it would never finish.
#[derive(Default)]
pub(super) struct Pages(OnceLock<Box<Running>>);

impl Pages {
    /// Passes all requests on to the member, which runs now.
    pub(super) fn run(&self, running: impl Fn(&str) -> Option<Answer> + Send + Sync + 'static) {
        // A member starts once.
        drop(self.0.set(Box::new(running)));
    }

    /// Returns the answer for `path`, if there is such a page.
    pub(super) fn page(&self, path: &str) -> Option<Answer> {
        if let Some(running) = self.0.get() {
            return running(path);
        }
        let said = |well, text: &str| -> Option<Answer> {
            let text = text.to_owned();
            Some(Box::pin(async move { (well, text) }))
        };
        match path {
            "/healthz" => said(true, "ok\n"),
            "/metrics" | "/readyz" => said(false, "the store is being read\n"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_member_that_reads_its_store_is_alive_and_not_ready() {
        let pages = Pages::default();
        assert!(pages.page("/").is_none());
        assert!(pages.page("/healthz").expect("a page").await.0);
        let (ready, why) = pages.page("/readyz").expect("a page").await;
        assert!(!ready && why.contains("the store is being read"), "{why}");
        assert!(!pages.page("/metrics").expect("a page").await.0);
        pages.run(|_| Some(Box::pin(async { (true, "now".to_owned()) })));
        assert_eq!(pages.page("/readyz").expect("a page").await, (true, "now".to_owned()));
    }
}
