//! Who may come in of those whom the issuer knows, and as what. Pure.

use anyhow::{Context, bail, ensure};
use chassis::{Fault, Role};
use serde_json::{Map, Value};

use crate::config::OidcConfig;

/// What the issuer says of somebody, once its word has been verified.
#[derive(Clone, Debug, Default)]
pub(crate) struct Claims {
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) email: Option<String>,
    pub(crate) email_verified: bool,
    pub(crate) name: String,
    /// What the standard does not know.
    pub(crate) more: Map<String, Value>,
}

/// Somebody who may come in, if they are known here or `role` is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Guest {
    pub(crate) issuer: String,
    pub(crate) subject: String,
    /// Theirs: the issuer has verified it.
    pub(crate) email: Option<String>,
    pub(crate) name: String,
    /// What a claim gives them, at each sign-in.
    pub(crate) given: Option<Role>,
    /// What they become when nobody here knows them.
    pub(crate) otherwise: Option<Role>,
}

/// What the operator has said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    domains: Vec<String>,
    role_claim: Option<String>,
    roles: Vec<(String, Role)>,
    default: Option<Role>,
}

impl Rules {
    pub(crate) fn new(config: &OidcConfig) -> anyhow::Result<Self> {
        let role = |text: &str| text.trim().parse::<Role>().with_context(|| format!("{text:?} is no role"));
        let said = |text: &&String| !text.trim().is_empty();
        let roles = config.oidc_roles.iter().filter(said).map(|pair| match pair.rsplit_once('=') {
            Some((value, text)) => Ok((value.trim().to_owned(), role(text)?)),
            None => bail!("OIDC_ROLES: {pair:?} is not value=role"),
        });
        let roles = roles.collect::<anyhow::Result<Vec<_>>>()?;
        let role_claim = Some(config.oidc_role_claim.trim().to_owned()).filter(|claim| !claim.is_empty());
        ensure!(role_claim.is_some() || roles.is_empty(), "OIDC_ROLES needs OIDC_ROLE_CLAIM");
        ensure!(role_claim.is_none() || !roles.is_empty(), "OIDC_ROLE_CLAIM needs OIDC_ROLES");
        let default = match config.oidc_default_role.trim() {
            "" => None,
            text => Some(role(text).context("OIDC_DEFAULT_ROLE")?),
        };
        let domains = config.oidc_allowed_domains.iter().filter(said).map(|d| d.trim().to_lowercase()).collect();
        Ok(Self { domains, role_claim, roles, default })
    }

    /// The claim that is needed, if one is.
    pub(crate) fn role_claim(&self) -> Option<&str> {
        self.role_claim.as_deref()
    }

    /// Refuses those who may not come in whatever is known of them here.
    pub(crate) fn admit(&self, claims: Claims) -> Result<Guest, Fault> {
        let given = self.given(&claims.more);
        if self.role_claim.is_some() && given.is_none() && self.default.is_none() {
            let detail = "your account there gives you no role here; ask whoever looks after it";
            return Err(Fault::forbidden(detail).because("oidc-not-invited"));
        }
        let email = claims.email.filter(|_| claims.email_verified);
        if !self.domains.is_empty() {
            let domain = email.as_deref().and_then(|email| email.rsplit_once('@')).map(|(_, domain)| domain);
            if !domain.is_some_and(|domain| self.domains.contains(&domain.to_lowercase())) {
                let detail = "people of your domain do not sign in here that way";
                return Err(Fault::forbidden(detail).because("oidc-not-invited"));
            }
        }
        Ok(Guest {
            issuer: claims.issuer,
            subject: claims.subject,
            email,
            name: claims.name,
            given: given.or(self.role_claim.as_ref().and(self.default)),
            otherwise: given.or(self.default),
        })
    }

    fn given(&self, claims: &Map<String, Value>) -> Option<Role> {
        let values = values(claims, self.role_claim.as_deref()?);
        self.roles.iter().filter(|(value, _)| values.contains(&value.as_str())).map(|(_, role)| *role).max()
    }
}

/// The texts of a claim; a dot leads into an object, unless there is a claim with a dot in its name.
fn values<'a>(claims: &'a Map<String, Value>, claim: &str) -> Vec<&'a str> {
    let nested = || {
        let (first, rest) = claim.split_once('.')?;
        rest.split('.').try_fold(claims.get(first)?, |value, part| value.get(part))
    };
    match claims.get(claim).or_else(nested) {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rules(domains: &[&str], claim: &str, roles: &[&str], default: &str) -> Rules {
        let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        let config = OidcConfig {
            oidc_allowed_domains: owned(domains),
            oidc_role_claim: claim.to_owned(),
            oidc_roles: owned(roles),
            oidc_default_role: default.to_owned(),
            ..Default::default()
        };
        Rules::new(&config).unwrap()
    }

    fn ann(verified: bool, more: &Value) -> Claims {
        let email = Some("ann@Example.org".to_owned());
        Claims { email, email_verified: verified, more: more.as_object().cloned().unwrap(), ..Default::default() }
    }

    #[test]
    fn an_address_counts_only_when_it_is_verified() {
        let any = rules(&[], "", &[], "");
        assert_eq!(any.admit(ann(false, &json!({}))).unwrap().email, None);
        assert_eq!(any.admit(ann(true, &json!({}))).unwrap().email.as_deref(), Some("ann@Example.org"));
        let ours = rules(&["example.org"], "", &[], "viewer");
        assert!(ours.admit(ann(true, &json!({}))).is_ok());
        assert_eq!(ours.admit(ann(false, &json!({}))).unwrap_err().reason, "oidc-not-invited");
        assert!(rules(&["example.com"], "", &[], "viewer").admit(ann(true, &json!({}))).is_err());
    }

    #[test]
    fn a_claim_gives_the_highest_role_and_its_absence_none() {
        let strict = rules(&[], "realm_access.roles", &["staff=editor", "admins=owner"], "");
        let of = |value: Value| strict.admit(ann(true, &json!({"realm_access": {"roles": value}})));
        assert_eq!(of(json!(["admins", "staff", 7])).unwrap().given, Some(Role::Owner));
        assert_eq!(of(json!("staff")).unwrap().given, Some(Role::Editor));
        assert_eq!(of(json!("staff")).unwrap().otherwise, Some(Role::Editor), "without an invitation");
        assert_eq!(of(json!(["guests"])).unwrap_err().reason, "oidc-not-invited");
        let open = rules(&[], "groups", &["staff=editor"], "viewer");
        let guest = open.admit(ann(true, &json!({"groups": []}))).unwrap();
        assert_eq!((guest.given, guest.otherwise), (Some(Role::Viewer), Some(Role::Viewer)));
        let guest = open.admit(ann(true, &json!({"groups": ["staff"]}))).unwrap();
        assert_eq!((guest.given, guest.otherwise), (Some(Role::Editor), Some(Role::Editor)));
        assert_eq!(rules(&[], "", &[], "viewer").admit(ann(true, &json!({}))).unwrap().given, None);
    }

    #[test]
    fn what_makes_no_sense_is_said_at_the_start() {
        for (claim, roles, default) in
            [("", &["a=owner"][..], ""), ("groups", &[], ""), ("groups", &["a"], ""), ("", &[], "boss")]
        {
            let config = OidcConfig {
                oidc_role_claim: claim.to_owned(),
                oidc_roles: roles.iter().map(|r| (*r).to_owned()).collect(),
                oidc_default_role: default.to_owned(),
                ..Default::default()
            };
            assert!(Rules::new(&config).is_err(), "{claim} {roles:?} {default}");
        }
    }
}
