//! Whether a password is known to have been stolen somewhere: by k-anonymity, so that whoever is asked
//! learns five hexadecimal digits of its SHA-1 and no more. Off unless an address is named. When the answer
//! does not come in time the password is taken: nobody is kept out because somebody else is down.

use std::time::Duration;

use sha1::{Digest, Sha1};

const DEADLINE: Duration = Duration::from_secs(2);
const LARGEST_ANSWER: usize = 256 << 10;
/// Digits that are told.
const TOLD: usize = 5;

/// Somebody who can be asked.
#[derive(Clone, Debug)]
pub(crate) struct Breaches {
    http: reqwest::Client,
    url: String,
}

impl Breaches {
    /// `None` when no address is named; the digits are appended to it.
    pub(crate) fn new(url: &str) -> Option<Self> {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(DEADLINE)
            .user_agent(concat!("Dossier/", env!("CARGO_PKG_VERSION")));
        // The settings are ours: it cannot fail.
        Some(Self { http: http.build().ok()?, url: url.trim().to_owned() }).filter(|b| !b.url.is_empty())
    }

    /// Whether it was stolen, as far as can be known in time.
    pub(crate) async fn know(&self, password: &str) -> bool {
        let digest = hex::encode_upper(Sha1::digest(password.as_bytes()));
        let (told, kept) = digest.split_at(TOLD);
        let (known, word) = match tokio::time::timeout(DEADLINE, self.ask(told)).await {
            Ok(Ok(answer)) if listed(&answer, kept) => (true, "known"),
            Ok(Ok(_)) => (false, "unknown"),
            Ok(Err(error)) => {
                tracing::warn!(error = %error.without_url(), "whether a password was stolen could not be asked");
                (false, "unavailable")
            }
            Err(_) => (false, "unavailable"),
        };
        metrics::counter!("gateway_breach_checks_total", "outcome" => word).increment(1);
        known
    }

    async fn ask(&self, told: &str) -> Result<String, reqwest::Error> {
        let request = self.http.get(format!("{}{told}", self.url)).header("add-padding", "true");
        let mut answer = request.send().await?.error_for_status()?;
        let mut text = Vec::new();
        while let Some(chunk) = answer.chunk().await?
            && text.len() + chunk.len() <= LARGEST_ANSWER
        {
            text.extend_from_slice(&chunk);
        }
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}

/// Lines of `digits:count`; those that only pad have a count of 0.
fn listed(answer: &str, digits: &str) -> bool {
    let mut lines = answer.lines().filter_map(|line| line.trim().split_once(':'));
    lines.any(|(known, count)| known.eq_ignore_ascii_case(digits) && count.trim() != "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_pads_is_not_listed() {
        let answer = "0018A45C4D1DEF81644B54AB7F969B88D65:1\r\n00D4F6E8FA6EECAD2A3AA415EEC418D38EC:0\r\n";
        assert!(listed(answer, "0018a45c4d1def81644b54ab7f969b88d65"));
        assert!(!listed(answer, "00D4F6E8FA6EECAD2A3AA415EEC418D38EC"));
        assert!(!listed(answer, "0018A45C4D1DEF81644B54AB7F969B88D66") && !listed("", "A"));
        assert!(Breaches::new(" ").is_none());
    }
}
