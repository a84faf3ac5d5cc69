//! Mail: among colleagues, with customers, newsletters, and junk that is caught; and clicks on its links.

use super::Ground;
use crate::lab::data::chance::Chance;
use crate::lab::data::clock::{HOUR, MINUTE, SECOND};
use crate::lab::data::log::{Click, Log, Mail};
use crate::lab::data::stage::Session;
use crate::lab::data::world::{OFFICE_IP, benign_ip};

/// Messages for each unit of scale.
const MESSAGES: u64 = 2500;

const SUBJECTS: [&str; 14] = [
    "Manifest for tomorrow",
    "Re: customs papers",
    "Rates Q3",
    "Lunch?",
    "Berth change Gothenburg",
    "Weekly report",
    "Fwd: damage claim",
    "Contract draft",
    "Your timesheet",
    "Pallets missing",
    "Re: Re: Antwerp slot",
    "Toll invoices",
    "Minutes",
    "A question",
];
const CUSTOMERS: [(&str, &str); 5] = [
    ("planning@harbourline.example", "Harbourline Planning"),
    ("office@kestrelfoods.example", "Kestrel Foods"),
    ("dispatch@oostkade.example", "Oostkade Dispatch"),
    ("invoices@fuelcard.example", "Fuelcard Invoices"),
    ("claims@polder-insurance.example", "Polder Insurance"),
];
const NEWS: [(&str, &str, &str); 3] = [
    ("news@portweekly.example", "Port Weekly", "https://news.example.com/issue/"),
    ("noreply@haulware.example", "Haulware", "https://updates.haulware.example/notes/"),
    ("events@tradefair.example", "Trade Fair", "https://weather.example.org/fair/"),
];

pub(super) fn make(ground: &Ground<'_>, log: &mut Log) {
    let mut chance = ground.chance("mail");
    let staff = ground.world.employees();
    for _ in 0..MESSAGES * ground.scale {
        let Some((session, time)) = personal(ground, &mut chance) else { continue };
        let to = session.person;
        let mail = message(ground, &mut chance, &staff, to, time);
        log.clicks.extend(click(&mut chance, &mail, to));
        log.mails.push(mail);
    }
}

fn personal<'a>(ground: &'a Ground<'_>, chance: &mut Chance) -> Option<(&'a Session, i64)> {
    let (session, time) = ground.moment(chance)?;
    if session.class.personal() {
        return Some((session, time));
    }
    let people = ground.sessions.iter().skip(chance.index(ground.sessions.len())).find(|session| session.class.personal());
    people.map(|session| (session, session.from + chance.between(0, session.to - session.from)))
}

fn message(ground: &Ground<'_>, chance: &mut Chance, staff: &[u16], to: u16, time: i64) -> Mail {
    let recipient = ground.world.people.get(usize::from(to)).map(|person| person.upn.clone()).unwrap_or_default();
    let key = chance.next();
    let base = Mail { time, key, to: recipient, recipient: Some(to), delivery: ("Delivered", "Inbox/folder"), ..Mail::default() };
    match chance.below(20) {
        0..=8 => colleague(ground, chance, staff, base),
        9..=14 => customer(chance, base),
        15..=17 => newsletter(chance, base),
        _ => junk(chance, base),
    }
}

fn colleague(ground: &Ground<'_>, chance: &mut Chance, staff: &[u16], base: Mail) -> Mail {
    let sender = staff.get(chance.index(staff.len())).copied();
    let person = sender.and_then(|sender| ground.world.people.get(usize::from(sender)));
    let (from, name) = person.map(|person| (person.upn.clone(), person.display.clone())).unwrap_or_default();
    let files = if chance.percent(30) { vec![attachment(chance)] } else { Vec::new() };
    Mail { from, from_name: name, sender, sender_ip: OFFICE_IP.to_owned(), subject: subject(chance), files, ..base }
}

fn customer(chance: &mut Chance, base: Mail) -> Mail {
    let (from, name) = CUSTOMERS[chance.index(CUSTOMERS.len())];
    let files = if chance.percent(45) { vec![attachment(chance)] } else { Vec::new() };
    let urls =
        if chance.percent(25) { vec![format!("https://customs-portal.example.net/case/{}", chance.below(90_000))] } else { Vec::new() };
    let sender_ip = benign_ip(chance.next());
    Mail { from: from.to_owned(), from_name: name.to_owned(), sender_ip, subject: subject(chance), files, urls, ..base }
}

fn newsletter(chance: &mut Chance, base: Mail) -> Mail {
    let (from, name, link) = NEWS[chance.index(NEWS.len())];
    let urls = (0..2 + chance.below(3)).map(|part| format!("{link}{part}?r={:08x}", chance.salt())).collect();
    let subject = format!("{name} no. {}", chance.below(400));
    Mail { from: from.to_owned(), from_name: name.to_owned(), sender_ip: benign_ip(chance.next()), subject, urls, bulk: 6, ..base }
}

fn junk(chance: &mut Chance, base: Mail) -> Mail {
    let number = chance.below(900);
    let from = format!("offer{number}@bargain-{}.example", number % 37);
    let (threat, delivery) = if chance.percent(60) { ("Spam", ("Junked", "Junk folder")) } else { ("Phish", ("Blocked", "Quarantine")) };
    let urls = vec![format!("https://bargain-{}.example/win/{number}", number % 37)];
    let purged = chance.percent(10).then_some((base.time + chance.between(HOUR, 30 * HOUR), "Spam ZAP"));
    let subject = "You have won \u{202e}!won kcilC\u{202c} today".to_owned();
    Mail {
        from,
        from_name: "Bargain".to_owned(),
        sender_ip: benign_ip(chance.next()),
        subject,
        threat,
        delivery,
        urls,
        purged,
        bulk: 8,
        ..base
    }
}

fn subject(chance: &mut Chance) -> String {
    SUBJECTS[chance.index(SUBJECTS.len())].to_owned()
}

fn attachment(chance: &mut Chance) -> (String, i64) {
    let kind = ["pdf", "xlsx", "docx", "pdf", "png"][chance.index(5)];
    let size = 4_000 + chance.between(0, 2_000_000);
    (format!("{}-{}.{kind}", ["manifest", "invoice", "claim", "plan"][chance.index(4)], chance.below(4000)), size)
}

fn click(chance: &mut Chance, mail: &Mail, person: u16) -> Option<Click> {
    let url = mail.urls.first().filter(|_| mail.delivery.0 == "Delivered")?;
    let clicked = chance.percent(18);
    let time = mail.time + chance.between(20 * SECOND, 50 * MINUTE);
    clicked.then(|| Click { time, person, url: url.clone(), action: "ClickAllowed", workload: "Email", key: Some(mail.key), threat: "" })
}
