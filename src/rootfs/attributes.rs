//! Who owns an entry, who may do what with it, when it was changed, and its extended attributes.

use std::io::{self, Read};

use rustix::fs::{Gid, Mode, Timespec, Timestamps, Uid};
use rustix::io::Errno;

use super::{Settings, Tamed};
use crate::packed::permissions;

/// The bits that make a program run as its owner or group.
const SET_ID: u16 = 0o6000;
/// What gives a program rights that whoever starts it does not have.
const CAPABILITY: &[u8] = b"security.capability";

/// What an entry says of itself.
#[derive(Debug)]
pub(super) struct Attributes {
    pub(super) mode: u16,
    uid: u32,
    gid: u32,
    pub(super) changed: Timespec,
    extended: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Attributes {
    pub(super) fn of(entry: &mut tar::Entry<'_, impl Read>) -> io::Result<Attributes> {
        let permissions = permissions(entry.header())?;
        let seconds = entry.header().mtime().ok().and_then(|seconds| i64::try_from(seconds).ok());
        let mut changed = Timespec { tv_sec: seconds.unwrap_or(0), tv_nsec: 0 };
        let mut extended = Vec::new();
        for extension in entry.pax_extensions()?.into_iter().flatten() {
            let extension = extension?;
            let key = extension.key_bytes();
            if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
                extended.push((name.to_vec(), extension.value_bytes().to_vec()));
            } else if key == b"mtime" {
                changed = extension.value().ok().and_then(time).unwrap_or(changed);
            }
        }
        Ok(Attributes {
            mode: permissions.mode,
            uid: permissions.uid,
            gid: permissions.gid,
            changed,
            extended,
        })
    }

    /// The owner, where owners are set.
    pub(super) fn owner(&self, settings: &Settings) -> Result<Option<(Uid, Gid)>, &'static str> {
        // The highest number says "as it is" to the system.
        match (settings.owners, self.uid == u32::MAX || self.gid == u32::MAX) {
            (false, _) => Ok(None),
            (true, true) => Err("its owner or group is 4294967295, which no user or group can be"),
            (true, false) => Ok(Some((Uid::from_raw(self.uid), Gid::from_raw(self.gid)))),
        }
    }

    /// Its bits, without those that are not kept.
    pub(super) fn mode(&self, settings: &Settings, mut tame: impl FnMut(Tamed)) -> Mode {
        let mut mode = self.mode;
        if !settings.keep_setuid && mode & SET_ID != 0 {
            mode &= !SET_ID;
            tame(Tamed::SetId);
        }
        Mode::from_raw_mode(mode.into())
    }

    /// Sets the extended attributes that are kept: users' own, and what gives a program rights where that is asked for.
    pub(super) fn extend(
        &self,
        file: impl rustix::fd::AsFd,
        settings: &Settings,
        mut tame: impl FnMut(Tamed),
    ) -> Result<(), Errno> {
        for (name, value) in &self.extended {
            if name == CAPABILITY && !settings.capabilities {
                tame(Tamed::Capability);
                continue;
            }
            if name != CAPABILITY && !name.starts_with(b"user.") {
                tame(Tamed::Attribute);
                continue;
            }
            match rustix::fs::fsetxattr(&file, name.as_slice(), value, rustix::fs::XattrFlags::empty()) {
                Ok(()) => {}
                Err(Errno::NOSPC | Errno::DQUOT) => return Err(Errno::NOSPC),
                // What a file system has no place for, or what can't be one.
                Err(_) => tame(Tamed::Attribute),
            }
        }
        Ok(())
    }

    /// For what has none of them here: a link.
    pub(super) fn has_extended(&self) -> bool {
        !self.extended.is_empty()
    }
}

/// When something was changed, and nothing of when it was read.
pub(super) fn times(changed: Timespec) -> Timestamps {
    let untouched = Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_OMIT };
    Timestamps { last_access: untouched, last_modification: changed }
}

/// A time as pax headers have it: seconds, which may be a fraction or before 1970.
fn time(text: &str) -> Option<Timespec> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: i64 = whole.parse().ok()?;
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits = format!("{:0<9}", fraction.get(..9).unwrap_or(fraction));
    let nanoseconds: i64 = digits.parse().ok()?;
    Some(match whole.starts_with('-') && nanoseconds > 0 {
        true => Timespec { tv_sec: seconds.checked_sub(1)?, tv_nsec: 1_000_000_000 - nanoseconds },
        false => Timespec { tv_sec: seconds, tv_nsec: nanoseconds },
    })
}

#[cfg(test)]
mod tests {
    use super::time;

    #[test]
    fn a_time_may_be_a_fraction_or_before_1970() {
        for (text, expected) in [
            ("1714564800", Some((1_714_564_800, 0))),
            ("1.5", Some((1, 500_000_000))),
            ("1.0000000019", Some((1, 1))),
            ("-1.25", Some((-2, 750_000_000))),
            ("-0.25", Some((-1, 750_000_000))),
            ("-3", Some((-3, 0))),
            ("", None),
            ("x", None),
            ("1.x", None),
            ("1.-5", None),
        ] {
            assert_eq!(time(text).map(|time| (time.tv_sec, time.tv_nsec)), expected, "{text}");
        }
    }
}
