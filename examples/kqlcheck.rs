use std::io::Read;
fn main() {
    let mut all = String::new();
    std::io::stdin().read_to_string(&mut all).unwrap();
    for line in all.lines() {
        let v: serde_json::Value = serde_json::from_str(line).unwrap();
        let q = v["query"].as_str().unwrap();
        let out = match ircollect::kql::parse(q) {
            Ok(query) => {
                let r = ircollect::kql::reading::read(&query);
                let t: Vec<_> = r.tables.iter().map(|t| serde_json::json!({"name": t.name, "how": format!("{:?}", t.how), "time": t.time_column, "origin": format!("{:?}", t.origin).chars().take(8).collect::<String>()})).collect();
                serde_json::json!({"id": v["id"], "ok": true, "tables": t, "row_wise": r.row_wise, "reason": r.reason.map(|r| r.with_line(q)), "everything": r.everything})
            }
            Err(e) => serde_json::json!({"id": v["id"], "ok": false, "line": e.line, "col": e.column, "message": e.message}),
        };
        println!("{out}");
    }
}
