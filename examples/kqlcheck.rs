use std::io::Read;
fn main() {
    let mut all = String::new();
    std::io::stdin().read_to_string(&mut all).unwrap();
    for line in all.lines() {
        let v: serde_json::Value = serde_json::from_str(line).unwrap();
        let q = v["query"].as_str().unwrap();
        let out = match ircollect::kql::parse(q) {
            Ok(_) => serde_json::json!({"id": v["id"], "ok": true}),
            Err(e) => serde_json::json!({"id": v["id"], "ok": false, "line": e.line, "col": e.column, "message": e.message}),
        };
        println!("{out}");
    }
}
