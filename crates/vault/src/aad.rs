//! What a record is bound to.

/// The row that a sealed record belongs in. It is authenticated with the record and stored
/// nowhere in it: whoever opens the record says which row it came from, and if that is not the
/// row it was sealed for, it does not open. This stops swapped rows, downgrades to an older
/// version, and pastes from another tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aad<'a> {
    /// What kind of row, with its format version: `credential.v1`.
    pub schema: &'a str,
    pub tenant_id: &'a str,
    /// The credential or app that owns the row.
    pub owner_id: &'a str,
    pub version: u32,
    /// What the secret is: `token`, `app_secret`.
    pub kind: &'a str,
    /// The platform.
    pub provider: &'a str,
    /// The app that minted a token; empty where it is not ours.
    pub app_id: &'a str,
}

impl Aad<'_> {
    /// Length-prefixed, so that no two different rows have the same encoding.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let fields =
            [self.schema, self.tenant_id, self.owner_id, self.kind, self.provider, self.app_id];
        let mut bytes = Vec::with_capacity(128);
        for field in fields {
            bytes.extend_from_slice(&(field.len() as u64).to_be_bytes());
            bytes.extend_from_slice(field.as_bytes());
        }
        bytes.extend_from_slice(&self.version.to_be_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moving_a_character_between_fields_changes_the_encoding() {
        let base = Aad {
            schema: "s",
            tenant_id: "ab",
            owner_id: "c",
            version: 1,
            kind: "k",
            provider: "p",
            app_id: "",
        };
        let moved = Aad { tenant_id: "a", owner_id: "bc", ..base };
        assert_ne!(base.encode(), moved.encode());
        assert_ne!(base.encode(), Aad { version: 2, ..base }.encode());
    }
}
