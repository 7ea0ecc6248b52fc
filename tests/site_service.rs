//! The pages that only a service has: what they say, their bounds, and that no text of a stranger's is more than text.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod parts;
mod site_support;

use site_support::{HOSTILE, REVIEWER, get, html, text};
use workson::content::Content;
use workson::proposal::{Contact, Proposal, State};
use workson::query::stack::{StackAnswer, StackImage, StackProblem};
use workson::query::{ErrorAnswer, ImageAnswer, PlatformAnswer, SupportAnswer};
use workson::site::{Answered, Inventory, Origin, Route, ServiceRoute, Services, Site, Typed, View};

const AT: &str = "https://workson.example/on";
const SECRET: &str = "abcdefghijklmnopqrstuvwxyz_ABCDEFGHIJKLM-01";

/// A site that is served, with everything that a service has.
fn served(mut site: Site) -> Site {
    let registries = ["docker.io", "ghcr.io"].map(str::to_owned).to_vec();
    site.services = Services { registries: Some(registries), forms: true, status: true };
    site.today = Some("2026-12-24".parse().unwrap());
    site
}

/// The bundled history with a call.
fn with_call() -> Site {
    let (mut content, _) = Content::read(&Content::bundled());
    content.calls.push(site_support::call());
    served(site_support::of(AT, content, Some(&workson::timeline::Timeline::bundled().unwrap())))
}

fn rendered(site: &Site, view: &View<'_>) -> String {
    let page = site.view(view).unwrap();
    assert_eq!(page.media_type, "text/html; charset=utf-8");
    String::from_utf8(page.bytes).unwrap()
}

fn typed(fields: &[(&str, &str)], problems: &[(&str, &str)]) -> Typed {
    let owned = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    Typed { fields: owned(fields), problems: owned(problems) }
}

/// An answer in which all texts are this one.
fn answer(text: &str, verdict: &'static str) -> ImageAnswer {
    let platform = PlatformAnswer {
        platform: text.into(),
        os: Some(text.into()),
        architecture: None,
        variant: None,
        os_version: Some(text.into()),
        os_features: vec![text.into()],
        digest: text.into(),
        size: 7,
    };
    ImageAnswer {
        reference: text.into(),
        digest: Some(text.into()),
        media_type: Some(text.into()),
        kind: Some("index"),
        platforms: vec![platform],
        attestations: 2,
        notes: vec![text.into()],
        supports: vec![SupportAnswer { platform: text.into(), verdict, reason: Some(text.into()) }],
        error: None,
        is_certain: true,
    }
}

fn failure(text: &str) -> ImageAnswer {
    let error = ErrorAnswer { kind: "not-found", message: text.into(), hint: Some(text.into()) };
    ImageAnswer { error: Some(error), ..answer(text, "unknown") }
}

fn answered(answer: ImageAnswer, origin: Origin) -> Answered {
    let observed_at = "2026-12-24T09:57:00Z".to_owned();
    Answered { answer, observed_at, age: "3 minutes".into(), origin }
}

fn stack(answers: Vec<ImageAnswer>, problems: &[&str]) -> StackAnswer {
    let platforms: Vec<String> = answers
        .first()
        .map(|answer| answer.supports.iter().map(|support| support.platform.clone()).collect())
        .unwrap_or_default();
    let images = answers.into_iter().enumerate().map(|(at, answer)| StackImage { line: at + 1, answer });
    let problems = problems.iter().map(|what| StackProblem { line: 9, what: (*what).into() }).collect();
    StackAnswer::judge("compose", images.collect(), &platforms, problems)
}

fn proposal(text: &str, state: State) -> Proposal {
    Proposal {
        id: 3,
        call: "machines".into(),
        request: site_support::request(text),
        contact: Some(Contact { name: format!("Grace {text}"), email: format!("grace@example.org {text}") }),
        state,
        entries: vec![],
        review_on: Some("2027-06-01".parse().unwrap()),
        events: site_support::steps(text),
    }
}

const FIELDS: [&str; 21] = [
    "image",
    "platform",
    "text",
    "form",
    "entry",
    "name",
    "home",
    "source",
    "license",
    "description",
    "comment",
    "project",
    "benefits",
    "links",
    "platforms",
    "machines",
    "usage",
    "ci",
    "email",
    "agree",
    "fax",
];

