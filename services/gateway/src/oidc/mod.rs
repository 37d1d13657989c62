//! Signing in with the account that somebody has at an identity provider (OpenID Connect): the
//! authorization code flow with PKCE, state and nonce.
//!
//! One random secret in the browser's cookie stands for an attempt: state, nonce and verifier are
//! derived from it, so that none of them lies here, and only its hash is stored, which goes away when
//! the attempt is finished: each is good once, and only in the browser that began it.
//!
//! What the issuer says of itself is asked for when it is needed, kept for [`FRESH`], and asked for again
//! when its keys have changed. An issuer that is slow or away costs nobody but those who sign in that
//! way: every question has a deadline, and after a failure nobody waits again for [`GRACE`].

mod rules;
mod types;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chassis::{Dependency, ExposeSecret, Fault, FaultKind, Health};
use openidconnect::{
    AuthType, AuthenticationFlow, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret, CsrfToken,
    HttpRequest, HttpResponse, IssuerUrl, Nonce, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl,
    Scope, SignatureVerificationError, TokenResponse,
    core::{CoreClientAuthMethod, CoreResponseType},
};
use tokio::sync::Mutex;

pub(crate) use rules::{Claims, Guest, Rules};
use types::{Info, Metadata, Party, SIGNATURES, Tokens};

use crate::{config::OidcConfig, secret};

/// Where the issuer sends people back to, below the origin.
pub(crate) const CALLBACK: &str = "/auth/oidc/callback";

/// Any question to the issuer.
const DEADLINE: Duration = Duration::from_secs(3);
/// What it says of itself is believed this long.
const FRESH: Duration = Duration::from_secs(3600);
/// Its keys are looked up again at most this often.
const ANEW: Duration = Duration::from_secs(30);
const GRACE: Duration = Duration::from_secs(5);
/// Of any answer.
const LARGEST_ANSWER: usize = 1 << 20;

/// What a browser keeps of an attempt.
pub(crate) type Attempt = [u8; 32];

/// The identity provider, if there is one.
pub(crate) struct Oidc {
    issuer: IssuerUrl,
    client_id: ClientId,
    client_secret: Option<ClientSecret>,
    redirect: RedirectUrl,
    scopes: Vec<Scope>,
    /// What the button says.
    pub(crate) name: String,
    rules: Rules,
    http: reqwest::Client,
    known: Mutex<Known>,
    dependency: Dependency,
}

#[derive(Default)]
struct Known {
    provider: Option<(Arc<Provider>, Instant)>,
    failed: Option<Instant>,
}

/// What the issuer says of itself.
struct Provider {
    party: Party,
    says_issuer: bool,
}

/// What came back from the issuer with the browser.
#[derive(Debug)]
pub(crate) struct Returned {
    pub(crate) code: String,
    pub(crate) state: String,
    /// Who says that it is the issuer (RFC 9207).
    pub(crate) issuer: Option<String>,
}

impl Oidc {
    /// `None` when no issuer is named; an error when what is said makes no sense.
    pub(crate) fn new(config: &OidcConfig, origin: &str, health: &Health) -> anyhow::Result<Option<Self>> {
        let issuer = config.oidc_issuer.trim();
        if issuer.is_empty() {
            return Ok(None);
        }
        let issuer = IssuerUrl::new(issuer.to_owned()).context("OIDC_ISSUER")?;
        let here = issuer.url().host_str().is_some_and(|host| ["localhost", "127.0.0.1", "[::1]"].contains(&host));
        ensure!(issuer.url().scheme() == "https" || here, "OIDC_ISSUER must begin with https://");
        ensure!(!origin.is_empty(), "OIDC_ISSUER needs PUBLIC_URL: the issuer sends people back there");
        ensure!(!config.oidc_client_id.trim().is_empty(), "OIDC_ISSUER needs OIDC_CLIENT_ID");
        let scopes = config.oidc_scopes.iter().map(|scope| scope.trim()).filter(|scope| !scope.is_empty());
        Ok(Some(Self {
            issuer,
            client_id: ClientId::new(config.oidc_client_id.trim().to_owned()),
            client_secret: config
                .oidc_client_secret
                .as_ref()
                .map(|secret| secret.expose_secret().to_owned())
                .filter(|secret| !secret.is_empty())
                .map(ClientSecret::new),
            redirect: RedirectUrl::new(format!("{origin}{CALLBACK}")).context("PUBLIC_URL")?,
            scopes: scopes.map(|scope| Scope::new(scope.to_owned())).collect(),
            name: config.oidc_name.trim().to_owned(),
            rules: Rules::new(config)?,
            http: reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .timeout(DEADLINE)
                .user_agent(concat!("Dossier/", env!("CARGO_PKG_VERSION")))
                .build()?,
            known: Mutex::default(),
            dependency: health.dependency("oidc", false),
        }))
    }

