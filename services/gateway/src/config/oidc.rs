use chassis::SecretString;

/// Signing in with the accounts that people have elsewhere (OpenID Connect).
#[derive(clap::Args, Clone, Debug, Default)]
pub struct OidcConfig {
    /// The identity provider's issuer, such as <https://login.example.org/realms/main>. Empty: nobody
    /// signs in that way. `PUBLIC_URL` must be set as well; the redirect URI is
    /// `PUBLIC_URL`/auth/oidc/callback.
    #[arg(long, env, default_value = "")]
    pub oidc_issuer: String,
    /// As what Dossier is registered there.
    #[arg(long, env, default_value = "")]
    pub oidc_client_id: String,
    /// The secret of that registration; none for a public client.
    #[arg(long, env, hide_env_values = true, value_parser = super::maybe_secret)]
    pub oidc_client_secret: Option<SecretString>,
    /// What the button on the sign-in form says after "Sign in with".
    #[arg(long, env, default_value = "single sign-on")]
    pub oidc_name: String,
    /// What is asked for besides `openid`, separated by commas.
    #[arg(long, env, default_value = "email,profile", value_delimiter = ',')]
    pub oidc_scopes: Vec<String>,
    /// Only people whose verified address is of one of these domains come in. Empty: of any.
    #[arg(long, env, value_delimiter = ',')]
    pub oidc_allowed_domains: Vec<String>,
    /// The claim that decides what somebody may do, such as `groups` or `realm_access.roles`; a text or
    /// a list of them. Empty: owners decide here.
    #[arg(long, env, default_value = "")]
    pub oidc_role_claim: String,
    /// Which value of that claim gives which role, such as `staff=editor,admins=owner`; the highest counts,
    /// anew at each sign-in, and nobody needs an invitation then. Whoever has none of them gets
    /// `OIDC_DEFAULT_ROLE`, or does not come in.
    #[arg(long, env, value_delimiter = ',')]
    pub oidc_roles: Vec<String>,
    /// What somebody becomes who was not invited: viewer, editor or owner. Empty: they do not come in.
    #[arg(long, env, default_value = "")]
    pub oidc_default_role: String,
}
