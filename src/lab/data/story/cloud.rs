//! The taken-over account in the cloud: a foreign sign-in, another second factor, a rule that hides mail, a consent, a mass download.

use super::{INTRUDER_IP, VICTIM};
use crate::lab::data::chance::Chance;
use crate::lab::data::clock::{MINUTE, SECOND, Tick, at};
use crate::lab::data::log::{CloudAct, GraphCall, Log, SignIn};
use crate::lab::data::world::World;

/// The application that is consented to.
pub(in crate::lab::data) const APP: &str = "c0de5a11-7e0f-4d3b-9c41-0f1e2d3c4b5a";
pub(in crate::lab::data) const APP_NAME: &str = "MailSync Pro";

const PYTHON: &str = "python-requests/2.31.0";
const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Firefox/115.0";
const PLACE: (&str, &str, &str) = ("SC", "Victoria", "Palmview Hosting");
const EXCHANGE: (&str, i32) = ("Microsoft Exchange Online", 20893);
const SHAREPOINT: (&str, i32) = ("Microsoft SharePoint Online", 20892);
const OFFICE: (&str, i32) = ("Office 365", 11161);

/// Files that are taken, and when that begins.
const DOWNLOADS: i64 = 340;
const DOWNLOAD: Tick = at(25, 3, 10, 4);

pub(super) fn tell(world: &World, chance: &mut Chance, log: &mut Log) {
    let person = world.person(VICTIM);
    sign_ins(person, log);
    log.cloud.extend(changes(person));
    downloads(person, chance, log);
    graph(chance, log);
}

fn sign_ins(person: u16, log: &mut Log) {
    let first = SignIn {
        time: at(24, 7, 2, 19),
        person,
        app: ("Office 365 Exchange Online", "00000002-0000-0ff1-ce00-000000000000"),
        device: None,
        ip: INTRUDER_IP.to_owned(),
        place: ("Seychelles", "Victoria"),
        error: 50074,
        multi_factor: true,
        risk: 100,
        agent: BROWSER,
        session: 0x5e55_1044,
    };
    let again = |time, error| SignIn { time, error, ..first.clone() };
    log.sign_ins.extend([again(at(24, 7, 2, 41), 500_121), again(at(24, 7, 3, 30), 0), again(at(25, 3, 8, 52), 0)]);
    log.sign_ins.push(first);
}

fn act(person: u16, time: Tick, action: &'static str, app: (&'static str, i32), activity: &'static str) -> CloudAct {
    let (ip, agent) = (INTRUDER_IP.to_owned(), BROWSER);
    CloudAct { time, person, action, app, activity, ip, place: PLACE, agent, uncommon: true, ..CloudAct::default() }
}

fn changes(person: u16) -> Vec<CloudAct> {
    let rule = r#""Parameters":[{"Name":"Name","Value":".."},{"Name":"SubjectOrBodyContainsWords","Value":"invoice;payment;nordhaven;hacked"},{"Name":"MoveToFolder","Value":"RSS Feeds"},{"Name":"MarkAsRead","Value":"True"},{"Name":"StopProcessingRules","Value":"True"}]"#;
    let consent = format!(
        r#""ModifiedProperties":[{{"Name":"ConsentContext.IsAdminConsent","NewValue":"False"}},{{"Name":"ConsentAction.Permissions","NewValue":"[] => [[Scope: Mail.ReadWrite Mail.Send Files.Read.All offline_access]]"}}],"Target":[{{"ID":"{APP_NAME}","Type":1}},{{"ID":"{APP}","Type":2}}]"#
    );
    let factor = r#""ModifiedProperties":[{"Name":"StrongAuthenticationPhoneAppDetail","NewValue":"[{\"DeviceName\":\"sdk_gphone64\",\"AuthenticationType\":3}]"}]"#;
    vec![
        CloudAct {
            object: (VICTIM.to_owned(), "User"),
            raw: factor.to_owned(),
            ..act(person, at(24, 7, 6, 12), "Update user.", OFFICE, "Edit")
        },
        CloudAct {
            object: ("..".to_owned(), "Rule"),
            raw: rule.to_owned(),
            ..act(person, at(24, 7, 11, 47), "New-InboxRule", EXCHANGE, "Create")
        },
        CloudAct {
            object: (APP_NAME.to_owned(), "Application"),
            raw: consent,
            oauth_app: APP,
            ..act(person, at(24, 7, 19, 5), "Consent to application.", OFFICE, "Add")
        },
    ]
}

fn downloads(person: u16, chance: &mut Chance, log: &mut Log) {
    let mut time = DOWNLOAD;
    for number in 0..DOWNLOADS {
        let name = format!("contract-{number:04}.pdf");
        let raw = format!(
            r#""SiteUrl":"https://tarnfield.sharepoint.com/sites/legal/","SourceFileName":"{name}","SourceFileExtension":"pdf","IsManagedDevice":false"#
        );
        let path = format!("https://tarnfield.sharepoint.com/sites/legal/Contracts/{name}");
        let taken = act(person, time, "FileDownloaded", SHAREPOINT, "Download");
        log.cloud.push(CloudAct { object: (path, "File"), agent: PYTHON, raw, ..taken });
        time += chance.between(SECOND, 7 * SECOND);
    }
}

/// The consented application reads the mailbox, every quarter of an hour for a day.
fn graph(chance: &mut Chance, log: &mut Log) {
    for turn in 0..96 {
        let time = at(24, 7, 20, 0) + turn * 15 * MINUTE + chance.between(0, 20 * SECOND);
        let path =
            format!("https://graph.microsoft.com/v1.0/users/mara.lindqvist@tarnfield.example/messages?$top=100&$skip={}", turn * 100);
        let scopes = "Mail.ReadWrite Mail.Send Files.Read.All offline_access";
        log.graph.push(GraphCall { time, person: None, app: APP, method: "GET", path, status: "200", scopes, ip: super::C2_IP.to_owned() });
    }
}
