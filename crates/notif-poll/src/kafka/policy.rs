//! Does Kafka compact a topic? Then a record that is gone proves nothing.

use std::collections::HashMap;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};

use super::QuietContext;
use super::watermark::CALL_TIMEOUT;

/// Asks for the setting `cleanup.policy` of topics, each at most once, and connects only for the first.
///
/// It needs a right that a poll does not need (`DescribeConfigs`); without it nothing is known.
pub(crate) struct Policies {
    config: ClientConfig,
    // dropping a client waits for the library: the process ends with it instead
    admin: Option<ManuallyDrop<AdminClient<QuietContext>>>,
    known: HashMap<Arc<str>, Result<bool, String>>,
}

impl Policies {
    /// Nothing is asked yet.
    pub(crate) fn new(config: ClientConfig) -> Self {
        Self {
            config,
            admin: None,
            known: HashMap::new(),
        }
    }

    /// Is the topic compacted? In words, why nobody knows.
    pub(crate) fn is_compacted(&mut self, topic: &Arc<str>) -> Result<bool, String> {
        if let Some(known) = self.known.get(topic) {
            return known.clone();
        }
        let answer = self.ask(topic);
        self.known.insert(Arc::clone(topic), answer.clone());
        answer
    }

    fn ask(&mut self, topic: &str) -> Result<bool, String> {
        let admin = if let Some(admin) = &self.admin {
            admin
        } else {
            let admin = self.config.create_with_context(QuietContext::default());
            let admin = admin.map_err(|error| error.to_string())?;
            self.admin.insert(ManuallyDrop::new(admin))
        };
        let options = AdminOptions::new().request_timeout(Some(CALL_TIMEOUT));
        let asked = [ResourceSpecifier::Topic(topic)];
        let answers = block_on(admin.describe_configs(&asked, &options));
        let mut answers = answers.map_err(|error| error.to_string())?;
        let answer = answers.pop().ok_or("Kafka gave no answer")?;
        let settings = answer.map_err(|code| code.to_string())?;
        settings
            .get("cleanup.policy")
            .and_then(|setting| setting.value.as_deref())
            .map(|policy| policy.contains("compact"))
            .ok_or_else(|| "Kafka did not tell its cleanup.policy".to_owned())
    }
}

/// Waits for an answer: the client completes a request on a thread of its own.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
