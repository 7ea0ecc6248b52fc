//! What a client asks for in its headers: whether it takes gzip, and what it has already.

/// Whether gzip is wanted, by `Accept-Encoding` (RFC 9110, 12.5.3). Without the field, any encoding would do; what needs
/// no unpacking is then the safer one.
pub(super) fn takes_gzip<'a>(fields: impl Iterator<Item = &'a str>) -> bool {
    let (mut gzip, mut any, mut identity) = (None, None, None);
    for part in fields.flat_map(|field| field.split(',')) {
        let (coding, parameters) = part.split_once(';').unwrap_or((part, ""));
        let quality = quality(parameters);
        match coding.trim() {
            coding if coding.eq_ignore_ascii_case("gzip") || coding.eq_ignore_ascii_case("x-gzip") => {
                gzip = quality;
            }
            coding if coding.eq_ignore_ascii_case("identity") => identity = quality,
            "*" => any = quality,
            _ => {}
        }
    }
    let gzip = gzip.or(any).unwrap_or(0);
    gzip > 0 && gzip >= identity.unwrap_or(0)
}

/// The value of `q`, in thousandths; one where none is given, and none at all of what is no value.
fn quality(parameters: &str) -> Option<u16> {
    let parameters = parameters.trim();
    if parameters.is_empty() {
        return Some(1000);
    }
    let (name, value) = parameters.split_once('=')?;
    let value: f32 = value.trim().parse().ok()?;
    if !name.trim().eq_ignore_ascii_case("q") || !(0.0..=1.0).contains(&value) {
        return None;
    }
    // Within bounds, as was just seen.
    Some((value * 1000.0).round() as u16)
}

/// Whether one of these is what the client has (`If-None-Match`; RFC 9110, 13.1.2: compared weakly).
pub(super) fn has_already<'a>(fields: impl Iterator<Item = &'a str>, etags: &[&[u8]]) -> bool {
    fields.flat_map(|field| field.split(',')).map(str::trim).any(|tag| {
        let tag = tag.strip_prefix("W/").unwrap_or(tag);
        tag == "*" || etags.contains(&tag.as_bytes())
    })
}

#[cfg(test)]
mod tests {
    use super::{has_already, takes_gzip};

    #[test]
    fn gzip_is_sent_to_whoever_wants_it() {
        let takes = |field: &str| takes_gzip([field].into_iter());
        for yes in
            ["gzip", "deflate, GZIP;q=0.5", "br;q=1.0, gzip;q=0.8, *;q=0.1", "*", "x-gzip", "gzip;Q=1.000"]
        {
            assert!(takes(yes), "{yes}");
        }
        for no in [
            "",
            "identity",
            "gzip;q=0",
            "*;q=0",
            "gzip;q=0.5, identity;q=0.9",
            "br",
            "gzip;q=2",
            "gzip;q=x",
            "*,gzip;q=0",
        ] {
            assert!(!takes(no), "{no}");
        }
        assert!(!takes_gzip(std::iter::empty()));
        assert!(takes_gzip(["br", "gzip"].into_iter()));
    }

    #[test]
    fn what_a_client_has_is_told_by_its_tag() {
        let has = |field: &str| has_already([field].into_iter(), &[b"\"a\"", b"\"a-gzip\""]);
        for yes in ["\"a\"", "W/\"a\"", "\"x\", \"a-gzip\"", "*"] {
            assert!(has(yes), "{yes}");
        }
        for no in ["", "\"b\"", "a", "\"a"] {
            assert!(!has(no), "{no}");
        }
    }
}
