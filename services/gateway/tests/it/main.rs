//! The gateway alone, with a real database and without the services behind it: who may come in, and
//! what everybody is told who may not.

mod access;
mod client;
mod limits;
mod links;
mod oidc;
mod origins;
mod outages;
mod people;
mod saved;
mod sealing;
mod shapes;
mod totp;
mod webhooks;
