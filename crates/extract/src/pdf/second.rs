//! The readers that are asked when the first one is at a loss, on a thread of their own: one that does
//! not come to an end is left behind.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    time::{Duration, Instant},
};

use crate::{help::say, wire::Line};

use super::{backup::Backup, oxide::Oxide, plausible};

const STACK_BYTES: usize = 32 * 1024 * 1024;

/// Asks the other readers, for as long as their time lasts.
pub(crate) struct Second {
    questions: Sender<Question>,
    answers: Receiver<Answer>,
    left: Duration,
    lost: bool,
    asked: bool,
}

enum Question {
    Open { bytes: Arc<Vec<u8>>, password: String },
    Pages,
    Better { number: u32, glyphs: usize, score: f64 },
}

enum Answer {
    Pages(Pages),
    Better(Option<String>),
}

/// What the others see of the file.
pub(super) enum Pages {
    Numbers(Vec<u32>),
    Locked,
    Unreadable,
}

impl Second {
    /// Starts the thread; `time` is what all questions may take together.
    pub(crate) fn start(time: Duration) -> std::io::Result<Self> {
        let (questions, asked) = channel();
        let (answering, answers) = channel();
        std::thread::Builder::new().stack_size(STACK_BYTES).spawn(move || answer(&asked, &answering))?;
        Ok(Self { questions, answers, left: time, lost: false, asked: false })
    }

    pub(super) fn open(&mut self, bytes: &Arc<Vec<u8>>, password: &str) {
        let question = Question::Open { bytes: bytes.clone(), password: password.to_owned() };
        self.lost |= self.questions.send(question).is_err();
    }

    /// Whether somebody did not come back.
    pub(super) fn is_lost(&self) -> bool {
        self.lost
    }

    pub(super) fn pages(&mut self) -> Pages {
        match self.ask(Question::Pages) {
            Some(Answer::Pages(pages)) => pages,
            _ => Pages::Unreadable,
        }
    }

    /// A better text of the page than one of this `score`, when one of them has it.
    pub(super) fn better(&mut self, number: u32, glyphs: usize, score: f64) -> Option<String> {
        match self.ask(Question::Better { number, glyphs, score }) {
            Some(Answer::Better(text)) => text,
            _ => None,
        }
    }

    fn ask(&mut self, question: Question) -> Option<Answer> {
        if self.lost {
            return None;
        }
        if !std::mem::replace(&mut self.asked, true) {
            say(&Line::Asked);
        }
        let started = Instant::now();
        let answer = self.questions.send(question).ok().and_then(|()| self.answers.recv_timeout(self.left).ok());
        self.left = self.left.saturating_sub(started.elapsed());
        self.lost = answer.is_none();
        answer
    }
}

fn answer(asked: &Receiver<Question>, answering: &Sender<Answer>) {
    let mut readers = (Oxide::new(Arc::default(), ""), Backup::new(Arc::default(), ""));
    while let Ok(question) = asked.recv() {
        let (oxide, backup) = &mut readers;
        let answer = match question {
            Question::Open { bytes, password } => {
                readers = (Oxide::new(bytes.clone(), &password), Backup::new(bytes, &password));
                continue;
            }
            Question::Pages => Answer::Pages(pages(oxide, backup)),
            Question::Better { number, glyphs, score } => Answer::Better(better(oxide, backup, number, glyphs, score)),
        };
        if answering.send(answer).is_err() {
            return;
        }
    }
}

fn pages(oxide: &mut Oxide, backup: &mut Backup) -> Pages {
    match oxide.pages().map(|count| (1..=count).collect()).or_else(|| backup.pages()) {
        Some(numbers) => Pages::Numbers(numbers),
        None if oxide.is_locked() || backup.is_locked() => Pages::Locked,
        None => Pages::Unreadable,
    }
}

fn better(oxide: &mut Oxide, backup: &mut Backup, number: u32, glyphs: usize, mut score: f64) -> Option<String> {
    let mut best = None;
    let readers: [&mut dyn FnMut() -> Option<String>; 2] = [&mut || oxide.page(number), &mut || backup.page(number)];
    for read in readers {
        if score >= plausible::GOOD {
            break;
        }
        let Some(text) = read() else { continue };
        let other = plausible::score(&text, glyphs);
        if other > score {
            (best, score) = (Some(text), other);
        }
    }
    best
}
