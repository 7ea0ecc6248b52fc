//! What an answer costs beside waiting for it: reading documents, references, platforms and digests.
//!
//! ```text
//! cargo bench --bench reading
//! ```

#![allow(missing_docs, reason = "a program, not a library")]
#![allow(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on says so by panicking")]

use std::collections::HashMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use workson_oci::image::Reading;
use workson_oci::platform::Matcher;
use workson_oci::{Content, Digest, Image, Platform, Reference};
use workson_registry::testing::{OFFICIAL, index};

/// How long one sample takes at least.
const SAMPLE: Duration = Duration::from_millis(40);
const SAMPLES: usize = 15;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
fn main() {
    println!("{:<52}{:>12}{:>12}{:>12}", "", "median", "min", "max");

    let official = content(index("official", &OFFICIAL, true));
    time("Image::read, 8 platforms and 8 attestations", || read(&official));
    let versions: Vec<String> = (0..10_000).map(|n| format!("windows(10.0.{n}.1)/amd64")).collect();
    let versions: Vec<&str> = versions.iter().map(String::as_str).collect();
    let huge = content(index("huge", &versions, false));
    time("Image::read, 10,000 platforms", || read(&huge));

    time("Digest::sha256 of that index of 16 entries", || Digest::sha256(&official.bytes));
    let megabyte = vec![7; 1 << 20];
    time("Digest::sha256 of 1 MiB", || Digest::sha256(&megabyte));
    let digest = official.digest.to_string();
    time("Digest from text", || digest.parse::<Digest>().unwrap());

    for text in ["nginx", "registry.example.org:5000/team/app:1.2.3"] {
        time(&format!("Reference from {text:?}"), || text.parse::<Reference>().unwrap());
    }

    let host = Platform::parse("linux/amd64", &Platform::default()).unwrap();
    let arm = Platform::parse("linux/arm64", &host).unwrap();
    time("Matcher::only", || Matcher::only(&arm));
    let (matcher, image) = (Matcher::only(&arm), read(&official));
    time("Matcher::rank of 8 platforms", || {
        image.platforms.iter().filter_map(|offered| matcher.rank(&offered.platform)).min()
    });
    time("Image::supports", || image.supports(&arm));
}

fn content(bytes: Vec<u8>) -> Content {
    Content { digest: Digest::sha256(&bytes), media_type: INDEX.into(), bytes: bytes.into() }
}

fn read(content: &Content) -> Image {
    match Image::read(content, &HashMap::new(), false).unwrap() {
        Reading::Complete(image) => image,
        Reading::Needs(_) => panic!("these indexes need nothing else"),
    }
}

/// Times `work`: so many runs that a sample is long enough for the clock, and several samples.
fn time<T>(name: &str, mut work: impl FnMut() -> T) {
    let mut sample = |runs: u32| {
        let begun = Instant::now();
        for _ in 0..runs {
            black_box(work());
        }
        begun.elapsed()
    };
    let mut runs = 1;
    while sample(runs) < SAMPLE {
        runs *= 2;
    }
    let mut samples: Vec<f64> =
        (0..SAMPLES).map(|_| sample(runs).as_secs_f64() / f64::from(runs) * 1e6).collect();
    samples.sort_by(f64::total_cmp);
    let [median, min, max] = [samples[SAMPLES / 2], samples[0], samples[SAMPLES - 1]];
    println!("{name:<52}{median:>9.3} µs{min:>9.3} µs{max:>9.3} µs");
}
