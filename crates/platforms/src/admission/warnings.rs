//! What a person should know although the event was admitted.

/// Most warnings of one event; what comes after them is only counted.
const MAX_WARNINGS: usize = 8;

#[derive(Debug, Default)]
pub struct Warnings {
    list: Vec<String>,
    more: usize,
}

impl Warnings {
    pub fn add(&mut self, warning: impl FnOnce() -> String) {
        if self.list.len() < MAX_WARNINGS {
            self.list.push(warning());
        } else {
            self.more += 1;
        }
    }

    pub fn into_list(mut self) -> Vec<String> {
        if self.more > 0 {
            self.list.push(format!("and {} more", self.more));
        }
        self.list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_bounded() {
        let mut warnings = Warnings::default();
        for n in 0..MAX_WARNINGS + 3 {
            warnings.add(|| n.to_string());
        }
        let list = warnings.into_list();
        assert_eq!(list.len(), MAX_WARNINGS + 1);
        assert_eq!(list.last().unwrap(), "and 3 more");
    }
}
