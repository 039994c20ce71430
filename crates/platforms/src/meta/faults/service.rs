//! Rows about pace, outages and what nobody has described. (`tokens.md` §8.3)

use holdfast_model::fault::PlatformCode;

use crate::catalog::{Entry, code, row, sub, with_range};

/// One for each use of the API.
const BUSINESS_CODES: &[PlatformCode] = &with_range::<15>(&[], 80_000);

pub static ROWS: &[Entry] = &[
    row!(
        "meta",
        "throttled_app",
        Throttle,
        Retry,
        [App],
        &[code(4)],
        "The app's rate limit is used up.",
        "Nothing: Holdfast waits as long as Meta asks. If it recurs, spread the load or ask for a higher tier."
    ),
    row!(
        "meta",
        "throttled_user",
        Throttle,
        Retry,
        [Credential],
        &[code(17), sub(17, 2446079)],
        "The token's rate limit is used up.",
        "Nothing: Holdfast waits."
    ),
    row!(
        "meta",
        "throttled_page",
        Throttle,
        Retry,
        [Asset],
        &[code(32)],
        "The page's rate limit is used up.",
        "Nothing: Holdfast waits."
    ),
    row!(
        "meta",
        "throttled_account",
        Throttle,
        Retry,
        [Account],
        &[code(613), sub(613, 1487742), sub(613, 1996), sub(613, 1487632)],
        "The ad account's rate limit is used up.",
        "Nothing: Holdfast waits. Without a subcode it may be an abuse limit; then lower the rate."
    ),
    row!(
        "meta",
        "throttled_business",
        Throttle,
        Retry,
        [Account],
        BUSINESS_CODES,
        "The business's rate limit for this use is used up.",
        "Nothing: Holdfast waits as many minutes as Meta's header says."
    ),
    row!(
        "meta",
        "throttled",
        Throttle,
        Retry,
        [Credential],
        &[],
        "Meta asks for fewer requests.",
        "Nothing: Holdfast waits."
    ),
    row!(
        "meta",
        "transient",
        Transient,
        Retry,
        [Credential],
        &[code(1), sub(1, 99), code(2), code(9), code(341), code(5000), code(21009)],
        "Meta is unwell for the moment.",
        "Nothing: Holdfast tries again with backoff until the events' deadlines."
    ),
    row!(
        "meta",
        "server_error",
        Transient,
        Retry,
        [Credential],
        &[],
        "Meta, or something in front of it, answered with an error page.",
        "Nothing: Holdfast tries again with backoff."
    ),
    row!(
        "meta",
        "no_answer",
        Transient,
        Retry,
        [Credential],
        &[],
        "No answer came.",
        "Nothing: Holdfast tries again. If it lasts, check DNS, firewall and TLS inspection on the way to graph.facebook.com."
    ),
    row!(
        "meta",
        "count_mismatch",
        Unknown,
        RetryThenHold,
        [Credential, Asset],
        &[],
        "Meta accepted the request but counted another number of events than were sent.",
        "If it recurs, report it with the trace id: Meta does not say which events it means."
    ),
    row!(
        "meta",
        "duplicate",
        Payload,
        Note,
        [],
        &[code(506)],
        "Meta has this already.",
        "Nothing."
    ),
    row!(
        "meta",
        "unknown_code",
        Unknown,
        RetryThenHold,
        [Credential, Asset],
        &[],
        "Meta answered with a code that nobody has described yet.",
        "Read Meta's words at the hold; lift it to try again, and report the code so that it gets a row."
    ),
];