/// Every page of a service in which all that can be is this text.
fn views(site: &Site, text: &str) -> Vec<(String, String)> {
    let all: Vec<(&str, &str)> = FIELDS.iter().map(|name| (*name, text)).collect();
    let wrong: Vec<(&str, &str)> =
        [("", text), (text, text)].into_iter().chain(all.iter().copied()).collect();
    let (blank, same, wrong) = (Typed::default(), typed(&all, &[]), typed(&all, &wrong));
    let mut pages = Vec::new();
    let mut add =
        |name: &str, view: View<'_>| pages.push((format!("{name} of {text:?}"), rendered(site, &view)));
    for (name, typed) in [("blank", &blank), ("typed", &same), ("wrong", &wrong)] {
        add(&format!("query, {name}"), View::Query { typed, answered: None });
        add(&format!("stack, {name}"), View::Stack { typed, answer: None });
        add(&format!("suggest, {name}"), View::Suggest { typed, received: None });
        for call in &site.content.calls {
            add(&format!("propose, {name}"), View::Propose { call, is_open: true, typed });
        }
    }
    for found in [answer(text, "yes"), answer(text, "no"), answer(text, "unknown"), failure(text)] {
        for origin in [Origin::Store, Origin::Registry] {
            let answered = answered(found.clone(), origin);
            add("query, answered", View::Query { typed: &same, answered: Some(&answered) });
        }
        let answer = stack(vec![found.clone(), failure(text)], &[text]);
        add("stack, answered", View::Stack { typed: &same, answer: Some(&answer) });
    }
    add("suggest, received", View::Suggest { typed: &same, received: Some(12) });
    add("propose, closed", View::Propose { call: &site.content.calls[0], is_open: false, typed: &blank });
    for state in State::ALL {
        let proposal = proposal(text, state);
        add("proposal", View::Proposal { secret: SECRET, proposal: &proposal, done: Some(text) });
    }
    let inventory = Inventory { list: text.into(), last: text.into(), next: text.into() };
    add("status", View::Status { inventories: &[inventory] });
    add("refusal", View::Refusal { title: text, text });
    pages
}

/// Elements that have no end.
const VOID: [&str; 5] = ["meta", "link", "input", "img", "br"];

/// Whether each element ends where it has to, and what is between the tags.
fn words(html: &str) -> Result<String, String> {
    let (mut open, mut words) = (Vec::new(), String::new());
    let mut rest = html.strip_prefix("<!doctype html>").ok_or("no doctype")?;
    while let Some((text, behind)) = rest.split_once('<') {
        // What was typed is shown as it was.
        if open.last() != Some(&"textarea") {
            words.push_str(text);
        }
        let (tag, behind) = behind.split_once('>').ok_or("a tag without an end")?;
        rest = behind;
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop() != Some(name) {
                return Err(format!("</{name}> within {open:?}"));
            }
            continue;
        }
        let name = tag.split_whitespace().next().ok_or("a tag without a name")?;
        if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
            return Err(format!("no name: {tag:?}"));
        }
        if tag.matches('"').count() % 2 == 1 {
            return Err(format!("an odd number of quotes: {tag:?}"));
        }
        if !VOID.contains(&name) && !tag.ends_with('/') {
            open.push(name);
        }
    }
    if open.is_empty() { Ok(words) } else { Err(format!("never ended: {open:?}")) }
}

/// What is wrong with a form: fields without a label, descriptions that are not there.
fn form_faults(page: &str) -> Vec<String> {
    let (ids, labelled) = (html::values(page, "id"), html::values(page, "for"));
    let mut faults = Vec::new();
    for tag in html::tags(page) {
        let value = |name: &str| html::values(tag, name).first().copied();
        let name = tag.split_whitespace().next().unwrap();
        let is_field = matches!(name, "input" | "textarea" | "select");
        if is_field && value("aria-label").is_none() && !value("id").is_some_and(|id| labelled.contains(&id))
        {
            faults.push(format!("no label: {tag}"));
        }
        for described in value("aria-describedby").iter().flat_map(|names| names.split(' ')) {
            if !ids.contains(&described) {
                faults.push(format!("described by nothing: {tag}"));
            }
        }
    }
    faults
        .extend(labelled.iter().filter(|name| !ids.contains(name)).map(|name| format!("a label of {name}")));
    faults
}

