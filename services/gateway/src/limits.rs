//! How often one address, session or token may ask, and how often one address, and everybody together,
//! may do what anybody may do. Nothing waits: a request costs a look at its counters.

use std::{hash::Hash, net::IpAddr, num::NonZeroU32, time::Duration};

use chassis::{Fault, FaultKind};
use governor::{
    DefaultKeyedRateLimiter, Quota,
    clock::{Clock, DefaultClock},
    middleware::StateInformationMiddleware,
};
use uuid::Uuid;

use crate::{config::Config, domain::Via, secret};

/// Why a caller has to wait.
#[derive(Debug)]
pub(crate) struct TooOften {
    /// Requests in a minute.
    pub(crate) limit: u32,
    pub(crate) wait: Duration,
}

impl TooOften {
    pub(crate) fn fault(&self) -> Fault {
        Fault {
            retry_after: Some(self.wait),
            ..Fault::new(FaultKind::RateLimited, "this was done too often from here; wait before trying again")
        }
    }
}

/// What is left to a caller that was let through.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowance {
    /// Requests in a minute.
    pub(crate) limit: u32,
    pub(crate) remaining: u32,
    /// Until all of them are there again.
    pub(crate) reset: Duration,
}

/// One limit for each key; bursts of a whole minute's worth are allowed.
struct Limit<K: Hash + Eq + Clone> {
    per_minute: u32,
    limiter: Option<DefaultKeyedRateLimiter<K, StateInformationMiddleware>>,
}

impl<K: Hash + Eq + Clone> Limit<K> {
    fn new(per_minute: u32) -> Self {
        let quota = NonZeroU32::new(per_minute).map(Quota::per_minute);
        Self { per_minute, limiter: quota.map(|q| DefaultKeyedRateLimiter::keyed(q).with_middleware()) }
    }

    /// Counts one; `None` where there is no limit.
    fn check(&self, key: &K) -> Result<Option<Allowance>, TooOften> {
        let Some(limiter) = &self.limiter else { return Ok(None) };
        match limiter.check_key(key) {
            Ok(state) => {
                let (limit, remaining) = (self.per_minute, state.remaining_burst_capacity());
                let reset = Duration::from_secs(60) * limit.saturating_sub(remaining) / limit.max(1);
                Ok(Some(Allowance { limit, remaining, reset }))
            }
            Err(not_until) => {
                Err(TooOften { limit: self.per_minute, wait: not_until.wait_time_from(DefaultClock::default().now()) })
            }
        }
    }