    /// Where the browser goes to sign in.
    pub(crate) async fn begin(&self, attempt: &Attempt) -> Result<String, Fault> {
        let provider = self.provider(FRESH).await?;
        let (state, nonce) = (derived(attempt, b"state"), derived(attempt, b"nonce"));
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&verifier(attempt));
        let request = provider.party.authorize_url(
            AuthenticationFlow::<CoreResponseType>::AuthorizationCode,
            || CsrfToken::new(state),
            || Nonce::new(nonce),
        );
        let (url, ..) = request.add_scopes(self.scopes.iter().cloned()).set_pkce_challenge(challenge).url();
        Ok(url.into())
    }

    /// Whether what came back belongs to this attempt. That the attempt is good once, the store sees to.
    pub(crate) fn belongs(attempt: &Attempt, returned: &Returned) -> bool {
        returned.state == derived(attempt, b"state")
    }

    /// Who it is that signed in there, when everything the issuer says is proven and the rules let them in.
    pub(crate) async fn finish(&self, attempt: &Attempt, returned: Returned) -> Result<Guest, Fault> {
        let provider = self.provider(FRESH).await?;
        let named = returned.issuer.as_deref();
        if named.is_some_and(|named| named != self.issuer.as_str()) || (named.is_none() && provider.says_issuer) {
            return Err(failed("another issuer answered than was asked"));
        }
        let tokens = self.exchange(&provider, attempt, returned.code).await?;
        let nonce = Nonce::new(derived(attempt, b"nonce"));
        let claims = match self.verified(&provider, &tokens, &nonce) {
            Err(ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey)) => {
                // It may have changed its keys.
                let provider = self.provider(ANEW).await?;
                self.verified(&provider, &tokens, &nonce)
            }
            other => other,
        };
        let claims = claims.map_err(|error| failed(error.to_string()))?;
        let claims = self.completed(&provider, &tokens, claims).await?;
        self.rules.admit(claims)
    }

    async fn exchange(&self, provider: &Provider, attempt: &Attempt, code: String) -> Result<Tokens, Fault> {
        let request = provider.party.exchange_code(AuthorizationCode::new(code)).map_err(|e| failed(e.to_string()))?;
        let http = |request| fetch(&self.http, request);
        let answer = request.set_pkce_verifier(verifier(attempt)).request_async(&http).await;
        answer.map_err(|error| match error {
            openidconnect::RequestTokenError::Request(error) => self.unavailable(&error),
            error => failed(error.to_string()),
        })
    }

    fn verified(&self, provider: &Provider, tokens: &Tokens, nonce: &Nonce) -> Result<Claims, ClaimsVerificationError> {
        let token = tokens.id_token().ok_or_else(|| ClaimsVerificationError::Other("no ID token".to_owned()))?;
        let verifier = provider.party.id_token_verifier().set_allowed_algs(SIGNATURES);
        let claims = token.claims(&verifier, nonce)?;
        let name = claims.name().and_then(|names| names.get(None)).map(|name| name.to_string());
        Ok(Claims {
            issuer: self.issuer.as_str().to_owned(),
            subject: claims.subject().to_string(),
            email: claims.email().map(|email| email.to_string()),
            email_verified: claims.email_verified() == Some(true),
            name: name.unwrap_or_default(),
            more: claims.additional_claims().all.clone(),
        })
    }

    /// Some issuers put little into the token, and tell the rest when they are asked.
    async fn completed(&self, provider: &Provider, tokens: &Tokens, mut claims: Claims) -> Result<Claims, Fault> {
        let first = |claim: &str| claim.split('.').next().unwrap_or_default().to_owned();
        let lacks_role = self.rules.role_claim().is_some_and(|c| !claims.more.contains_key(&first(c)));
        if claims.email.is_some() && !lacks_role {
            return Ok(claims);
        }
        let subject = openidconnect::SubjectIdentifier::new(claims.subject.clone());
        let Ok(request) = provider.party.user_info(tokens.access_token().clone(), Some(subject)) else {
            return Ok(claims);
        };
        let http = |request| fetch(&self.http, request);
        let info: Result<Info, _> = request.request_async(&http).await;
        let info = info.map_err(|error| match error {
            openidconnect::UserInfoError::Request(error) => self.unavailable(&error),
            error => failed(error.to_string()),
        })?;
        if claims.email.is_none() {
            claims.email = info.email().map(|email| email.to_string());
            claims.email_verified = info.email_verified() == Some(true);
        }
        if claims.name.is_empty() {
            let name = info.name().and_then(|names| names.get(None)).map(|name| name.to_string());
            claims.name = name.unwrap_or_default();
        }
        for (name, value) in &info.additional_claims().all {
            claims.more.entry(name.clone()).or_insert_with(|| value.clone());
        }
        Ok(claims)
    }

    /// What the issuer says of itself, no older than `age`. One asks, the others wait for what it hears.
    async fn provider(&self, age: Duration) -> Result<Arc<Provider>, Fault> {
        let mut known = self.known.lock().await;
        if let Some((provider, since)) = &known.provider
            && since.elapsed() < age
        {
            return Ok(provider.clone());
        }
        if known.failed.is_some_and(|at| at.elapsed() < GRACE) {
            return Err(away());
        }
        match tokio::time::timeout(DEADLINE, self.discover()).await {
            Ok(Ok(provider)) => {
                let provider = Arc::new(provider);
                *known = Known { provider: Some((provider.clone(), Instant::now())), failed: None };
                self.dependency.up();
                Ok(provider)
            }
            Ok(Err(error)) => {
                known.failed = Some(Instant::now());
                Err(self.unavailable(&*error))
            }
            Err(late) => {
                known.failed = Some(Instant::now());
                Err(self.unavailable(&late))
            }
        }
    }

    async fn discover(&self) -> Result<Provider, Box<dyn std::error::Error + Send + Sync>> {
        let http = |request| fetch(&self.http, request);
        let metadata = Metadata::discover_async(self.issuer.clone(), &http).await.map_err(|e| e.to_string())?;
        let says_issuer = metadata.additional_metadata().authorization_response_iss_parameter_supported;
        // Basic authentication is what a document that says nothing means.
        let by_post = metadata
            .token_endpoint_auth_methods_supported()
            .is_some_and(|methods| !methods.contains(&CoreClientAuthMethod::ClientSecretBasic));
        let party = Party::from_provider_metadata(metadata, self.client_id.clone(), self.client_secret.clone())
            .set_redirect_uri(self.redirect.clone());
        let party = if by_post { party.set_auth_type(AuthType::RequestBody) } else { party };
        Ok(Provider { party, says_issuer })
    }

    fn unavailable(&self, error: &dyn std::error::Error) -> Fault {
        tracing::warn!(%error, "the identity provider cannot be asked");
        self.dependency.down("it cannot be asked");
        away()
    }
}