/// Links that lead nowhere.
fn dead_links(site: &Site, page: &str) -> Vec<String> {
    let leads = |link: &&str| {
        if link.starts_with("https://example.org/") {
            return true;
        }
        if let Some(id) = link.strip_prefix('#') {
            return html::values(page, "id").contains(&id);
        }
        let link = link.strip_prefix("https://workson.example").unwrap_or(link).replace("&#38;", "&");
        let path = link.strip_prefix("/on").and_then(|path| path.split('?').next());
        match path.and_then(Route::parse) {
            Some(Route::Service(ServiceRoute::Propose(slug))) => {
                site.content.calls.iter().any(|call| call.slug == slug)
            }
            Some(Route::Service(_)) => true,
            Some(route) => site.render(&route).is_some(),
            None => link.starts_with("https://github.com/docker-library/official-images"),
        }
    };
    let links = ["href", "src", "action"].into_iter().flat_map(|name| html::values(page, name));
    links.filter(|link| !leads(link)).map(str::to_owned).collect()
}

#[test]
fn no_text_is_markup_and_every_page_is_whole_and_small() {
    let mut site = served(site_support::hostile(AT));
    // What is content was read, and such characters are refused there.
    site.content.calls = vec![site_support::call()];
    let mut seen = 0;
    for text in HOSTILE.into_iter().chain(["nginx", "linux/arm64"]) {
        for (name, page) in views(&site, text) {
            assert_eq!(html::faults(&page), [""; 0], "{name}");
            assert_eq!(form_faults(&page), [""; 0], "{name}");
            assert_eq!(dead_links(&site, &page), [""; 0], "{name}");
            let words = words(&page).unwrap_or_else(|fault| panic!("{name}: {fault}\n{page}"));
            let moves = |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c);
            assert!(!words.contains(moves) && !words.contains('\u{2066}'), "{name}: {words:?}");
            assert!(!page.contains(|c: char| c.is_control() && c != '\n'), "{name}");
            let names: Vec<&str> =
                html::tags(&page).filter_map(|tag| tag.split_whitespace().next()).collect();
            assert!(!names.contains(&"script") && !names.contains(&"img"), "{name}");
            assert!(!page.contains("href=\"javascript:"), "{name}");
            seen += 1;
        }
    }
    assert!(seen >= 380, "{seen}");
}

#[test]
fn public_pages_of_projects_are_no_markup_and_name_no_reviewer() {
    let site = served(site_support::hostile(AT));
    for route in site.routes() {
        let path = route.path();
        if path.starts_with("/calls/") {
            let page = text(&site, &path);
            assert_eq!(html::faults(&page), [""; 0], "{path}");
            assert_eq!(dead_links(&site, &page), [""; 0], "{path}");
            words(&page).unwrap_or_else(|fault| panic!("{path}: {fault}"));
            assert!(
                !html::tags(&page).any(|tag| tag.starts_with("script") || tag.starts_with("img")),
                "{path}"
            );
        }
        if route != Route::Sqlite {
            let bytes = get(&site, &path).bytes;
            let is_named = bytes.windows(REVIEWER.len()).any(|window| window == REVIEWER.as_bytes());
            assert!(!is_named, "{path} names a reviewer");
        }
    }
    let proposal = proposal("x", State::Completed);
    let page = rendered(&site, &View::Proposal { secret: SECRET, proposal: &proposal, done: None });
    assert!(
        !page.contains(REVIEWER) && page.contains("by the reviewers") && page.contains("by you"),
        "{page}"
    );
    assert!(page.contains("<strong>taken into review</strong> by workson"), "{page}");
}