    fn forget(&self) {
        if let Some(limiter) = &self.limiter {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }
}

/// Links that are mailed to one address.
const FORGOTTEN_PER_MINUTE: u32 = 1;

/// All limits of the gateway.
pub(crate) struct Limits {
    addresses: Limit<IpAddr>,
    credentials: Limit<Uuid>,
    accounts: Limit<secret::Hash>,
    sign_ins: Limit<IpAddr>,
    forgotten: Limit<secret::Hash>,
    submissions: Limit<IpAddr>,
    /// However many addresses they come from.
    all_submissions: Limit<()>,
    visits: Limit<IpAddr>,
    links: Limit<IpAddr>,
    shares: Limit<secret::Hash>,
}

impl Limits {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            addresses: Limit::new(config.address_requests_per_minute),
            credentials: Limit::new(config.requests_per_minute),
            accounts: Limit::new(config.sign_ins_per_minute),
            sign_ins: Limit::new(config.sign_ins_per_minute.saturating_mul(6)),
            forgotten: Limit::new(FORGOTTEN_PER_MINUTE.min(config.sign_ins_per_minute)),
            submissions: Limit::new(config.submissions_per_minute),
            all_submissions: Limit::new(config.all_submissions_per_minute),
            visits: Limit::new(config.visits_per_minute),
            links: Limit::new(config.links_per_minute),
            shares: Limit::new(config.sign_ins_per_minute.saturating_mul(6)),
        }
    }

    /// Every request from there, whoever makes it.
    pub(crate) fn request_from(&self, from: IpAddr) -> Result<Option<Allowance>, TooOften> {
        self.addresses.check(&network(from)).inspect_err(|_| limited("address"))
    }

    /// Every request with this session or token, from wherever it comes.
    pub(crate) fn request_with(&self, via: Via) -> Result<Option<Allowance>, TooOften> {
        let (kind, id) = match via {
            Via::Session(id) => ("session", id),
            Via::Token(id, _) => ("token", id),
        };
        self.credentials.check(&id).inspect_err(|_| limited(kind))
    }

    /// Every attempt counts, also for accounts that do not exist.
    pub(crate) fn sign_in(&self, email: &str, from: IpAddr) -> Result<(), TooOften> {
        let email = secret::sha256(&[email.trim().to_lowercase().as_bytes()]);
        self.sign_ins
            .check(&network(from))
            .and_then(|_| self.accounts.check(&email))
            .map(drop)
            .inspect_err(|_| limited("sign_in"))
    }

    /// Signing in at the identity provider, or by a link: there is no account yet to count for.
    pub(crate) fn sign_in_elsewhere(&self, from: IpAddr) -> Result<(), TooOften> {
        self.sign_ins.check(&network(from)).map(drop).inspect_err(|_| limited("sign_in"))
    }

    /// Asking for a link by mail, known address or not.
    pub(crate) fn forgotten(&self, email: &str) -> Result<(), TooOften> {
        let email = secret::sha256(&[email.trim().to_lowercase().as_bytes()]);
        self.forgotten.check(&email).map(drop).inspect_err(|_| limited("forgotten"))
    }

    pub(crate) fn submission(&self, from: IpAddr) -> Result<(), TooOften> {
        let refused = |scope: &'static str| {
            move |_: &TooOften| {
                metrics::counter!("gateway_submissions_limited_total", "scope" => scope).increment(1);
            }
        };
        // Its own limit first: what one address sends too much is not taken from the others.
        self.submissions.check(&network(from)).inspect_err(refused("address"))?;
        self.all_submissions.check(&()).map(drop).inspect_err(refused("all"))
    }

    pub(crate) fn visit(&self, from: IpAddr) -> Result<(), TooOften> {
        self.visits.check(&network(from)).map(drop).inspect_err(|_| limited("visit"))
    }

    /// Links that anybody may hold.
    pub(crate) fn link(&self, from: IpAddr) -> Result<(), TooOften> {
        self.links.check(&network(from)).map(drop).inspect_err(|_| limited("link"))
    }

    /// A password of a share: few from one address, and not too many from all of them together.
    pub(crate) fn share_password(&self, share: &secret::Hash, from: IpAddr) -> Result<(), TooOften> {
        let network = network(from);
        let account = secret::sha256(&[b"share", share, network.to_string().as_bytes()]);
        self.sign_ins
            .check(&network)
            .and_then(|_| self.accounts.check(&account))
            .and_then(|_| self.shares.check(share))
            .map(drop)
            .inspect_err(|_| limited("share_password"))
    }

    /// Lets go of keys that are within their limit again.
    pub(crate) fn forget(&self) {
        self.addresses.forget();
        self.credentials.forget();
        self.accounts.forget();
        self.sign_ins.forget();
        self.forgotten.forget();
        self.submissions.forget();
        self.all_submissions.forget();
        self.visits.forget();
        self.links.forget();
        self.shares.forget();
    }
}

fn limited(by: &'static str) {
    metrics::counter!("gateway_requests_limited_total", "by" => by).increment(1);
}

/// One customer of IPv6 has a whole /64.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => v4.into(),
            None => std::net::Ipv6Addr::from(u128::from(v6) & !u128::from(u64::MAX)).into(),
        },
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_holds_for_one_key_and_zero_is_none() {
        let limit = Limit::new(2);
        assert!(limit.check(&1).is_ok() && limit.check(&1).is_ok());
        let refused = limit.check(&1).unwrap_err();
        assert!(refused.wait > Duration::from_secs(20) && refused.wait <= Duration::from_secs(30), "{refused:?}");
        assert!(limit.check(&2).is_ok());
        let none = Limit::new(0);
        assert!((0..1000).all(|_| none.check(&1).is_ok_and(|allowance| allowance.is_none())));
    }

    #[test]
    fn what_is_left_is_counted_down_and_comes_back_within_the_minute() {
        let limit = Limit::new(60);
        let left: Vec<_> = (0..3).map(|_| limit.check(&1).unwrap().unwrap()).collect();
        assert_eq!(left.iter().map(|a| (a.limit, a.remaining)).collect::<Vec<_>>(), [(60, 59), (60, 58), (60, 57)]);
        assert_eq!(left[2].reset, Duration::from_secs(3));
    }

    #[test]
    fn one_limit_holds_for_all_who_send_the_form_and_what_one_is_refused_is_not_taken_from_it() {
        #[derive(clap::Parser)]
        struct Arguments {
            #[command(flatten)]
            config: Config,
        }
        let told = "gateway --database-url postgres:///x --rpc-token t --contacts-url c --documents-url d --indexer-url i \
                    --search-url s --submissions-per-minute 2 --all-submissions-per-minute 3";
        let config = <Arguments as clap::Parser>::parse_from(told.split_whitespace()).config;
        let limits = Limits::new(&config);
        let from = |last: u8| IpAddr::from([192, 0, 2, last]);
        assert!(limits.submission(from(1)).is_ok() && limits.submission(from(1)).is_ok());
        assert_eq!((0..5).filter_map(|_| limits.submission(from(1)).err()).map(|r| r.limit).max(), Some(2));
        assert!(limits.submission(from(2)).is_ok());
        assert_eq!(limits.submission(from(3)).unwrap_err().limit, 3);
    }
}
