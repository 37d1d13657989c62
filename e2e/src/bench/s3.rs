//! A PUT straight to the object store, signed by hand (AWS Signature Version 4 with an unsigned
//! payload): the yardstick of uploads, and no reason for a second S3 client.

use std::fmt::Write as _;

use anyhow::ensure;
use reqwest::Method;
use sha2::{Digest, Sha256};
use stack::ExternalS3;

/// Where objects are kept, and who may.
#[derive(Clone, Debug)]
pub(crate) struct Bucket(pub(crate) ExternalS3);

const PAYLOAD: &str = "UNSIGNED-PAYLOAD";

impl Bucket {
    /// PUT of a body of `size` bytes.
    pub(crate) async fn put(
        &self,
        http: &reqwest::Client,
        key: &str,
        size: u64,
        body: reqwest::Body,
    ) -> anyhow::Result<()> {
        let request = self.request(http, Method::PUT, key, &now()?)?.header("content-length", size).body(body);
        let answer = request.send().await?;
        ensure!(answer.status().is_success(), "the store answered {}: {}", answer.status(), answer.text().await?);
        Ok(())
    }

    /// Removes what [`Bucket::put`] made.
    pub(crate) async fn delete(&self, http: &reqwest::Client, key: &str) -> anyhow::Result<()> {
        let answer = self.request(http, Method::DELETE, key, &now()?)?.send().await?;
        ensure!(answer.status().is_success(), "the store answered {}: {}", answer.status(), answer.text().await?);
        Ok(())
    }

    fn request(
        &self,
        http: &reqwest::Client,
        method: Method,
        key: &str,
        at: &str,
    ) -> anyhow::Result<reqwest::RequestBuilder> {
        let url = format!("{}/{}/{key}", self.0.endpoint.trim_end_matches('/'), self.0.bucket);
        let url = reqwest::Url::parse(&url)?;
        let host = match (url.host_str().unwrap_or_default(), url.port()) {
            (host, Some(port)) => format!("{host}:{port}"),
            (host, None) => host.to_owned(),
        };
        let authorization = self.authorization(method.as_str(), url.path(), &host, at);
        let request = http.request(method, url).header("authorization", authorization);
        Ok(request.header("x-amz-content-sha256", PAYLOAD).header("x-amz-date", at))
    }

    /// `at` is such as `20261123T101500Z`.
    fn authorization(&self, method: &str, path: &str, host: &str, at: &str) -> String {
        let signed = "host;x-amz-content-sha256;x-amz-date";
        let canonical = format!(
            "{method}\n{path}\n\nhost:{host}\nx-amz-content-sha256:{PAYLOAD}\nx-amz-date:{at}\n\n{signed}\n{PAYLOAD}"
        );
        let day = &at[..8];
        let scope = format!("{day}/{}/s3/aws4_request", self.0.region);
        let text = format!("AWS4-HMAC-SHA256\n{at}\n{scope}\n{}", hex::encode(Sha256::digest(canonical)));
        let mut key = hmac(format!("AWS4{}", self.0.secret_key).as_bytes(), day.as_bytes());
        for part in [self.0.region.as_str(), "s3", "aws4_request"] {
            key = hmac(&key, part.as_bytes());
        }
        let signature = hex::encode(hmac(&key, text.as_bytes()));
        format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={signed}, Signature={signature}",
            self.0.access_key
        )
    }
}

/// RFC 2104 with SHA-256.
fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = [0_u8; 64];
    if key.len() > block.len() {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let padded = |with: u8| block.map(|byte| byte ^ with);
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize().into()
}

/// The time of now in the form that signatures have.
fn now() -> anyhow::Result<String> {
    let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
    Ok(stamp(seconds))
}

/// Seconds since 1970 as `20261123T101500Z`, by the civil calendar of Howard Hinnant's
/// "chrono-compatible low-level date algorithms".
fn stamp(seconds: u64) -> String {
    let days = seconds / 86_400 + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write!(text, "{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_object_store_takes_what_is_signed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let any = ([127, 0, 0, 1], 0).into();
        let server = stack::object_store::ObjectStore::start(folder.path().into(), any, "key", "secret").await.unwrap();
        let bucket = Bucket(ExternalS3 {
            endpoint: server.endpoint(),
            region: stack::object_store::REGION.to_owned(),
            bucket: stack::object_store::BUCKET.to_owned(),
            access_key: "key".to_owned(),
            secret_key: "secret".to_owned(),
        });
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        bucket.put(&http, "bench/1", 5, "hello".into()).await.unwrap();
        bucket.delete(&http, "bench/1").await.unwrap();
        let forged = Bucket(ExternalS3 { secret_key: "guess".to_owned(), ..bucket.0 });
        assert!(forged.put(&http, "bench/1", 5, "hello".into()).await.is_err());
    }

    #[test]
    fn the_message_digest_is_that_of_rfc_4231() {
        let digest = hmac(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(hex::encode(digest), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        let digest = hmac(&[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First");
        assert_eq!(hex::encode(digest), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    }

    #[test]
    fn times_are_written_by_the_calendar() {
        assert_eq!(stamp(0), "19700101T000000Z");
        assert_eq!(stamp(951_827_696), "20000229T123456Z");
        assert_eq!(stamp(1_795_428_900), "20261123T101500Z");
    }
}
