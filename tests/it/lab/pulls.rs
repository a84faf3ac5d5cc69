//! List endpoints: pages that add up to the whole, filters, limits, and the same alerts everywhere.

use super::bench::{Answer, Bench, GRAPH, read};
use ircollect::lab::Service;
use serde_json::Value;

fn items(page: &Answer) -> Vec<Value> {
    assert_eq!(page.status, 200, "{}", page.text);
    page.json()["value"].as_array().unwrap().clone()
}

fn texts(items: &[Value], name: &str) -> Vec<String> {
    items.iter().map(|item| item[name].as_str().unwrap_or_else(|| panic!("{name}: {item}")).to_owned()).collect()
}

async fn all(bench: &Bench, service: Service, path: &str) -> Vec<Value> {
    let (mut url, mut found) = (Some(path.to_owned()), Vec::new());
    while let Some(next) = url {
        let page = bench.get(service, &next).await;
        found.extend(items(&page));
        url = page.json()["@odata.nextLink"].as_str().map(str::to_owned);
    }
    found
}

#[tokio::test]
async fn pages_add_up_to_the_whole_in_order() {
    let bench = &Bench::shared();
    let whole = all(bench, Service::Graph, "/v1.0/security/alerts_v2?$top=1000").await;
    let paged = all(bench, Service::Graph, "/v1.0/security/alerts_v2?$top=7&$count=true").await;
    assert!(whole.len() > 50 && whole == paged, "{} {}", whole.len(), paged.len());
    let times = texts(&whole, "createdDateTime");
    assert!(times.is_sorted_by(|left, right| left >= right), "newest first");
    let story: Vec<&Value> = whole.iter().filter(|alert| alert["severity"] == "high").collect();
    assert!(!story.is_empty() && story.iter().any(|alert| alert["evidence"].as_array().is_some_and(|evidence| !evidence.is_empty())));
    assert_eq!(bench.get(Service::Graph, "/v1.0/security/alerts_v2?$count=true&$top=1").await.json()["@odata.count"], whole.len());
}

#[tokio::test]
async fn filters_cut_in_time_without_loss() {
    let bench = &Bench::shared();
    let whole = texts(&all(bench, Service::Graph, "/v1.0/security/alerts_v2?$top=1000").await, "id");
    let middle = jiff::Timestamp::now().checked_sub(jiff::SignedDuration::from_hours(24 * 10)).unwrap();
    let half = async |operator: &str| {
        let path = format!("/v1.0/security/alerts_v2?$top=1000&$orderby=lastUpdateDateTime&$filter=lastUpdateDateTime {operator} {middle}");
        texts(&all(bench, Service::Graph, &path.replace(' ', "%20")).await, "id")
    };
    let (before, after) = (half("lt").await, half("ge").await);
    assert!(!before.is_empty() && !after.is_empty() && before.len() + after.len() == whole.len());
    let refused = bench.get(Service::Graph, "/v1.0/security/alerts_v2?$filter=title%20eq%20'x'").await;
    assert_eq!((refused.status, refused.error().0.as_str()), (400, "BadRequest"));
    assert_eq!(bench.get(Service::Graph, "/v1.0/security/alerts_v2?$skip=501").await.status, 400);
}

#[tokio::test]
async fn incidents_have_pages_of_fifty_and_alerts_where_expanded() {
    let bench = &Bench::shared();
    let refused = bench.get(Service::Graph, "/v1.0/security/incidents?$top=999").await;
    let expected = "The query specified in the URI is not valid. The limit of '50' for Top query has been exceeded. The value from the incoming request is '999'.";
    assert_eq!((refused.status, refused.error().1.as_str()), (400, expected));
    let incidents = all(bench, Service::Graph, "/v1.0/security/incidents").await;
    let alerts = all(bench, Service::Graph, "/v1.0/security/alerts_v2").await;
    let mut named = texts(&alerts, "incidentId");
    named.sort();
    named.dedup();
    let mut known = texts(&incidents, "id");
    known.sort();
    assert_eq!(known, named);
    let one = bench.get(Service::Graph, &format!("/v1.0/security/incidents/{}?$expand=alerts", named[0])).await.json();
    assert!(one["alerts"].as_array().is_some_and(|alerts| !alerts.is_empty()));
    assert_eq!(bench.get(Service::Graph, "/v1.0/security/incidents/1").await.status, 404);
    let xdr = all(bench, Service::Xdr, "/api/incidents").await;
    assert_eq!(xdr.len(), incidents.len().min(100));
}

#[tokio::test]
async fn mde_knows_its_own_alerts_and_the_machines() {
    let bench = &Bench::shared();
    let machines = all(bench, Service::Mde, "/api/machines?$top=20").await;
    assert!(texts(&machines, "computerDnsName").contains(&"tf-ws-017.tarnfield.example".to_owned()));
    let alerts = all(bench, Service::Mde, "/api/alerts?$filter=severity%20eq%20'High'").await;
    assert!(!alerts.is_empty() && alerts.iter().all(|alert| alert["machineId"].is_string()));
}

#[tokio::test]
async fn lists_need_their_own_permission() {
    let bench = &Bench::shared();
    let token = bench.token("ir-other-roles", GRAPH).await;
    let request = bench.http.get(bench.url(Service::Graph, "/v1.0/security/incidents")).bearer_auth(token);
    let refused = read(request.send().await.unwrap()).await;
    assert!(refused.status == 403 && refused.error().1.contains("API required roles: SecurityIncident.Read.All,"), "{}", refused.text);
    assert_eq!(bench.get(Service::Graph, "/v1.0/security/nothing").await.error().1, "Resource not found for the segment 'nothing'.");
}
