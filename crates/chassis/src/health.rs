use std::{
    collections::BTreeMap,
    sync::{Arc, RwLock},
};

use tokio::sync::watch;

#[derive(Clone, Debug)]
struct State {
    required: bool,
    /// `None`: up.
    trouble: Option<String>,
}

#[derive(Debug)]
struct Shared {
    dependencies: RwLock<BTreeMap<&'static str, State>>,
    serving: watch::Sender<bool>,
    draining: watch::Sender<bool>,
}

/// Whether the service can do its work, and how each thing it depends on is.
///
/// Ready is: not draining, and every required dependency up. A dependency that is not required
/// degrades one feature and leaves the service ready.
#[derive(Clone, Debug)]
pub struct Health(Arc<Shared>);

impl Default for Health {
    fn default() -> Self {
        Self(Arc::new(Shared {
            dependencies: RwLock::default(),
            serving: watch::Sender::new(false),
            draining: watch::Sender::new(false),
        }))
    }
}

impl Health {
    /// Declares a dependency; it counts as down until it is said to be up.
    pub fn dependency(&self, name: &'static str, required: bool) -> Dependency {
        let unknown = State { required, trouble: Some("not checked yet".to_owned()) };
        self.write(name, unknown);
        Dependency { name, required, health: self.clone() }
    }

    /// Whether requests should be sent here.
    pub fn is_ready(&self) -> bool {
        *self.0.serving.borrow() && !*self.0.draining.borrow()
    }

    /// Each dependency with `None` when it is up, or what is the matter.
    pub fn report(&self) -> BTreeMap<&'static str, Option<String>> {
        let states = self.0.dependencies.read().unwrap_or_else(|e| e.into_inner());
        states.iter().map(|(name, state)| (*name, state.trouble.clone())).collect()
    }

    /// Follows readiness.
    pub fn subscribe(&self) -> watch::Receiver<bool> {
        self.0.serving.subscribe()
    }

    /// No new requests from now on.
    pub(crate) fn drain(&self) {
        self.0.draining.send_replace(true);
        self.0.serving.send_replace(false);
    }

    /// Called once the listeners stand; a service without dependencies is ready from here on.
    pub(crate) fn evaluate(&self) {
        let states = self.0.dependencies.read().unwrap_or_else(|e| e.into_inner());
        let up = states.values().all(|s| !s.required || s.trouble.is_none());
        let ready = up && !*self.0.draining.borrow();
        drop(states);
        self.0.serving.send_if_modified(|now| std::mem::replace(now, ready) != ready);
    }

    fn write(&self, name: &'static str, state: State) {
        let mut states = self.0.dependencies.write().unwrap_or_else(|e| e.into_inner());
        states.insert(name, state);
        drop(states);
        self.evaluate();
    }
}

/// One thing that a service depends on.
#[derive(Clone, Debug)]
pub struct Dependency {
    name: &'static str,
    required: bool,
    health: Health,
}

impl Dependency {
    /// It answered.
    pub fn up(&self) {
        self.set(None);
    }

    /// It did not; `trouble` is shown to the operator.
    pub fn down(&self, trouble: impl std::fmt::Display) {
        self.set(Some(trouble.to_string()));
    }

    fn set(&self, trouble: Option<String>) {
        let before = self.health.report().get(self.name).cloned().flatten();
        if before.is_none() != trouble.is_none() {
            match &trouble {
                None => tracing::info!(dependency = self.name, "dependency is up"),
                Some(why) => tracing::warn!(dependency = self.name, error = %why, "dependency is down"),
            }
        }
        metrics::gauge!("dependency_up", "dependency" => self.name).set(f64::from(u8::from(trouble.is_none())));
        self.health.write(self.name, State { required: self.required, trouble });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_required_dependency_takes_readiness_away() {
        let health = Health::default();
        let database = health.dependency("postgresql", true);
        let engine = health.dependency("meilisearch", false);
        assert!(!health.is_ready());
        database.up();
        assert!(health.is_ready());
        engine.down("refused");
        assert!(health.is_ready());
        database.down("refused");
        assert!(!health.is_ready());
        database.up();
        health.drain();
        assert!(!health.is_ready());
        database.up();
        assert!(!health.is_ready(), "draining is for good");
    }
}
