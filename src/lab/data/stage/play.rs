//! Plays steps: each becomes a record, at the scene's time, which moves on a little with every step.

use super::script::{Step, Up};
use super::sessions::Session;
use crate::lab::data::chance::{Chance, low};
use crate::lab::data::clock::{SECOND, Tick};
use crate::lab::data::log::{Event, FileAct, Load, Log, Logon, NONE, Net, Proc, Reg, Rights};
use crate::lab::data::world::Line;

/// Where and when it plays, and who is there.
#[derive(Clone, Debug)]
pub(in crate::lab::data) struct Scene<'a> {
    pub(in crate::lab::data) time: Tick,
    pub(in crate::lab::data) session: &'a Session,
    pub(in crate::lab::data) person: u16,
    pub(in crate::lab::data) rights: Rights,
    /// The device that the person comes from, where the session is remote.
    pub(in crate::lab::data) from: Option<u16>,
    /// All steps at the same tick.
    pub(in crate::lab::data) frozen: bool,
    pub(in crate::lab::data) salt: u32,
}

/// Plays the steps of one scene.
pub(in crate::lab::data) struct Player<'a> {
    pub(in crate::lab::data) log: &'a mut Log,
    pub(in crate::lab::data) chance: &'a mut Chance,
    pub(in crate::lab::data) labels: &'a mut Vec<(&'static str, u32)>,
}

impl Player<'_> {
    /// Plays the steps; a step whose actor is not there is left out.
    pub(in crate::lab::data) fn play(&mut self, scene: &mut Scene<'_>, steps: &[Step]) {
        let (mut actor, mut last) = (NONE, NONE);
        for step in steps {
            self.pass(scene);
            match step {
                Step::Wait(span) => scene.time += span,
                Step::Start { parent, label, image, line } => {
                    last = self.start(scene, self.find(scene, *parent, last), *image, *line);
                    actor = last;
                    self.label(label, last);
                }
                Step::Act(who) => actor = self.find(scene, *who, last),
                other if actor != NONE => self.effect(scene, actor, other),
                _ => {}
            }
        }
    }

    fn pass(&mut self, scene: &mut Scene<'_>) {
        if !scene.frozen {
            scene.time += self.chance.between(SECOND / 50, 2 * SECOND);
        }
    }

    fn label(&mut self, label: &'static str, proc: u32) {
        if !label.is_empty() {
            self.labels.push((label, proc));
        }
    }

    fn find(&self, scene: &Scene<'_>, who: Up, last: u32) -> u32 {
        match who {
            Up::Root(place) => scene.session.roots.get(place).copied().unwrap_or(NONE),
            Up::Before => last,
            Up::Label(name) => self.labels.iter().rev().find(|(label, _)| *label == name).map_or(NONE, |(_, proc)| *proc),
        }
    }

    fn start(&mut self, scene: &Scene<'_>, parent: u32, image: u16, line: Line) -> u32 {
        let session = match (scene.rights, scene.from) {
            (Rights::System, _) => 0,
            (_, Some(_)) => 2,
            _ => 1,
        };
        self.log.start(Proc {
            time: scene.time,
            device: scene.session.device,
            person: scene.person,
            image,
            rights: scene.rights,
            session,
            pid: 1000 + 4 * low(self.chance.below(7000)),
            parent,
            line: line.salted(scene.salt),
            from: scene.from,
        })
    }

    fn effect(&mut self, scene: &Scene<'_>, proc: u32, step: &Step) {
        let (time, salt) = (scene.time, scene.salt);
        match *step {
            Step::Net { action, remote } => self.net(time, proc, action, remote),
            Step::File { action, path, origin, previous } => {
                let (path, origin, previous) = (path.salted(salt), origin.salted(salt), previous.salted(salt));
                self.log.files.push(FileAct { time, proc, action, path, previous, origin, size: 512 + self.chance.salt() % 4_000_000 });
            }
            Step::Load(module) => self.log.loads.push(Load { time, proc, module }),
            Step::Reg { action, key, name, kind, data, previous } => {
                let (key, name, data, previous) = (key.salted(salt), name.salted(salt), data.salted(salt), previous.salted(salt));
                self.log.regs.push(Reg { time, proc, action, kind, key, name, data, previous });
            }
            Step::Event { action, fields, target, file, remote } => {
                let target = target.map_or(NONE, |image| self.running(scene, image));
                let (fields, file) = (fields.salted(salt), file.salted(salt));
                self.log.events.push(Event { time, proc, action, fields, target, file, remote });
            }
            Step::Logon { action, kind, protocol, from } => {
                let (device, person, from) = (scene.session.device, scene.person, Some(from));
                self.log.logons.push(Logon { time, device, person, action, kind, protocol, failure: "", from, proc });
            }
            Step::Scene { .. } | Step::Wait(_) | Step::Start { .. } | Step::Act(_) => {}
        }
    }

    pub(in crate::lab::data) fn net(&mut self, time: Tick, proc: u32, action: &'static str, remote: u16) {
        let local_port = u16::try_from(49_152 + self.chance.below(16_000)).unwrap_or(49_152);
        self.log.nets.push(Net { time, proc, action, remote, local_port });
    }

    /// Returns the root process of the session that runs the image.
    fn running(&self, scene: &Scene<'_>, image: u16) -> u32 {
        let runs = |index: &&u32| self.log.proc(**index).is_some_and(|proc| proc.image == image);
        scene.session.roots.iter().find(runs).copied().unwrap_or(NONE)
    }
}
