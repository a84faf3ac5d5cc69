//! What earlier runs did, from the journal: the directory's searches do not find at once what was made a moment ago, and a run that
//! was cut off in the middle of a call does not know what became of it.

use super::patience::YOUNG;
use crate::journal::{Event, Line, SetupStep};
use jiff::Timestamp;

/// What the journal calls the proof that an application works.
pub(super) const PROOF: &str = "proof";

/// The steps of earlier runs, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Memory(Vec<(Timestamp, SetupStep)>);

impl Memory {
    /// Learns a line of the journal.
    pub fn learn(&mut self, line: Line) {
        if let Event::Setup(step) = line.event {
            self.0.push((line.time, step));
        }
    }

    fn steps(&self) -> impl DoubleEndedIterator<Item = &SetupStep> {
        self.0.iter().map(|(_, step)| step)
    }

    fn of<'a>(&'a self, tenant: &'a str, name: &'a str) -> impl DoubleEndedIterator<Item = &'a SetupStep> {
        self.steps().filter(move |step| step.tenant == tenant && step.name == name)
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
        self.steps().rfind(made).is_some_and(|step| step.fact("app_id") == Some(app_id))
    }

    /// Returns the version that lay in the vault before a rotation that was begun and is not over.
    pub(super) fn rotation(&self, app_id: &str) -> Option<&str> {
        let last = self.steps().rfind(|step| step.action == "rotation" && step.fact("app_id") == Some(app_id));
        last.filter(|step| step.fact("state") == Some("begun"))?.fact("version")
    }

    /// Says whether a registration was made under a name so short a time ago that a replica may not know it by its id.
    pub(super) fn is_just_made(&self, tenant: &str, name: &str) -> bool {
        let known = self.applications(tenant, name);
        let made = |step: &SetupStep| step.is("application-create", "done") && step.tenant == tenant && step.name == name;
        let last = self.0.iter().rfind(|(_, step)| made(step));
        last.is_some_and(|(time, step)| {
            step.fact("object_id").is_some_and(|id| known.iter().any(|one| one == id)) && Timestamp::now().duration_since(*time) < YOUNG
        })
    }

    /// Says whether something was changed under a name since it was last proved to work.
    pub(super) fn is_unproved(&self, tenant: &str, name: &str) -> bool {
        let last = self.of(tenant, name).rfind(|step| step.phase == "done" && step.action != "rotation");
        last.is_some_and(|step| step.action != PROOF)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(steps: &[(&str, &str, &str)]) -> Memory {
        at(Timestamp::UNIX_EPOCH, steps)
    }

    fn at(time: Timestamp, steps: &[(&str, &str, &str)]) -> Memory {
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
            memory.learn(Line { seq: 1, time, event: Event::Setup(step) });
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
        assert!(!memory.is_just_made("t", "n"), "that was long ago");
    }

    #[test]
    fn what_was_made_a_moment_ago_is_waited_for_unless_it_was_deleted() {
        let (made, deleted) = (("application-create", "done", "1"), ("application-delete", "done", "1"));
        let now = |steps: &[(&str, &str, &str)]| at(Timestamp::now(), steps).is_just_made("t", "n");
        assert!(now(&[made]) && !now(&[made, deleted]) && !now(&[]) && !at(Timestamp::now(), &[made]).is_just_made("t", "m"));
    }

    #[test]
    fn a_change_is_unproved_until_it_is_proved() {
        let unproved = |steps: &[(&str, &str, &str)]| memory(steps).is_unproved("t", "n");
        let (made, begun) = (("key-add", "done", "1"), ("role-assign", "begun", "1"));
        assert!(unproved(&[made]) && !unproved(&[made, (PROOF, "done", "1"), begun]) && !unproved(&[]));
    }
}