#[test]
fn pages_stay_small_whatever_comes() {
    let mut site = with_call();
    // Texts that nothing makes shorter.
    let noise = |seed: usize, length: usize| -> String {
        let mut state = seed as u64 + 1;
        let mut letter = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b'a' + u8::try_from((state >> 40) % 26).unwrap())
        };
        (0..length).map(|_| letter()).collect()
    };
    let digest = |seed| format!("sha256:{}", noise(seed, 64));
    let mut large = answer("nginx", "yes");
    large.platforms = (0..20_000)
        .map(|at| PlatformAnswer {
            platform: format!("linux/{at}"),
            digest: digest(at),
            os_version: None,
            ..large.platforms[0].clone()
        })
        .collect();
    large.notes = (0..500).map(|at| noise(at, 200)).collect();
    let nothing = Typed::default();
    let answered = answered(large, Origin::Registry);
    let page = rendered(&site, &View::Query { typed: &nothing, answered: Some(&answered) });
    assert_eq!(html::faults(&page), [""; 0]);
    assert!(page.contains("19900 more have no room here"), "what is left out is said");
    let endless = answer(&noise(0, 1_000_000), "unknown");
    let answered = Answered { answer: endless, ..answered };
    let page = rendered(&site, &View::Query { typed: &nothing, answered: Some(&answered) });
    assert!(page.len() < 20_000, "{}", page.len());

    let platforms: Vec<String> = (0..10).map(|at| format!("linux/arch{at}")).collect();
    let support =
        |platform: &String| SupportAnswer { platform: platform.clone(), verdict: "no", reason: None };
    let images = (0..1_000).map(|at| ImageAnswer {
        supports: platforms.iter().map(support).collect(),
        ..answer(&noise(at, 60), "no")
    });
    let problems: Vec<String> = (0..1_000).map(|at| noise(at, 60)).collect();
    let problems: Vec<&str> = problems.iter().map(String::as_str).collect();
    let answer = stack(images.collect(), &problems);
    let page = rendered(&site, &View::Stack { typed: &nothing, answer: Some(&answer) });
    assert_eq!(html::faults(&page), [""; 0]);
    for told in ["and 980 more", "946 more images have no room here", "And 950 more"] {
        assert!(page.contains(told), "{told}");
    }

    let mut long = proposal("x", State::Active);
    long.events = (0..500).flat_map(|at| site_support::steps(&noise(at, 40))).collect();
    let page = rendered(&site, &View::Proposal { secret: SECRET, proposal: &long, done: None });
    assert_eq!(html::faults(&page), [""; 0]);
    assert!(page.contains("3440 earlier ones have no room here"));

    site.projects = (0..400)
        .map(|id| {
            let seed = usize::try_from(id).unwrap();
            let mut project = site_support::project(id, "machines", &noise(seed, 60));
            project.request.benefits = noise(seed, 4_000);
            project
        })
        .collect();
    let page = text(&site, "/calls/machines/");
    assert_eq!(html::faults(&page), [""; 0]);
    assert!(page.contains("And 180 more, before them."), "{page}");
    assert!(page.contains(&noise(0, 600)) && !page.contains(&noise(0, 601)), "what is long is cut");
}

