//! Closed lists of keys, searched without comparing texts one by one.

/// A closed list of `N` names.
#[derive(Debug)]
pub struct KeyList<const N: usize> {
    names: [&'static str; N],
    tags: [u32; N],
}

impl<const N: usize> KeyList<N> {
    pub const fn new(names: [&'static str; N]) -> Self {
        let mut tags = [0; N];
        let mut at = 0;
        while at < N {
            tags[at] = tag(names[at].as_bytes());
            at += 1;
        }
        Self { names, tags }
    }

    /// Where a name is. Usually a single comparison of texts, because hardly any names share
    /// a tag.
    pub fn find(&self, name: &str) -> Option<usize> {
        let wanted = tag(name.as_bytes());
        let mut rest = self.tags.iter().enumerate().filter(|(_, tag)| **tag == wanted);
        rest.find_map(|(at, _)| (self.names[at] == name).then_some(at))
    }

    pub fn name(&self, at: usize) -> &'static str {
        self.names[at]
    }

    /// Where a name is that must be there: evaluated as a constant, a wrong one does not compile.
    pub const fn position_of(&self, name: &str) -> usize {
        let mut at = 0;
        while at < N {
            if is_same(self.names[at].as_bytes(), name.as_bytes()) {
                return at;
            }
            at += 1;
        }
        panic!("not a key of this list")
    }
}

/// The length and three of the bytes.
const fn tag(name: &[u8]) -> u32 {
    let length = name.len();
    if length == 0 {
        return 0;
    }
    u32::from_le_bytes([length as u8, name[0], name[length / 2], name[length - 1]])
}

const fn is_same(a: &[u8], b: &[u8]) -> bool {
    let mut at = 0;
    while at < a.len() && at < b.len() && a[at] == b[at] {
        at += 1;
    }
    at == a.len() && at == b.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_exactly_the_names() {
        const LIST: KeyList<5> =
            KeyList::new(["", "em", "data_a", "data_processing", "data_progressin"]);
        for (at, name) in LIST.names.into_iter().enumerate() {
            assert_eq!(LIST.find(name), Some(at), "{name}");
            assert_eq!(LIST.position_of(name), at);
        }
        for name in ["e", "emm", "EM", "em\0", "data_processinG", "data_b", &"x".repeat(258)] {
            assert_eq!(LIST.find(name), None, "{name}");
        }
    }
}
