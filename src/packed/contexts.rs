//! What zstd unpacks with. It keeps as much as the packer went back to (its window), so there are few of them, and they go
//! from one layer to the next: what one thread gives back to the allocator is often not what another one is given.

use std::io;
use std::sync::{Condvar, Mutex, PoisonError};

use zstd::zstd_safe::{DCtx, ResetDirective};

/// How many layers zstd unpacks at once, in the whole program: one alone from the first on that has a wider window than
/// [`NARROW`]. So what they keep together is no more than one may.
const CONTEXTS: usize = 2;
/// How wide a window is that any decoder should have room for (RFC 8878, 3.1.1.1.2). Docker and podman take no wider one
/// unless they are told to pack better.
const NARROW: u64 = 8 << 20;

static CONTEXT: Mutex<Contexts> = Mutex::new(Contexts { idle: Vec::new(), taken: 0, most: CONTEXTS });
static RETURNED: Condvar = Condvar::new();

struct Contexts {
    /// Those that nobody has. They are made when they are first needed.
    idle: Vec<DCtx<'static>>,
    /// How many are with layers.
    taken: usize,
    /// How many may be.
    most: usize,
}

/// Does `work` with a context that is as if it were new, for a layer that begins with these bytes. It waits until there
/// is one.
///
/// # Errors
/// Where there is no memory for one.
pub(super) fn with<T>(beginning: &[u8], work: impl FnOnce(&mut DCtx<'static>) -> T) -> io::Result<T> {
    let mut taken = Taken(take(window(beginning).is_none_or(|window| window > NARROW)));
    let context = match &mut taken.0 {
        Some(context) => context,
        none => none.insert(DCtx::try_create().ok_or(io::ErrorKind::OutOfMemory)?),
    };
    Ok(work(context))
}

/// Takes one, if any was made that is idle.
fn take(is_wide: bool) -> Option<DCtx<'static>> {
    let mut contexts = CONTEXT.lock().unwrap_or_else(PoisonError::into_inner);
    if is_wide {
        contexts.most = 1;
    }
    while contexts.taken >= contexts.most {
        contexts = RETURNED.wait(contexts).unwrap_or_else(PoisonError::into_inner);
    }
    contexts.taken += 1;
    let context = contexts.idle.pop();
    if contexts.most == 1 {
        contexts.idle.clear();
    }
    context
}

/// A context that goes back, however the work ends.
struct Taken(Option<DCtx<'static>>);

impl Drop for Taken {
    fn drop(&mut self) {
        // One that can't be made new goes.
        let context = self.0.take().and_then(|mut context| {
            context.reset(ResetDirective::SessionAndParameters).is_ok().then_some(context)
        });
        let mut contexts = CONTEXT.lock().unwrap_or_else(PoisonError::into_inner);
        contexts.taken -= 1;
        contexts.idle.extend(context);
        drop(contexts);
        RETURNED.notify_all();
    }
}

/// How wide the window of the first frame is (RFC 8878, 3.1.1.1); none where these bytes do not tell. The frames of a
/// layer are packed by one packer: what comes later is bounded all the same, by the limit.
fn window(mut bytes: &[u8]) -> Option<u64> {
    // A frame that is to be skipped has its length behind its mark.
    while let [0x50..=0x5f, 0x2a, 0x4d, 0x18, rest @ ..] = bytes {
        let (length, rest) = rest.split_first_chunk()?;
        bytes = rest.get(usize::try_from(u32::from_le_bytes(*length)).ok()?..)?;
    }
    let [0x28, 0xb5, 0x2f, 0xfd, descriptor, rest @ ..] = bytes else { return None };
    if descriptor & 0x20 == 0 {
        let window = u64::from(*rest.first()?);
        let base = 1_u64 << (10 + (window >> 3));
        return Some(base + base / 8 * (window & 7));
    }
    // The window is the content.
    let rest = rest.get([0, 1, 2, 4][usize::from(descriptor & 3)]..)?;
    Some(match descriptor >> 6 {
        0 => u64::from(*rest.first()?),
        1 => u64::from(u16::from_le_bytes(*rest.first_chunk()?)) + 256,
        2 => u64::from(u32::from_le_bytes(*rest.first_chunk()?)),
        _ => u64::from_le_bytes(*rest.first_chunk()?),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

    use std::io::Write as _;

    use super::*;

    fn packed(window_log: u32, length: usize, is_told: bool) -> Vec<u8> {
        let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
        encoder.window_log(window_log).unwrap();
        encoder.include_contentsize(is_told).unwrap();
        encoder.set_pledged_src_size(is_told.then_some(length as u64)).unwrap();
        encoder.write_all(&vec![b'a'; length]).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_frame_tells_how_wide_its_window_is() {
        assert_eq!(window(&packed(24, 100_000, false)), Some(16 << 20));
        assert_eq!(window(&packed(23, 100_000, false)), Some(NARROW));
        for length in [1, 200, 300, 70_000] {
            assert_eq!(window(&packed(24, length, true)), Some(length as u64), "{length}");
        }
        let skipped = [&b"\x5a\x2a\x4d\x18\x03\0\0\0abc"[..], &packed(20, 9_000_000, false)].concat();
        assert_eq!(window(&skipped), Some(1 << 20));
        for end in 0..skipped.len().min(16) {
            assert_eq!(window(&skipped[..end]), None, "{end}");
        }
    }

    #[test]
    fn layers_of_any_window_are_unpacked_at_once() {
        let (wide, narrow) = (packed(24, 3_000_000, false), packed(20, 3_000_000, false));
        std::thread::scope(|scope| {
            for bytes in [&wide, &narrow, &wide, &narrow, &narrow, &wide] {
                scope.spawn(move || {
                    let length = with(bytes, |context| {
                        let mut decoder = zstd::stream::read::Decoder::with_context(&bytes[..], context);
                        std::io::copy(&mut decoder, &mut std::io::sink()).unwrap()
                    });
                    assert_eq!(length.unwrap(), 3_000_000);
                });
            }
        });
    }

    #[test]
    fn what_was_broken_off_leaves_nothing_to_the_next() {
        let bytes = packed(20, 3_000_000, false);
        let damaged = &b"\x28\xb5\x2f\xfd\xff\xff\xff\xff\xff\xff"[..];
        for (bytes, length) in [(&bytes[..bytes.len() / 2], None), (damaged, None), (&bytes, Some(3_000_000))]
        {
            let unpacked = with(bytes, |context| {
                let mut decoder = zstd::stream::read::Decoder::with_context(bytes, context);
                std::io::copy(&mut decoder, &mut std::io::sink()).ok()
            });
            assert_eq!(unpacked.unwrap(), length);
        }
    }
}