#[test]
fn an_answer_says_what_when_and_where_from() {
    let site = with_call();
    let found = ImageAnswer {
        supports: vec![SupportAnswer { platform: "linux/arm64".into(), verdict: "yes", reason: None }],
        ..answer("nginx:1.27", "yes")
    };
    let asked = typed(&[("image", "nginx:1.27"), ("platform", "linux/arm64")], &[]);
    let show =
        |answered: &Answered| rendered(&site, &View::Query { typed: &asked, answered: Some(answered) });
    let page = show(&answered(found.clone(), Origin::Registry));
    for part in [
        "<p class=\"m y\">yes²</p>",
        "The registry was asked 3 minutes ago, at <time datetime=\"2026-12-24T09:57:00Z\">",
        "<a href=\"/on/entry/nginx/\">NGINX</a>",
        "href=\"/on/api/v1/query?image=nginx%3A1.27&#38;platform=linux%2Farm64\"",
        "value=\"nginx:1.27\"",
        "<code>docker.io</code>, <code>ghcr.io</code>",
        "<a href=\"/on/query/\" aria-current=\"page\">Ask</a>",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    let page = show(&answered(found, Origin::Store));
    assert!(page.contains("From an inventory that asked the registry 3 minutes ago"), "{page}");
    let page = show(&answered(failure("no such image"), Origin::Registry));
    assert!(
        page.contains("<p class=\"m u\">unknown</p>") && !page.contains("²"),
        "a failure is no no: {page}"
    );
    assert!(page.contains("<strong>There is no answer.</strong> no such image"), "{page}");
    assert!(!page.contains("<h3>Platforms</h3>"), "nothing is known of its platforms");

    let with = |verdict| vec![SupportAnswer { platform: "linux/arm64".into(), verdict, reason: None }];
    let image = |name: &str, verdict| ImageAnswer { supports: with(verdict), ..answer(name, verdict) };
    let mixed = stack(
        vec![image("has", "yes"), image("lacks", "no"), image("dark", "unknown")],
        &["what is ${THAT}"],
    );
    let page = rendered(&site, &View::Stack { typed: &asked, answer: Some(&mixed) });
    for part in [
        "3 images, read as a compose file",
        "<p class=\"m n\">no²</p>",
        "Lacking: <code>lacks</code>.",
        "Unknown: <code>dark</code>.",
        "<code>lacks</code></th><td>2</td><td class=\"m n\">no²</td>",
        "<li>Line 9: what is ${THAT}</li>",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    let page = rendered(&site, &View::Stack { typed: &Typed::default(), answer: None });
    assert!(page.contains("value=\"linux/amd64, linux/arm64\""), "{page}");
    let emptied = typed(&[("platform", "")], &[("platform", "Name one.")]);
    let page = rendered(&site, &View::Stack { typed: &emptied, answer: None });
    assert!(!page.contains("value=\"linux/amd64, linux/arm64\""), "what was emptied stays so");
}

#[test]
fn a_form_keeps_what_was_typed_and_says_what_is_wrong_beside_it() {
    let site = with_call();
    let fields = [
        ("project", "A & \"B\""),
        ("benefits", "\none\r\ntwo"),
        ("platforms", "linux/arm64"),
        ("usage", "continuous"),
        ("agree", "yes"),
        ("email", "nobody"),
    ];
    let typed = typed(&fields, &[("email", "This is no address."), ("", "Come back tomorrow.")]);
    let page = rendered(&site, &View::Propose { call: &site_support::call(), is_open: true, typed: &typed });
    for part in [
        "name=\"project\" value=\"A &#38; &#34;B&#34;\"",
        // The first line end behind the tag is no part of the value (HTML, 13.1.2.5).
        "aria-describedby=\"benefits_hint\">\n\none\ntwo</textarea>",
        "value=\"linux/arm64\" checked>",
        "value=\"linux/arm/v7\">",
        "value=\"continuous\" checked>",
        "value=\"yes\" checked>",
        "<p class=\"problem\" id=\"email_problem\">This is no address.</p>",
        "required aria-invalid=\"true\" aria-describedby=\"email_problem\">",
        "<li><a href=\"#email\">This is no address.</a></li>",
        "<li>Come back tomorrow.</li>",
        "<input id=\"fax\" type=\"text\" name=\"fax\" value=\"\" tabindex=\"-1\" autocomplete=\"off\">",
        "action=\"/on/calls/machines/propose/\" method=\"post\"",
        "everything above becomes public",
        "only way back",
        "<title>Not sent yet: ",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    let closed =
        rendered(&site, &View::Propose { call: &site_support::call(), is_open: false, typed: &typed });
    assert!(
        !closed.contains("<form class=\"fields\"") && closed.contains("2026-11-15 to 2027-03-31: not today")
    );

    let about = self::typed(&[("entry", "nginx")], &[]);
    let page = rendered(&site, &View::Suggest { typed: &about, received: None });
    for part in [
        "About <a href=\"/on/entry/nginx/\">NGINX</a>",
        "name=\"entry\" value=\"nginx\"",
        "Now: BSD-2-Clause",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    assert_eq!(page.matches("name=\"comment\"").count(), 1, "nothing is hidden");
    let page = rendered(&site, &View::Suggest { typed: &about, received: Some(12) });
    assert!(page.contains("It waits for a moderator as number 12.") && !page.contains("<textarea"), "{page}");
}

#[test]
fn a_proposers_page_is_its_proposers_alone() {
    let site = with_call();
    let show =
        |proposal: &Proposal| rendered(&site, &View::Proposal { secret: SECRET, proposal, done: None });
    let page = show(&proposal("Proxy", State::Active));
    for part in [
        "<meta name=\"robots\" content=\"noindex\">",
        "grace@example.org",
        "name=\"action\" value=\"erase\"",
        "name=\"action\" value=\"withdraw\"",
        "Keep the address of this page",
        &format!("https://workson.example/on/proposal/{SECRET}/"),
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    assert!(!page.contains("rel=\"canonical\"") && !page.contains("og:url"), "{page}");
    let head = page.split("</head>").next().unwrap();
    assert!(!head.contains(SECRET), "{head}");
    let erased = show(&Proposal { contact: None, ..proposal("Proxy", State::Completed) });
    assert!(!erased.contains("value=\"erase\"") && !erased.contains("value=\"withdraw\""), "{erased}");
    let status = rendered(&site, &View::Status { inventories: &[] });
    assert!(status.contains("rel=\"canonical\"") && !status.contains("noindex"), "{status}");
    let refusal = rendered(&site, &View::Refusal { title: "Not now", text: "Ask again." });
    assert!(!refusal.contains("rel=\"canonical\""), "a refusal has no address of its own");
}

#[test]
fn pages_lead_to_what_is_served_and_to_nothing_else() {
    let mut site = with_call();
    let entry = text(&site, "/entry/nginx/");
    assert!(
        entry.contains("href=\"/on/query/?image=nginx\"")
            && entry.contains("href=\"/on/suggest/?entry=nginx\"")
    );
    assert!(text(&site, "/about/").contains("<a href=\"/on/suggest/\">the form</a>"));
    assert!(text(&site, "/calls/machines/").contains("href=\"/on/calls/machines/propose/\""));
    assert!(text(&site, "/download/").contains("https://workson.example/on/api/v1/query?image=nginx"));
    assert!(
        entry.contains(">Status</a>") && entry.contains(">Ask</a>") && entry.contains(">Check a stack</a>")
    );
    let robots = text(&site, "/robots.txt");
    assert!(robots.contains("\nDisallow: /on/query/?\nDisallow: /on/api/v1/query?\n"), "{robots}");
    for path in [
        "/query/",
        "/stack/",
        "/suggest/",
        "/calls/machines/propose/",
        "/status/",
        "/api/v1/query",
        "/api/v1/stack",
    ] {
        let route = Route::parse(path).unwrap();
        assert!(matches!(route, Route::Service(_)) && site.render(&route).is_none(), "{path}");
        assert_eq!(route.path(), path);
    }
    let secret = Route::parse(&format!("/proposal/{SECRET}/"));
    assert_eq!(secret, Some(Route::Service(ServiceRoute::Proposal(SECRET.into()))));
    for path in [&SECRET[1..], &format!("{SECRET}a"), &SECRET.replace('_', "~"), &SECRET.replace('_', "é")] {
        assert_eq!(Route::parse(&format!("/proposal/{path}/")), None, "{path}");
    }

    site.services = Services { registries: None, forms: false, status: true };
    let entry = text(&site, "/entry/nginx/");
    for gone in ["/query/", "/suggest/", "/stack/", ">Ask<"] {
        assert!(!entry.contains(gone), "{gone}");
    }
    assert!(entry.contains("href=\"/on/status/\""));
    assert!(text(&site, "/calls/machines/").contains("takes no proposals"));
}

#[test]
fn a_call_is_open_by_the_day_that_it_is() {
    let mut site = with_call();
    let mut on = |day: Option<&str>| {
        site.today = day.map(|day| day.parse().unwrap());
        let (all, one) = (text(&site, "/calls/"), text(&site, "/calls/machines/"));
        let list = all.split("Machines for arm64").next().unwrap().rsplit("<h2>").next().unwrap();
        let list = list.split('<').next().unwrap().to_owned();
        let state = one.split("2027-03-31: <strong>").nth(1).unwrap().split('<').next().unwrap().to_owned();
        (list, state, one.contains("Propose something"))
    };
    let told = |list: &str, state: &str, is_open| (list.to_owned(), state.to_owned(), is_open);
    assert_eq!(on(Some("2026-11-14")), told("Coming", "not open yet", false));
    assert_eq!(on(Some("2026-11-15")), told("Open", "open", true));
    assert_eq!(on(Some("2027-03-31")), told("Open", "open", true));
    assert_eq!(on(Some("2027-04-01")), told("Closed", "closed", false));
    // The newest issue is of 2026-11-23.
    assert_eq!(on(None), told("Open", "open", true));
}

#[test]
fn an_approved_project_is_told_with_what_it_is_for_and_how_it_ended() {
    let mut site = with_call();
    let mut project = site_support::project(5, "machines", "Proxy");
    project.events.last_mut().unwrap().reason = "Releases since 4.2.".into();
    let elsewhere = site_support::project(6, "other", "Elsewhere");
    site.projects = vec![project, elsewhere];
    let page = text(&site, "/calls/machines/");
    for part in [
        "<h3 dir=\"auto\">Proxy</h3>",
        "<strong>completed</strong> since <time datetime=\"2026-12-07\">",
        "<a href=\"https://example.org/Proxy\" rel=\"nofollow ugc\">",
        "<dt>Outcome</dt><dd dir=\"auto\">Releases since 4.2.</dd>",
        "<a href=\"/on/entry/nginx/\">NGINX</a>",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    assert!(!page.contains("Elsewhere") && text(&site, "/calls/").contains("1 approved"), "{page}");
}
