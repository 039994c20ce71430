//! Exit codes. Documented in `docs/cli.md`; scripts rely on them.

/// Failures that have an exit code of their own. Everything else is 1.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// 2: the command line or the configuration is wrong. (clap uses 2 as well.)
    #[error("{0}")]
    Usage(String),
    /// 3: no gateway answers.
    #[error("no gateway answers at {at}: {cause}")]
    Unreachable { at: String, cause: String },
    /// 4: the gateway refused.
    #[error("{message}")]
    Refused { message: String, hint: String },
    /// 5: what was named does not exist.
    #[error("{0}")]
    NotFound(String),
    /// 6: a check failed: the ledger is not conserved, a setting is unsound, a token was refuted.
    #[error("{0}")]
    CheckFailed(String),
    /// 7: nobody gave an answer that would decide it.
    #[error("{0}")]
    Undetermined(String),
}

pub fn code_of(error: &anyhow::Error) -> u8 {
    match error.downcast_ref::<Failure>() {
        None => 1,
        Some(Failure::Usage(_)) => 2,
        Some(Failure::Unreachable { .. }) => 3,
        Some(Failure::Refused { .. }) => 4,
        Some(Failure::NotFound(_)) => 5,
        Some(Failure::CheckFailed(_)) => 6,
        Some(Failure::Undetermined(_)) => 7,
    }
}

/// Whether no gateway answered, so that what can be done without one may be done.
pub fn is_unreachable(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(Failure::Unreachable { .. }))
}

/// What the person could do, where we know it.
pub fn hint_of(error: &anyhow::Error) -> Option<&str> {
    match error.downcast_ref::<Failure>()? {
        Failure::Unreachable { .. } => Some(
            "Is it running? Start it with `holdfast serve`, or name it with --data-dir or --url.",
        ),
        Failure::Refused { hint, .. } if !hint.is_empty() => Some(hint),
        _ => None,
    }
}
