//! Cloud apps, sign-ins and calls of Microsoft Graph.

use super::Ground;
use crate::lab::data::chance::Chance;
use crate::lab::data::log::{CloudAct, GraphCall, Log, SignIn};
use crate::lab::data::world::{OFFICE_IP, Person, benign_ip};

const ACTS: u64 = 3600;
const SIGN_INS: u64 = 1300;
const CALLS: u64 = 900;

pub(in crate::lab::data) const EXCHANGE: (&str, i32) = ("Microsoft Exchange Online", 20893);
pub(in crate::lab::data) const SHAREPOINT: (&str, i32) = ("Microsoft SharePoint Online", 20892);
pub(in crate::lab::data) const ONEDRIVE: (&str, i32) = ("Microsoft OneDrive for Business", 15600);
pub(in crate::lab::data) const TEAMS: (&str, i32) = ("Microsoft Teams", 28375);
pub(in crate::lab::data) const OFFICE: (&str, i32) = ("Office 365", 11161);

const EDGE: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0.0.0 Safari/537.36 Edg/125.0.0.0";
const OUTLOOK: &str = "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.17628; Pro)";

/// Action, app, activity type, kind of object, and how often.
type Habit = (&'static str, (&'static str, i32), &'static str, &'static str, usize);

/// What people do.
const HABITS: [Habit; 12] = [
    ("MailItemsAccessed", EXCHANGE, "Run", "Task", 22),
    ("Send", EXCHANGE, "Run", "Email", 10),
    ("FileAccessed", SHAREPOINT, "View", "File", 20),
    ("FileDownloaded", SHAREPOINT, "Download", "File", 9),
    ("FileModified", SHAREPOINT, "Edit", "File", 10),
    ("FileUploaded", ONEDRIVE, "Upload", "File", 5),
    ("FileSyncUploadedFull", ONEDRIVE, "Upload", "File", 4),
    ("MessageSent", TEAMS, "Run", "Message", 12),
    ("ReactedToMessage", TEAMS, "Run", "Message", 4),
    ("New-InboxRule", EXCHANGE, "Create", "Rule", 1),
    ("Set-InboxRule", EXCHANGE, "Edit", "Rule", 1),
    ("UserLoggedIn", OFFICE, "Log on", "User", 6),
];

const APPS: [(&str, &str); 4] = [
    ("Microsoft Office", "d3590ed6-52b3-4102-aeff-aad2292ab01c"),
    ("Microsoft Teams", "1fec8e78-bce4-4aaf-ab1b-5451cc387264"),
    ("Office 365 SharePoint Online", "00000003-0000-0ff1-ce00-000000000000"),
    ("FreightDesk Cloud", "5b0d31f2-8c67-4c7c-9f3e-2a8f0d6b7711"),
];

const PATHS: [&str; 5] = [
    "https://graph.microsoft.com/v1.0/me",
    "https://graph.microsoft.com/v1.0/me/messages?$top=10",
    "https://graph.microsoft.com/v1.0/users?$select=id,displayName",
    "https://graph.microsoft.com/v1.0/me/drive/root/children",
    "https://graph.microsoft.com/v1.0/deviceManagement/managedDevices",
];

pub(super) fn make(ground: &Ground<'_>, log: &mut Log) {
    let mut chance = ground.chance("apps");
    let staff = ground.world.employees();
    for _ in 0..ACTS * ground.scale {
        log.cloud.extend(act(ground, &mut chance, &staff));
    }
    for _ in 0..SIGN_INS * ground.scale {
        log.sign_ins.extend(sign_in(ground, &mut chance, &staff));
    }
    for _ in 0..CALLS * ground.scale {
        log.graph.extend(call(ground, &mut chance, &staff));
    }
}

/// Picks who works at that moment, and when.
fn somebody<'a>(ground: &'a Ground<'_>, chance: &mut Chance, staff: &[u16]) -> Option<(u16, &'a Person, i64)> {
    let (session, time) = ground.moment(chance)?;
    let anyone = staff.get(chance.index(staff.len())).copied()?;
    let person = if session.class.personal() { session.person } else { anyone };
    Some((person, ground.world.people.get(usize::from(person))?, time))
}

/// Returns where somebody is: mostly in the office.
fn from_where(chance: &mut Chance, person: u16) -> String {
    if chance.percent(70) { OFFICE_IP.to_owned() } else { benign_ip(u64::from(person) * 7919) }
}

fn act(ground: &Ground<'_>, chance: &mut Chance, staff: &[u16]) -> Option<CloudAct> {
    let (index, person, time) = somebody(ground, chance, staff)?;
    let total: usize = HABITS.iter().map(|habit| habit.4).sum();
    let mut draw = chance.index(total);
    let habit = HABITS.iter().find(|habit| {
        let hit = draw < habit.4;
        draw = draw.saturating_sub(habit.4);
        hit
    })?;
    let (action, app, activity, kind, _) = *habit;
    let (code, _) = person.country();
    let (object, raw) = object(chance, action, kind, person);
    Some(CloudAct {
        time,
        person: index,
        action,
        app,
        activity,
        object: (object, kind),
        ip: from_where(chance, index),
        place: (code, person.city, "Noordzee Telecom"),
        agent: if app == EXCHANGE { OUTLOOK } else { EDGE },
        raw,
        ..CloudAct::default()
    })
}

fn object(chance: &mut Chance, action: &str, kind: &str, person: &Person) -> (String, String) {
    match (kind, action) {
        ("File", _) => {
            let name = format!("plan-{}.xlsx", chance.below(900));
            let raw = format!(
                r#""SiteUrl":"https://tarnfield.sharepoint.com/sites/operations/","SourceFileName":"{name}","SourceFileExtension":"xlsx""#
            );
            (format!("https://tarnfield.sharepoint.com/sites/operations/Shared Documents/{name}"), raw)
        }
        ("Rule", _) => {
            let rule = ["Newsletters", "Harbourline", "Toll", "Port Weekly"][chance.index(4)];
            let raw = format!(
                r#""Parameters":[{{"Name":"Name","Value":"{rule}"}},{{"Name":"SubjectContainsWords","Value":"{rule}"}},{{"Name":"MoveToFolder","Value":"{rule}"}}]"#
            );
            (rule.to_owned(), raw)
        }
        _ => (person.upn.clone(), String::new()),
    }
}

fn sign_in(ground: &Ground<'_>, chance: &mut Chance, staff: &[u16]) -> Option<SignIn> {
    let (index, person, time) = somebody(ground, chance, staff)?;
    let error = match chance.below(40) {
        0..=1 => 50126,
        2 => 50076,
        3 => 50140,
        _ => 0,
    };
    let (_, country) = person.country();
    Some(SignIn {
        time,
        person: index,
        app: APPS[chance.index(APPS.len())],
        device: Some(ground.world.workplace(index)),
        ip: from_where(chance, index),
        place: (country, person.city),
        error,
        multi_factor: chance.percent(55),
        risk: 0,
        agent: EDGE,
        session: chance.next(),
    })
}

fn call(ground: &Ground<'_>, chance: &mut Chance, staff: &[u16]) -> Option<GraphCall> {
    let (index, _, time) = somebody(ground, chance, staff)?;
    let (_, app) = APPS[chance.index(APPS.len())];
    let path = PATHS[chance.index(PATHS.len())].to_owned();
    let status = if chance.percent(95) { "200" } else { "403" };
    let scopes = "User.Read Mail.Read Files.Read openid profile";
    Some(GraphCall { time, person: Some(index), app, method: "GET", path, status, scopes, ip: from_where(chance, index) })
}
