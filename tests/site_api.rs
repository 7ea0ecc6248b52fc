//! The API, the table and the OpenAPI document.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod site_support;

#[test]
fn dump() {
    let site = site_support::site("https://workson.example/on");
    let routes = site.routes();
    let begin = std::time::Instant::now();
    let mut n = 0;
    let mut kinds: std::collections::BTreeMap<String, (usize, usize, std::time::Duration)> =
        Default::default();
    for route in &routes {
        let t = std::time::Instant::now();
        let Some(rendered) = site.render(route) else { continue };
        let path = route.path();
        let kind: String =
            format!("{} {}", path.split('/').nth(1).unwrap_or(""), path.rsplit('.').next().unwrap_or(""));
        let k = kinds.entry(kind).or_default();
        k.0 += 1;
        k.1 += rendered.bytes.len();
        k.2 += t.elapsed();
        let path = format!("/tmp/sf-dump{path}{}", if path.ends_with('/') { "index.html" } else { "" });
        std::fs::create_dir_all(std::path::Path::new(&path).parent().unwrap()).unwrap();
        std::fs::write(path, rendered.bytes).unwrap();
        n += 1;
    }
    println!("{n} of {} in {:?}\n{kinds:#?}", routes.len(), begin.elapsed());
}
