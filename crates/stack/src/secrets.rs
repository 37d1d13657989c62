//! Passwords and tokens: made once, kept in files that only their owner can read.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// A folder of secrets.
#[derive(Clone, Debug)]
pub struct Secrets {
    dir: PathBuf,
}

impl Secrets {
    /// Makes the folder when it is not there.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(dir: PathBuf) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
        Ok(Self { dir })
    }

    /// The file of a secret.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The secret of this name, made from 32 random hexadecimal digits at its first use.
    ///
    /// # Errors
    /// When the file can neither be read nor written.
    pub fn get_or_make(&self, name: &str) -> io::Result<String> {
        match fs::read_to_string(self.path(name)) {
            Ok(secret) => Ok(secret.trim_end().to_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let secret = hex::encode(rand::random::<[u8; 16]>());
                self.put(name, &secret)?;
                Ok(secret)
            }
            Err(error) => Err(error),
        }
    }

    /// Forgets a secret, if it is there.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.path(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Replaces a secret; answers its file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn put(&self, name: &str, secret: &str) -> io::Result<PathBuf> {
        let path = self.path(name);
        write(&path, secret)?;
        Ok(path)
    }
}

/// Writes a file that only we can read, whole or not at all.
pub(crate) fn write(path: &Path, text: &str) -> io::Result<()> {
    let temporary = path.with_extension("new");
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(temporary, path)
}

/// A random password of 95 bits that a person can read and type.
pub fn readable() -> String {
    const LETTERS: &[u8] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let letter = || char::from(LETTERS[rand::random_range(0..LETTERS.len())]);
    let group = || (0..5).map(|_| letter()).collect::<String>();
    [group(), group(), group(), group()].join("-")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_secret_is_made_once_and_only_its_owner_can_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let secrets = Secrets::open(folder.path().join("secrets")).unwrap();
        let first = secrets.get_or_make("token").unwrap();
        assert_eq!((first.len(), &first), (32, &secrets.get_or_make("token").unwrap()));
        let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(secrets.path("token")), mode(folder.path().join("secrets"))), (0o600, 0o700));
        secrets.remove("token").unwrap();
        assert_ne!(secrets.get_or_make("token").unwrap(), first);
    }

    #[test]
    fn a_readable_password_has_four_groups() {
        assert_eq!(readable().split('-').map(str::len).collect::<Vec<_>>(), [5; 4]);
        assert_ne!(readable(), readable());
    }
}
