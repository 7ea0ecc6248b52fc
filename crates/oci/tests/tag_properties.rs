//! The order of tags is one: whoever sorts by it gets the same list, from wherever they start.

use std::cmp::Ordering;

use proptest::prelude::*;
use proptest::sample::select;
use workson_oci::tag::newest_first;

/// Tags of few numbers and words, so that many of them have something in common.
fn any_tag() -> impl Strategy<Value = String> {
    let numbers = prop::collection::vec(select(vec!["0", "00", "1", "01", "2", "10"]), 1..4);
    let flavour = select(vec![
        "",
        "-rc1",
        "-rc2",
        "rc1",
        "-RC1",
        "-rc",
        "-rc.1-alpine",
        "-beta1",
        "-alpha",
        "-dev",
        "-alpine",
        "-slim",
        ".",
        "-1",
        "+x",
    ]);
    let version = (select(vec!["", "v", "V"]), numbers, flavour)
        .prop_map(|(prefix, numbers, flavour)| format!("{prefix}{}{flavour}", numbers.join(".")));
    prop_oneof![
        8 => version,
        1 => select(vec!["latest", "stable", "v", "", "rc1"]).prop_map(str::to_owned),
        1 => "[a-zA-Z0-9_.-]{0,8}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn each_two_tags_have_one_order(a in any_tag(), b in any_tag()) {
        prop_assert_eq!(newest_first(&a, &b), newest_first(&b, &a).reverse());
        prop_assert_eq!(newest_first(&a, &b) == Ordering::Equal, a == b);
    }

    #[test]
    fn the_order_has_no_circles(a in any_tag(), b in any_tag(), c in any_tag()) {
        let mut tags = [a, b, c];
        tags.sort_by(|a, b| newest_first(a, b));
        prop_assert_ne!(newest_first(&tags[0], &tags[1]), Ordering::Greater);
        prop_assert_ne!(newest_first(&tags[1], &tags[2]), Ordering::Greater);
        prop_assert_ne!(newest_first(&tags[0], &tags[2]), Ordering::Greater);
    }

    #[test]
    fn a_release_of_a_line_comes_before_its_candidates(
        line in prop::collection::vec(0u8..12, 1..4), more in prop::collection::vec(0u8..12, 0..3), v in any::<bool>(),
    ) {
        let text = |numbers: &[u8]| numbers.iter().map(u8::to_string).collect::<Vec<_>>().join(".");
        let line_text = text(&line);
        let release = format!("{}{}", if v { "v" } else { "" }, text(&[line, more].concat()));
        for stage in ["rc1", "beta2", "alpha", "dev"] {
            prop_assert_eq!(newest_first(&release, &format!("{line_text}-{stage}")), Ordering::Less);
        }
    }
}
