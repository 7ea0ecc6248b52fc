//! Any text as a stack: no panic, nothing beyond the limits, each thing at a line that the text has, each image as it is read
//! elsewhere.

#![no_main]

use libfuzzer_sys::fuzz_target;
use workson_fuzz::scan::{Form, MAX_IMAGES, MAX_PROBLEMS, scan};
use workson_oci::Reference;

fuzz_target!(|data: &[u8]| {
    let Some((how, text)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let form = match how % 4 {
        0 => None,
        at => Some(Form::ALL[usize::from(at) - 1]),
    };
    let found = scan(text, form);
    assert!(form.is_none_or(|form| form == found.form));
    assert!(found.images.len() <= MAX_IMAGES && found.problems.len() <= MAX_PROBLEMS + 1);
    // In YAML a line ends with a lone carriage return as well.
    let lines = text.matches(['\n', '\r']).count() + 1;
    for image in &found.images {
        assert!((1..=lines).contains(&image.line), "line {} of {lines}", image.line);
        assert_eq!(image.text.parse::<Reference>().ok().as_ref(), Some(&image.reference));
    }
    for problem in &found.problems {
        assert!((1..=lines + 1).contains(&problem.line), "line {} of {lines}", problem.line);
        assert!(!problem.what.is_empty());
    }
});
