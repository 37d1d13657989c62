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
