//! What is being done, for those who watch: a line each, and a countdown where something is waited for.

use crate::{console::Console, setup::Watch};
use std::time::Duration;

/// Shows it on standard error.
pub(super) struct Screen(pub(super) Console);

impl Watch for Screen {
    fn doing(&self, words: &str) {
        self.0.say(&crate::console::visible(words));
    }

    fn waiting(&self, what: &str, length: Duration, left: Duration) {
        let (length, left) = (length.as_secs(), left.as_secs());
        self.0.say(&crate::console::visible(&format!("waiting {length} s for {what} ({left} s more at most)")));
    }

    fn tick(&self, what: &str, remaining: Duration) {
        if self.0.bars {
            self.0.count(&crate::console::visible(what), remaining.as_secs_f64().ceil());
        }
    }

    fn warn(&self, words: &str) {
        self.0.warn(words);
    }
}
