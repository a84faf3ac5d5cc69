//! What earlier runs did, from the journal: the directory's searches do not find at once what was made a moment ago, and a run that
//! was cut off in the middle of a call does not know what became of it.

use crate::journal::{Event, Line, SetupStep};

/// The steps of earlier runs, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Memory(Vec<SetupStep>);

impl Memory {
    /// Learns a line of the journal.
    pub fn learn(&mut self, line: Line) {
        if let Event::Setup(step) = line.event {
            self.0.push(step);
        }
    }

    fn of<'a>(&'a self, tenant: &'a str, name: &'a str) -> impl DoubleEndedIterator<Item = &'a SetupStep> {
        self.0.iter().filter(move |step| step.tenant == tenant && step.name == name)
    }

    /// Returns the object ids of registrations that were made under a name and not deleted since, the newest first.
    pub(super) fn applications(&self, tenant: &str, name: &str) -> Vec<String> {
        let deleted: Vec<&str> =
            self.of(tenant, name).filter(|step| step.is("application-delete", "done")).filter_map(|step| step.fact("object_id")).collect();
        let made = self.of(tenant, name).rev().filter(|step| step.is("application-create", "done"));
        made.filter_map(|step| step.fact("object_id")).filter(|id| !deleted.contains(id)).map(str::to_owned).collect()
    }

    /// Says whether nobody knows what became of the last try to make a registration.
    pub(super) fn is_creation_open(&self, tenant: &str, name: &str) -> bool {
        let last = self.of(tenant, name).rfind(|step| step.action == "application-create");
        last.is_some_and(|step| step.phase == "begun" || (step.phase == "failed" && !step.is_refused()))
    }

    /// Says whether the last thing that was done to a name was to delete it, or to begin that.
    pub(super) fn is_removed(&self, tenant: &str, name: &str) -> bool {
        let last = self.of(tenant, name).rfind(|step| ["application-create", "application-delete"].contains(&step.action.as_str()));
        last.is_some_and(|step| step.action == "application-delete")
    }

    /// Says whether an object of a vault was made here for that application.
    pub(super) fn made_object(&self, vault: &str, object: &str, app_id: &str) -> bool {
        let made = |step: &&SetupStep| {
            ["certificate-create", "secret-store", "vault-recover"].contains(&step.action.as_str())
                && step.fact("vault") == Some(vault)
                && step.fact("object") == Some(object)
        };
        self.0.iter().rfind(made).is_some_and(|step| step.fact("app_id") == Some(app_id))
    }

    /// Says whether a rotation was begun and is not over.
    pub(super) fn is_rotating(&self, app_id: &str) -> bool {
        let last = self.0.iter().rfind(|step| step.action == "rotation" && step.fact("app_id") == Some(app_id));
        last.is_some_and(|step| step.fact("state") == Some("begun"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn memory(steps: &[(&str, &str, &str)]) -> Memory {
        let mut memory = Memory::default();
        for (action, phase, id) in steps {
            let facts = [("object_id".to_owned(), (*id).to_owned())].into();
            let step = SetupStep {
                action: (*action).into(),
                phase: (*phase).into(),
                tenant: "t".into(),
                name: "n".into(),
                facts,
                ..SetupStep::default()
            };
            memory.learn(Line { seq: 1, time: Timestamp::UNIX_EPOCH, event: Event::Setup(step) });
        }
        memory
    }

    #[test]
    fn what_was_made_and_not_deleted_is_remembered() {
        let memory = memory(&[
            ("application-create", "begun", ""),
            ("application-create", "done", "1"),
            ("application-delete", "done", "1"),
            ("application-create", "done", "2"),
            ("application-create", "begun", ""),
        ]);
        assert_eq!(memory.applications("t", "n"), ["2"]);
        assert!(memory.is_creation_open("t", "n") && !memory.is_creation_open("t", "other") && !memory.is_removed("t", "n"));
    }
}
