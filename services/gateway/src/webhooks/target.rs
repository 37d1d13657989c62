//! Where deliveries may go. Whoever names a URL must not make this system ask its own neighbours.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
};

const LONGEST: usize = 2000;

/// The rules for one installation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Targets {
    /// Whether hosts of the own network, and plain HTTP, are fine.
    pub(crate) private: bool,
}

/// What is wrong with a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the address is not one of the public internet")
    }
}

impl std::error::Error for Refused {}

impl Targets {
    /// The URL, or what is wrong with it. A name is looked up only when it is used, each time.
    pub(crate) fn parse(self, text: &str) -> Result<Url, &'static str> {
        let wrong = "must be a URL such as https://example.org/hook, of at most 2000 characters";
        let plain = text.len() <= LONGEST && text.chars().all(|c| !c.is_whitespace() && !c.is_control());
        let url = Url::parse(text).ok().filter(|_| plain).ok_or(wrong)?;
        match url.scheme() {
            "https" => {}
            "http" if self.private => {}
            _ => return Err("must begin with https://"),
        }
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err("must have no user name, no password and no fragment");
        }
        let literal = url.host_str().map(|host| host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>());
        match literal {
            None => Err(wrong),
            Some(Ok(address)) if !self.may_reach(address) => Err("must lead to an address of the public internet"),
            Some(_) => Ok(url),
        }
    }

    /// Never the network's own signs (any, broadcast, multicast), nor link-local addresses, where
    /// clouds keep their secrets.
    pub(crate) fn may_reach(self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(v4) => v4_fits(v4, self.private),
            IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
                Some(v4) => v4_fits(v4, self.private),
                None => v6_fits(v6, self.private),
            },
        }
    }
}

fn v4_fits(address: Ipv4Addr, private: bool) -> bool {
    let [a, b, c, _] = address.octets();
    let never = a == 0 || a >= 224 || address.is_link_local();
    let inside = address.is_private()
        || address.is_loopback()
        // Carriers, protocols, documentation, 6to4 relays, benchmarks.
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && (c == 0 || c == 2))
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19))
        || (a == 198 && b == 51 && c == 100)
        || (a == 203 && b == 0 && c == 113);
    !never && (private || !inside)
}

fn v6_fits(address: Ipv6Addr, private: bool) -> bool {
    let [a, b, ..] = address.segments();
    let own = address.is_loopback() || address.is_unique_local();
    let public = (a & 0xe000) == 0x2000
        // Teredo and other protocols, documentation (two blocks), 6to4: the last carries any IPv4 address.
        && !(a == 0x2001 && b < 0x0200)
        && !(a == 0x2001 && b == 0x0db8)
        && !(a == 0x3fff && b < 0x1000)
        && a != 0x2002;
    public || (private && own)
}

/// Looks names up and lets go of every address that may not be reached. The connection is made to
/// what is answered here, so a name cannot mean one thing when it is checked and another when it is used.
impl Resolve for Targets {
    fn resolve(&self, name: Name) -> Resolving {
        let targets = *self;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let fit: Vec<SocketAddr> = found.filter(|found| targets.may_reach(found.ip())).collect();
            match fit.is_empty() {
                true => Err(Refused.into()),
                false => Ok(Box::new(fit.into_iter()) as Addrs),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTSIDE: Targets = Targets { private: false };
    const INSIDE: Targets = Targets { private: true };

    #[test]
    fn only_the_public_internet_is_reached_unless_the_operator_says_more() {
        for public in ["1.1.1.1", "100.128.0.1", "192.0.3.1", "2606:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8"] {
            assert!(OUTSIDE.may_reach(public.parse().unwrap()), "{public}");
        }
        for own in
            ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "::1", "fd00::1", "::ffff:10.0.0.1"]
        {
            let own = own.parse().unwrap();
            assert!(!OUTSIDE.may_reach(own) && INSIDE.may_reach(own), "{own}");
        }
        for never in [
            "0.0.0.0",
            "169.254.169.254",
            "224.0.0.1",
            "255.255.255.255",
            "240.0.0.1",
            "::",
            "fe80::1",
            "ff02::1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
            "::127.0.0.1",
        ] {
            let address = never.parse().unwrap();
            assert!(!OUTSIDE.may_reach(address) && !INSIDE.may_reach(address), "{never}");
        }
    }

    #[test]
    fn a_url_says_nothing_but_where() {
        for good in
            ["https://example.org", "https://example.org:8443/a?b=c", "https://1.1.1.1/", "https://[2606:4700::1111]/"]
        {
            assert!(OUTSIDE.parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "example.org",
            "http://example.org",
            "ftp://example.org",
            "https://",
            "https://u:p@example.org",
            "https://u@example.org",
            "https://example.org/#x",
            "https://127.0.0.1",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://0177.0.0.1/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://169.254.169.254/latest",
            "https://exa mple.org",
            " https://example.org",
        ] {
            assert!(OUTSIDE.parse(bad).is_err(), "{bad}");
        }
        assert!(INSIDE.parse("http://127.0.0.1:8080/hook").is_ok() && INSIDE.parse("http://169.254.169.254/").is_err());
    }
}
