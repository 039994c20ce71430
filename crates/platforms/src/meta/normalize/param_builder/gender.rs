//! The English words that the Parameter Builder takes for a gender.

pub fn letter(word: &str) -> Option<&'static str> {
    if MALE.contains(&word) {
        Some("m")
    } else if FEMALE.contains(&word) {
        Some("f")
    } else {
        None
    }
}

#[rustfmt::skip]
const MALE: [&str; 37] = [
    "m", "male", "man", "boy", "gentleman", "guy", "sir", "mister", "mr", "son", "father", "dad",
    "daddy", "papa", "uncle", "nephew", "brother", "husband", "boyfriend", "groom", "widower",
    "king", "prince", "duke", "count", "emperor", "god", "lord", "lad", "fellow", "chap", "bloke",
    "dude", "he", "him", "his", "himself",
];

#[rustfmt::skip]
const FEMALE: [&str; 38] = [
    "f", "female", "woman", "girl", "lady", "miss", "ms", "mrs", "madam", "ma'am", "daughter",
    "mother", "mom", "mama", "mommy", "aunt", "niece", "sister", "wife", "girlfriend", "bride",
    "widow", "queen", "princess", "duchess", "countess", "empress", "goddess", "maiden", "lass",
    "gal", "chick", "dame", "belle", "she", "her", "hers", "herself",
];
