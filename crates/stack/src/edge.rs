//! What stands behind the edge besides the gateway, and who may use it.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, ensure};

use crate::{Home, programs::local, secrets::Secrets};

/// The user that Caddy asks for before tools.
pub const OPERATOR: &str = "operator";
/// The secret that holds that user's password.
pub const OPERATOR_PASSWORD: &str = "operator-password";
/// The secret that holds what Caddy is told of it.
const HASH: &str = "operators";
/// The tools that run here, each with a file of production's.
const TOOLS: [&str; 2] = ["prometheus", "alertmanager"];

/// Puts the tools behind the edge; answers what Caddy has to be told for that.
///
/// # Errors
/// When their files are not beside `caddyfile`, or the password cannot be hashed.
pub(crate) fn tools(
    home: &Home,
    secrets: &Secrets,
    ports: &BTreeMap<String, u16>,
    caddy: &Path,
    caddyfile: &Path,
) -> anyhow::Result<BTreeMap<String, OsString>> {
    let folder = home.path().join("caddy/edge.d");
    fs::create_dir_all(&folder)?;
    let from = caddyfile.parent().unwrap_or(Path::new(".")).join("compose/edge");
    let mut environment = BTreeMap::from([
        ("DOSSIER_EDGE".to_owned(), folder.clone().into()),
        ("DOSSIER_OPERATORS".to_owned(), secrets.path(HASH).into()),
        ("CADDY_AUTH_DIRECTIVE".to_owned(), directive(caddy)?.into()),
    ]);
    for tool in TOOLS {
        let file = from.join(tool).with_extension("caddy");
        fs::copy(&file, folder.join(tool).with_extension("caddy"))
            .with_context(|| format!("{} cannot be copied", file.display()))?;
        environment.insert(format!("{}_UPSTREAM", tool.to_uppercase()), local(ports[tool]).into());
    }
    let password = secrets.get_or_make(OPERATOR_PASSWORD)?;
    let written = |name| fs::metadata(secrets.path(name)).and_then(|file| file.modified()).ok();
    // Hashing takes long on purpose: again only when somebody has written another password since.
    if written(HASH) < written(OPERATOR_PASSWORD) {
        secrets.put(HASH, &format!("{OPERATOR} {}\n", hash(caddy, &password)?))?;
    }
    Ok(environment)
}

/// How this Caddy calls the directive that asks for a password.
fn directive(caddy: &Path) -> anyhow::Result<&'static str> {
    let output = Command::new(caddy).arg("version").output().with_context(|| caddy.display().to_string())?;
    let told = String::from_utf8_lossy(&output.stdout);
    directive_of(&told).with_context(|| format!("not a version of Caddy: {told:?}"))
}

/// Renamed in 2.8.
fn directive_of(version: &str) -> Option<&'static str> {
    let mut numbers = version.trim().trim_start_matches('v').split(['.', ' ', '-']).map(str::parse::<u32>);
    let (major, minor) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    Some(if (major, minor) < (2, 8) { "basicauth" } else { "basic_auth" })
}

fn hash(caddy: &Path, password: &str) -> anyhow::Result<String> {
    let mut command = Command::new(caddy);
    command.arg("hash-password").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| caddy.display().to_string())?;
    // Not an argument: those are for everybody to see.
    child.stdin.take().context("no standard input")?.write_all(format!("{password}\n").as_bytes())?;
    let output = child.wait_with_output()?;
    let hash = String::from_utf8(output.stdout)?.trim().to_owned();
    ensure!(hash.starts_with("$2"), "Caddy does not hash: {}", String::from_utf8_lossy(&output.stderr));
    Ok(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_caddy_is_told_in_its_own_words() {
        for (version, directive) in [
            ("2.6.2\n", Some("basicauth")),
            ("v2.7.6 h1:abc=", Some("basicauth")),
            ("v2.8.0", Some("basic_auth")),
            ("v2.11.7 h1:yj0Y4fYZGPkSvibBJ1sTWE33xC0fxztVyXEW5iIdUT4=", Some("basic_auth")),
            ("unknown", None),
        ] {
            assert_eq!(directive_of(version), directive, "{version}");
        }
    }
}
