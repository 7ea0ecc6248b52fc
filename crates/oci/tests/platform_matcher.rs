//! Which platform a host takes, and what it says of one that it does not take.

use workson_oci::Platform;
use workson_oci::platform::Matcher;

fn p(specifier: &str) -> Platform {
    let host = Platform { os: "linux".into(), architecture: "amd64".into(), ..Platform::default() };
    Platform::parse(specifier, &host).unwrap_or_else(|error| panic!("{specifier}: {error}"))
}

fn why(matcher: &Matcher, specifier: &str) -> String {
    matcher.why_not(&p(specifier)).map(|mismatch| mismatch.to_string()).unwrap_or_default()
}

#[test]
fn the_reason_names_the_first_difference() {
    let arm7 = Matcher::only(&p("linux/arm/v7"));
    assert_eq!(why(&arm7, "linux/arm/v6"), "");
    assert_eq!(why(&arm7, "windows/arm/v7"), "the operating system is windows, wanted is linux");
    assert_eq!(why(&arm7, "linux/amd64"), "the architecture is amd64, wanted is arm");
    assert_eq!(why(&arm7, "linux/arm/v8"), "the variant of arm is v8, wanted is v7 or v6 or v5");
    let arm64 = Matcher::only(&p("linux/arm64"));
    assert_eq!(why(&arm64, "linux/amd64"), "the architecture is amd64, wanted is arm64 or arm");
    assert_eq!(why(&arm64, "linux/arm64/v9"), "the variant of arm64 is v9, wanted is v8");
    assert_eq!(why(&arm64, "linux(+gpu)/arm64"), "the image needs of the operating system: gpu");
    let windows = Matcher::host(&p("windows(10.0.17763)/amd64"));
    let version = "the image is for version 10.0.20348.1, which a host of 10.0.17763 does not run";
    assert_eq!(why(&windows, "windows(10.0.20348.1)/amd64"), version);
}

#[test]
fn the_reason_looks_at_the_candidates_that_agree_so_far() {
    let two = Matcher::any(&[p("linux/amd64"), p("windows/arm64")]);
    assert_eq!(why(&two, "linux/arm64"), "the architecture is arm64, wanted is amd64");
    let os = Matcher::only_os(&p("linux(+gpu)/amd64"));
    assert_eq!(why(&os, "linux(+gpu+simd)/s390x"), "the image needs of the operating system: simd");
    assert_eq!(why(&os, "darwin/amd64"), "the operating system is darwin, wanted is linux");
}

#[test]
fn nothing_runs_on_what_is_not_known() {
    let unknown = Matcher::only(&p("linux/arm64/v9.8"));
    assert_eq!((unknown.ladder().len(), unknown.matches(&p("linux/arm64"))), (0, false));
    assert!(why(&unknown, "linux/arm64").contains("linux/arm64/v9.8, a variant that is not known"));
    assert_eq!(why(&Matcher::any(&[]), "linux/arm64"), "no platform is asked for");
}

#[test]
fn the_rank_is_the_place_in_the_ladder() {
    let host = Matcher::only(&p("linux/arm64"));
    assert_eq!(host.ladder().first(), Some(&p("linux/arm64")), "the plain spelling, not arm64/v8");
    assert_eq!(host.rank(&p("linux/arm64/v8")), Some(0));
    assert_eq!(host.rank(&p("linux/arm")), Some(2), "behind arm64 and arm/v8");
    assert_eq!(host.ladder()[2].format(), "linux/arm/v7");
    assert_eq!(host.rank(&p("linux/amd64")), None);
    let os = Matcher::only_os(&p("linux/arm64"));
    assert_eq!((os.rank(&p("linux/arm64")), os.rank(&p("linux/386"))), (Some(0), Some(1)));
}

#[test]
fn a_platform_without_operating_system_is_that_of_the_host() {
    let nameless = Platform { architecture: "arm64".into(), ..Platform::default() };
    let linux = Matcher::only(&p("linux/arm64"));
    assert!(linux.matches(&nameless) && !linux.clone().on_host_os("darwin").matches(&nameless));
    let asked = Matcher::only(&nameless);
    assert!(asked.matches(&p("linux/arm64")));
    assert!(asked.on_host_os("darwin").matches(&p("darwin/arm64")));
}

#[test]
fn each_host_has_its_own_preference() {
    let mac = Matcher::host(&p("darwin/arm64/v8"));
    assert_eq!(mac.rank(&p("darwin/arm64")), Some(0));
    assert_eq!((mac.rank(&p("linux/arm64")), mac.rank(&p("linux/arm/v7"))), (Some(1), None));
    assert!(mac.matches(&Platform { architecture: "arm64".into(), ..Platform::default() }));
    let bsd = Matcher::host(&p("freebsd/arm/v6"));
    assert_eq!((bsd.rank(&p("linux/arm/v6")), bsd.rank(&p("linux/arm/v7"))), (Some(1), None));
    assert!(Matcher::host(&p("linux/arm64/v8")).matches(&p("linux/arm/v6")));
}

#[test]
fn win32k_is_passed_over_once_and_on_windows_alone() {
    let needs = |count: usize| Platform { os_features: vec!["win32k".into(); count], ..p("windows/amd64") };
    let strict = Matcher::only_strict(&p("windows/amd64"));
    assert!(strict.matches(&needs(1)) && !strict.matches(&needs(2)));
    assert!(!Matcher::only_os(&p("windows/amd64")).matches(&needs(1)));
    assert!(!Matcher::only_strict(&p("linux/amd64")).matches(&p("linux(+win32k)/amd64")));
}

#[test]
fn sorting_puts_the_best_first_and_keeps_equals_in_place() {
    let mut found: Vec<Platform> =
        ["windows/amd64", "linux/arm/v6", "linux/s390x", "linux/arm64", "linux/arm"].map(p).into();
    let host = Matcher::only(&p("linux/arm64"));
    found.sort_by(|a, b| host.compare(a, b));
    let names: Vec<String> = found.iter().map(Platform::format).collect();
    assert_eq!(names, ["linux/arm64", "linux/arm", "linux/arm/v6", "windows/amd64", "linux/s390x"]);
    assert!(host.less(&found[0], &found[1]) && !host.less(&found[3], &found[4]));
}