impl std::fmt::Debug for Oidc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Oidc").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

fn away() -> Fault {
    let fault = Fault::unavailable("the identity provider");
    fault.because("oidc-unavailable")
}

/// Why, the log says; whoever signs in is told that it did not work.
fn failed(why: impl std::fmt::Display) -> Fault {
    tracing::warn!(%why, "a sign-in by the identity provider was refused");
    Fault::new(FaultKind::Forbidden, "the identity provider's answer was not accepted; try again")
        .because("oidc-failed")
}

fn derived(attempt: &Attempt, what: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(secret::sha256(&[b"oidc", what, attempt]))
}

fn verifier(attempt: &Attempt) -> PkceCodeVerifier {
    PkceCodeVerifier::new(derived(attempt, b"verifier"))
}

/// Why a question to the issuer was not answered.
#[derive(Debug, thiserror::Error)]
enum NotAnswered {
    #[error(transparent)]
    Http(#[from] reqwest::Error),
    #[error("the answer is larger than {LARGEST_ANSWER} bytes")]
    TooLarge,
}

async fn fetch(http: &reqwest::Client, request: HttpRequest) -> Result<HttpResponse, NotAnswered> {
    let mut answer = http.execute(request.try_into()?).await?;
    let (status, headers, mut body) = (answer.status(), answer.headers().clone(), Vec::new());
    while let Some(chunk) = answer.chunk().await? {
        if body.len() + chunk.len() > LARGEST_ANSWER {
            return Err(NotAnswered::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    let mut response = HttpResponse::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}
