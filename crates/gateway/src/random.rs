//! The one place of the gateway where random numbers are drawn.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use holdfast_model::id::{BatchId, HoldId, ItemId};
use holdfast_model::secret::Secret;
use holdfast_model::time::UnixMillis;

use std::cell::RefCell;

/// How many random bytes are fetched from the system at once: one system call serves about 400
/// ids, which matters when tens of thousands of items are admitted a second.
const POOL_BYTES: usize = 4096;

struct Pool {
    bytes: Box<[u8; POOL_BYTES]>,
    used: usize,
}

thread_local! {
    static POOL: RefCell<Pool> =
        RefCell::new(Pool { bytes: Box::new([0; POOL_BYTES]), used: POOL_BYTES });
}

/// Random bytes from the operating system.
#[allow(clippy::disallowed_methods, reason = "the one place where randomness is drawn")]
pub fn bytes<const N: usize>() -> [u8; N] {
    POOL.with_borrow_mut(|pool| {
        if pool.used + N > POOL_BYTES {
            // Without randomness ids could repeat and keys could be guessed: better no service.
            getrandom::fill(&mut pool.bytes[..]).expect("the operating system gives random bytes");
            pool.used = 0;
        }
        let mut taken = [0; N];
        taken.copy_from_slice(&pool.bytes[pool.used..pool.used + N]);
        // A byte is used once and not left in memory: some of these become access keys.
        pool.bytes[pool.used..pool.used + N].fill(0);
        pool.used += N;
        taken
    })
}

pub fn item_id(at: UnixMillis) -> ItemId {
    ItemId::from_parts(at, bytes())
}

pub fn batch_id(at: UnixMillis) -> BatchId {
    BatchId::from_parts(at, bytes())
}

pub fn hold_id(at: UnixMillis) -> HoldId {
    HoldId::from_parts(at, bytes())
}

pub fn seed() -> u64 {
    u64::from_le_bytes(bytes())
}

/// 256 random bits as a text that fits into a URL: what sessions and sign-ins are known by.
pub fn text() -> Secret {
    Secret::new(BASE64_URL_SAFE_NO_PAD.encode(bytes::<32>()))
}
