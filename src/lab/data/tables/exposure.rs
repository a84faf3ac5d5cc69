//! `ExposureGraphNodes` and `ExposureGraphEdges`: who may log on where, what is critical, what is vulnerable.

use super::Source;
use crate::kql::engine::Table;
use crate::kql::tables::TableInfo;
use crate::lab::data::chance::{digest, guid};
use crate::lab::data::sheet::Sheet;
use crate::lab::data::world::{Class, Device, Kind, Person};

/// A thing of the graph.
#[derive(Clone)]
struct Node {
    id: String,
    label: &'static str,
    name: String,
    categories: &'static str,
    properties: String,
    ids: String,
}

/// A relation of the graph: what it is, from where, to where.
type Edge = (&'static str, Node, Node);

pub(super) fn make(source: Source<'_>, info: &'static TableInfo) -> Option<Table> {
    Some(match info.name {
        "ExposureGraphNodes" => {
            let people = source.world.people.iter().filter(|person| person.in_directory()).map(user);
            let nodes: Vec<Node> = source.world.devices.iter().map(machine).chain(people).collect();
            source.state(info, &nodes, node)
        }
        "ExposureGraphEdges" => source.state(info, &edges(source), edge),
        _ => return None,
    })
}

fn machine(device: &Device) -> Node {
    let critical = if device.class == Class::DomainController {
        r#","criticalityLevel":{"criticalityLevel":0,"ruleNames":["Domain Controller"]}"#
    } else {
        ""
    };
    let properties = format!(
        r#"{{"rawData":{{"deviceName":"{}","osPlatformFriendlyName":"{}","publicIP":"192.0.2.10","onboardingStatus":"Onboarded","isCustomerFacing":{}{critical}}}}}"#,
        device.name,
        device.platform,
        device.short == "tf-web01"
    );
    let label = if device.class.personal() { "device" } else { "microsoft.compute/virtualmachines" };
    let ids = format!(r#"[{{"type":"DeviceInventoryId","id":"{}"}}]"#, device.id);
    Node { id: guid(digest(&device.id)), label, name: device.short.to_owned(), categories: r#"["compute","device"]"#, properties, ids }
}

fn user(person: &Person) -> Node {
    let critical = if person.kind == Kind::Admin { r#","criticalityLevel":{"criticalityLevel":0}"# } else { "" };
    let properties = format!(
        r#"{{"rawData":{{"accountUpn":"{}","accountDisplayName":"{}","isActive":true,"primaryProvider":"ActiveDirectory"{critical}}}}}"#,
        person.upn, person.display
    );
    let label = if person.kind == Kind::Service { "serviceprincipal" } else { "user" };
    let ids =
        format!(r#"[{{"type":"AadObjectId","id":"objectid={}"}},{{"type":"SecurityIdentifier","id":"{}"}}]"#, person.object_id, person.sid);
    Node { id: guid(digest(&person.object_id)), label, name: person.display.clone(), categories: r#"["identity"]"#, properties, ids }
}

fn edges(source: Source<'_>) -> Vec<Edge> {
    let owned = source.world.devices.iter().filter(|device| device.class.personal());
    let logons = owned.map(|device| ("has credentials of", machine(device), user(source.person(device.owner))));
    let servers = || source.world.devices.iter().filter(|device| device.class.is("server"));
    let admins = source.world.people.iter().filter(|person| person.kind == Kind::Admin);
    let rights = admins.flat_map(|admin| servers().map(|server| ("can authenticate to", user(admin), machine(server))));
    let left = source.world.devices.iter().filter(|device| matches!(device.short, "tf-ws-017" | "tf-fs01"));
    let helper = source.person(source.world.person("adm-tokafor"));
    let left = left.map(|device| ("has credentials of", machine(device), user(helper)));
    logons.chain(rights).chain(left).collect()
}

fn node(sheet: &mut Sheet<'_, Node>) {
    sheet.own("NodeId", |node| &node.id);
    sheet.own("NodeLabel", |node| node.label);
    sheet.own("NodeName", |node| &node.name);
    sheet.own("Categories", |node| node.categories);
    sheet.own("NodeProperties", |node| &node.properties);
    sheet.own("EntityIds", |node| &node.ids);
}

fn edge(sheet: &mut Sheet<'_, Edge>) {
    sheet.text("EdgeId", |(label, from, to), pen| pen.put(&guid(digest(label) ^ digest(&from.id) ^ digest(&to.id).rotate_left(7))));
    sheet.own("EdgeLabel", |(label, ..)| label);
    sheet.own("SourceNodeId", |(_, from, _)| &from.id);
    sheet.own("SourceNodeName", |(_, from, _)| &from.name);
    sheet.own("SourceNodeLabel", |(_, from, _)| from.label);
    sheet.own("SourceNodeCategories", |(_, from, _)| from.categories);
    sheet.own("TargetNodeId", |(.., to)| &to.id);
    sheet.own("TargetNodeName", |(.., to)| &to.name);
    sheet.own("TargetNodeLabel", |(.., to)| to.label);
    sheet.own("TargetNodeCategories", |(.., to)| to.categories);
    sheet.same("EdgeProperties", "{}");
}
