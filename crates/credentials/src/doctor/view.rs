//! Looking at the evidence.

use holdfast_model::fault::Fault;
use holdfast_platforms::ProbeAnswer;

use super::{Asked, Evidence, History, Question};
use crate::proves;
use holdfast_platforms::ProbeKind;

impl Question {
    pub fn name(self) -> &'static str {
        match self {
            Self::DebugByApp => "debug_token asked by the app",
            Self::DebugBySelf => "debug_token asked by itself",
            Self::Identity => "whose it is",
            Self::IdentityUnproved => "whose it is, without the app's proof",
            Self::Asset => "the asset",
            Self::Quality => "what narrow tokens may read of the asset",
            Self::AccountNumbers => "the account's numbers",
            Self::SubscribedApps => "the apps that the account's news go to",
            Self::Subscriptions => "what the app is told by itself",
            Self::DryRun => "an event that counts nowhere",
        }
    }

    /// Sending does not depend on what comes of it: only the ladder looks at the answer.
    pub fn is_optional(self) -> bool {
        matches!(self, Self::AccountNumbers | Self::SubscribedApps | Self::Subscriptions)
    }

    pub fn is_about_the_asset(self) -> bool {
        matches!(self, Self::Asset | Self::Quality | Self::DryRun)
    }
}

impl Asked {
    pub fn fault(&self) -> Option<&Fault> {
        self.reading.fault.as_ref()
    }

    pub fn is_proof_of_use(&self) -> bool {
        match self.question {
            Question::Asset => proves(ProbeKind::Asset, self.reading.answer),
            Question::Quality => proves(ProbeKind::Quality, self.reading.answer),
            Question::DryRun => self.reading.answer == ProbeAnswer::Proved,
            _ => false,
        }
    }
}

impl Evidence {
    /// The first answer with one of these faults, to a question that decides something.
    pub fn answer(&self, faults: &[&str]) -> Option<&Asked> {
        let is_one = |asked: &&Asked| {
            let decides = !asked.question.is_optional();
            decides && asked.fault().is_some_and(|fault| faults.contains(&&*fault.name))
        };
        self.asked.iter().find(is_one)
    }

    pub fn asked(&self, question: Question) -> Option<&Asked> {
        self.asked.iter().find(|asked| asked.question == question)
    }

    pub fn works_somewhere(&self) -> bool {
        self.asked.iter().any(Asked::is_proof_of_use)
    }

    /// Whether it works for another asset than this answer is about.
    pub fn works_elsewhere(&self, refused: &Asked) -> bool {
        let mut others = self.asked.iter().filter(|asked| asked.asset != refused.asset);
        others.any(Asked::is_proof_of_use)
    }

    /// Whether the platform calls it a living token, whatever it may be used for.
    pub fn is_alive(&self) -> bool {
        let says_so = |asked: &&Asked| {
            let asks = matches!(
                asked.question,
                Question::DebugByApp | Question::DebugBySelf | Question::Identity
            );
            asks && asked.reading.answer == ProbeAnswer::Proved
        };
        self.asked.iter().any(|asked| says_so(&asked)) || self.works_somewhere()
    }

    /// Something was asked, and nobody said anything about the token.
    pub fn is_met_with_silence(&self) -> bool {
        let mut deciding =
            self.asked.iter().filter(|asked| !asked.question.is_optional()).peekable();
        deciding.peek().is_some()
            && deciding.all(|asked| asked.reading.answer == ProbeAnswer::Silent)
    }

    pub fn is_the_last_good(&self) -> bool {
        matches!(self.history, History::SameAsLastGood { .. })
    }

    pub fn differs_from_the_last_good(&self) -> bool {
        matches!(self.history, History::DiffersFromLastGood { .. })
    }
}
