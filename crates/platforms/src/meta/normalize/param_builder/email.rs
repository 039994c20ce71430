//! What the Parameter Builder takes for an e-mail address.

/// Atoms joined by dots (a colon may stand before such a dot: an oddity that is kept), one `@`,
/// and two or more labels of letters, digits and inner dashes. ASCII, in lower case.
pub fn is_address(text: &str) -> bool {
    text.split_once('@').is_some_and(|(local, domain)| is_local(local) && is_domain(domain))
}

fn is_local(local: &str) -> bool {
    let mut atoms = local.split('.').peekable();
    while let Some(atom) = atoms.next() {
        let atom = match atoms.peek() {
            Some(_) => atom.strip_suffix(':').unwrap_or(atom),
            None => atom,
        };
        if atom.is_empty() || !atom.bytes().all(is_atom_byte) {
            return false;
        }
    }
    true
}

fn is_domain(domain: &str) -> bool {
    domain.contains('.') && domain.split('.').all(is_label)
}

fn is_label(label: &str) -> bool {
    let is_inner = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-');
    !label.is_empty()
        && label.bytes().all(is_inner)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

fn is_atom_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_!#$%&'*+/=?^`{|}~-".contains(&byte)
}
