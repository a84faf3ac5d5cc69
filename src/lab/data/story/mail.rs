//! The message that the intrusion begins with, to six people of two departments, and the one click.

use super::{CLICKED, DELIVERED, LINK, MAIL_IP, MAIL_KEY, SENDER, SUBJECT, VICTIM};
use crate::lab::data::clock::{HOUR, MINUTE, SECOND};
use crate::lab::data::log::{Click, Log, Mail};
use crate::lab::data::world::World;

/// The recipients, and where the message ended for each.
const RECIPIENTS: [(&str, (&str, &str)); 6] = [
    (VICTIM, ("Delivered", "Inbox/folder")),
    ("nverhoeven", ("Delivered", "Inbox/folder")),
    ("jbakker", ("Junked", "Junk folder")),
    ("pdumont", ("Delivered", "Inbox/folder")),
    ("srenner", ("Blocked", "Quarantine")),
    ("enystrom", ("Junked", "Junk folder")),
];

pub(super) fn tell(world: &World, log: &mut Log) {
    for (index, (recipient, delivery)) in (0..).zip(RECIPIENTS) {
        log.mails.push(message(world, recipient, delivery, index));
    }
    let person = world.person(VICTIM);
    let click =
        Click { time: CLICKED, person, url: LINK.to_owned(), action: "ClickAllowed", workload: "Email", key: Some(MAIL_KEY), threat: "" };
    log.clicks.push(Click {
        time: CLICKED + 40 * MINUTE,
        person: world.person("nverhoeven"),
        action: "ClickBlocked",
        threat: "Phish",
        ..click.clone()
    });
    log.clicks.push(click);
}

fn message(world: &World, recipient: &str, delivery: (&'static str, &'static str), index: i64) -> Mail {
    let person = world.person(recipient);
    let to = world.people.get(usize::from(person)).map(|person| person.upn.clone()).unwrap_or_default();
    let delivered = delivery.0 == "Delivered";
    let purged = (delivered && recipient != VICTIM).then_some((DELIVERED + HOUR + index * SECOND, "Phish ZAP"));
    Mail {
        time: DELIVERED + index * SECOND / 4,
        key: MAIL_KEY,
        from: SENDER.to_owned(),
        from_name: "Nordhaven Billing".to_owned(),
        sender: None,
        sender_ip: MAIL_IP.to_owned(),
        to,
        recipient: Some(person),
        subject: SUBJECT.to_owned(),
        threat: if delivered { "" } else { "Phish" },
        delivery,
        bulk: 0,
        urls: vec![LINK.to_owned(), "https://nordhaven-invoices.example/logo.png".to_owned()],
        files: vec![("INV-48213 \u{202e}fdp.html".to_owned(), 18_244)],
        purged,
    }
}
