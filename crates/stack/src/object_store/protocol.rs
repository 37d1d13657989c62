//! The S3 operations that the documents service uses, on top of [`Disk`].

use std::{sync::Arc, time::SystemTime};

use futures_util::TryStreamExt;
use s3s::{S3, S3Request, S3Response, S3Result, dto::*, s3_error};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use super::{
    BUCKET,
    disk::{Disk, DiskError, Expected, Meta},
};

const PAGE: usize = 1000;
const READ_BYTES: usize = 128 * 1024;

#[derive(Debug)]
pub(super) struct Server {
    disk: Arc<Disk>,
}

impl Server {
    pub(super) fn new(disk: Arc<Disk>) -> Self {
        Self { disk }
    }
}

impl From<DiskError> for s3s::S3Error {
    fn from(error: DiskError) -> Self {
        match error {
            DiskError::NoSuchKey => s3_error!(NoSuchKey),
            DiskError::NoSuchUpload => s3_error!(NoSuchUpload),
            DiskError::InvalidPart => s3_error!(InvalidPart),
            DiskError::BadDigest => s3_error!(BadDigest),
            DiskError::Incomplete => s3_error!(IncompleteBody),
            DiskError::Io(error) => {
                tracing::error!(%error, "the disk failed");
                s3_error!(InternalError, "the disk failed")
            }
        }
    }
}

fn known(bucket: &str) -> S3Result<()> {
    if bucket == BUCKET { Ok(()) } else { Err(s3_error!(NoSuchBucket)) }
}

fn digest(text: Option<&String>) -> S3Result<Option<Vec<u8>>> {
    let decode = |text: &String| standard_base64(text).ok_or_else(|| s3_error!(InvalidDigest));
    text.map(decode).transpose()
}

/// Standard base64 with padding.
fn standard_base64(text: &str) -> Option<Vec<u8>> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}

fn expected(size: Option<i64>, md5: Option<&String>, sha256: Option<&String>) -> S3Result<Expected> {
    Ok(Expected { size: size.and_then(|s| u64::try_from(s).ok()), md5: digest(md5)?, sha256: digest(sha256)? })
}

fn etag(meta: &Meta) -> Option<ETag> {
    Some(ETag::Strong(meta.etag.clone()))
}

fn time(at: SystemTime) -> Option<Timestamp> {
    Some(at.into())
}

fn length(size: u64) -> Option<i64> {
    i64::try_from(size).ok()
}

#[async_trait::async_trait]
impl S3 for Server {
    async fn head_bucket(&self, req: S3Request<HeadBucketInput>) -> S3Result<S3Response<HeadBucketOutput>> {
        known(&req.input.bucket)?;
        Ok(S3Response::new(HeadBucketOutput::default()))
    }

    async fn create_bucket(&self, req: S3Request<CreateBucketInput>) -> S3Result<S3Response<CreateBucketOutput>> {
        // The one that is there can be made again; there is no other.
        known(&req.input.bucket).map_err(|_| s3_error!(InvalidBucketName, "there is one bucket only"))?;
        Ok(S3Response::new(CreateBucketOutput { location: Some(format!("/{BUCKET}")) }))
    }

    async fn put_object(&self, req: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let input = req.input;
        known(&input.bucket)?;
        let expected = expected(input.content_length, input.content_md5.as_ref(), input.checksum_sha256.as_ref())?;
        let body = input.body.ok_or_else(|| s3_error!(IncompleteBody))?;
        let content_type = input.content_type.map(|c| c.to_string());
        let meta = self.disk.put(&input.bucket, &input.key, content_type, body, expected).await?;
        Ok(S3Response::new(PutObjectOutput { e_tag: etag(&meta), ..Default::default() }))
    }

    async fn get_object(&self, req: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let input = req.input;
        known(&input.bucket)?;
        let (mut file, meta) = self.disk.open_object(&input.bucket, &input.key).await?;
        let range = match input.range {
            Some(range) => range.check(meta.size)?,
            None => 0..meta.size,
        };
        file.seek(std::io::SeekFrom::Start(range.start)).await.map_err(DiskError::from)?;
        let count = range.end - range.start;
        let bytes = ReaderStream::with_capacity(file.take(count), READ_BYTES);
        let content_range =
            input.range.map(|_| format!("bytes {}-{}/{}", range.start, range.end.saturating_sub(1), meta.size));
        let status = content_range.is_some().then_some(hyper::StatusCode::PARTIAL_CONTENT);
        let output = GetObjectOutput {
            body: Some(StreamingBlob::wrap(bytes.map_err(std::io::Error::other))),
            content_length: length(count),
            content_range,
            content_type: meta.content_type.as_ref().and_then(|c| c.parse().ok()),
            accept_ranges: Some("bytes".to_owned()),
            e_tag: etag(&meta),
            last_modified: time(meta.modified),
            ..Default::default()
        };
        let mut response = S3Response::new(output);
        response.status = status;
        Ok(response)
    }

    async fn head_object(&self, req: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        known(&req.input.bucket)?;
        let (_, meta) = self.disk.open_object(&req.input.bucket, &req.input.key).await?;
        Ok(S3Response::new(HeadObjectOutput {
            content_length: length(meta.size),
            content_type: meta.content_type.as_ref().and_then(|c| c.parse().ok()),
            accept_ranges: Some("bytes".to_owned()),
            e_tag: etag(&meta),
            last_modified: time(meta.modified),
            ..Default::default()
        }))
    }

    async fn delete_object(&self, req: S3Request<DeleteObjectInput>) -> S3Result<S3Response<DeleteObjectOutput>> {
        known(&req.input.bucket)?;
        self.disk.delete(&req.input.bucket, &req.input.key).await?;
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    async fn list_objects_v2(&self, req: S3Request<ListObjectsV2Input>) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = req.input;
        known(&input.bucket)?;
        let prefix = input.prefix.clone().unwrap_or_default();
        let after = input.continuation_token.clone().or(input.start_after.clone()).unwrap_or_default();
        let most = input.max_keys.and_then(|m| usize::try_from(m).ok()).unwrap_or(PAGE).clamp(1, PAGE);
        let mut found = self.disk.list(&input.bucket, &prefix, &after).await?;
        let truncated = found.len() > most;
        found.truncate(most);
        let next = truncated.then(|| found.last().map(|m| m.key.clone())).flatten();
        let object = |meta: &Meta| Object {
            key: Some(meta.key.clone()),
            size: length(meta.size),
            e_tag: etag(meta),
            last_modified: time(meta.modified),
            ..Default::default()
        };
        Ok(S3Response::new(ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: Some(prefix),
            key_count: i32::try_from(found.len()).ok(),
            max_keys: i32::try_from(most).ok(),
            is_truncated: Some(truncated),
            next_continuation_token: next,
            contents: Some(found.iter().map(object).collect()),
            ..Default::default()
        }))
    }

    async fn create_multipart_upload(
        &self,
        req: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let input = req.input;
        known(&input.bucket)?;
        let content_type = input.content_type.map(|c| c.to_string());
        let id = self.disk.start_upload(&input.bucket, &input.key, content_type).await?;
        Ok(S3Response::new(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(id),
            ..Default::default()
        }))
    }

    async fn upload_part(&self, req: S3Request<UploadPartInput>) -> S3Result<S3Response<UploadPartOutput>> {
        let input = req.input;
        known(&input.bucket)?;
        let expected = expected(input.content_length, input.content_md5.as_ref(), input.checksum_sha256.as_ref())?;
        let body = input.body.ok_or_else(|| s3_error!(IncompleteBody))?;
        let etag = self.disk.put_part(&input.upload_id, input.part_number, body, expected).await?;
        Ok(S3Response::new(UploadPartOutput { e_tag: Some(ETag::Strong(etag)), ..Default::default() }))
    }

    async fn complete_multipart_upload(
        &self,
        req: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let input = req.input;
        known(&input.bucket)?;
        let parts = input.multipart_upload.and_then(|m| m.parts).unwrap_or_default();
        let part = |p: CompletedPart| Some((p.part_number?, p.e_tag?.into_value()));
        let parts: Option<Vec<_>> = parts.into_iter().map(part).collect();
        let parts = parts.filter(|p| !p.is_empty()).ok_or_else(|| s3_error!(InvalidPart))?;
        let meta = self.disk.complete_upload(&input.upload_id, &parts).await?;
        Ok(S3Response::new(CompleteMultipartUploadOutput {
            bucket: Some(input.bucket),
            e_tag: etag(&meta),
            key: Some(meta.key),
            ..Default::default()
        }))
    }

    async fn abort_multipart_upload(
        &self,
        req: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        known(&req.input.bucket)?;
        self.disk.abort_upload(&req.input.upload_id).await?;
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }

    async fn list_parts(&self, req: S3Request<ListPartsInput>) -> S3Result<S3Response<ListPartsOutput>> {
        let input = req.input;
        known(&input.bucket)?;
        let part = |p: super::disk::Part| Part {
            part_number: Some(p.number),
            e_tag: Some(ETag::Strong(p.etag)),
            size: length(p.size),
            last_modified: time(p.modified),
            ..Default::default()
        };
        let parts = self.disk.parts(&input.upload_id).await?;
        Ok(S3Response::new(ListPartsOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(input.upload_id),
            is_truncated: Some(false),
            parts: Some(parts.into_iter().map(part).collect()),
            ..Default::default()
        }))
    }

    async fn list_multipart_uploads(
        &self,
        req: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        known(&req.input.bucket)?;
        let upload = |u: super::disk::Upload| MultipartUpload {
            upload_id: Some(u.id),
            key: Some(u.key),
            initiated: time(u.started),
            ..Default::default()
        };
        let uploads = self.disk.uploads(&req.input.bucket).await?;
        Ok(S3Response::new(ListMultipartUploadsOutput {
            bucket: Some(req.input.bucket),
            is_truncated: Some(false),
            uploads: Some(uploads.into_iter().map(upload).collect()),
            ..Default::default()
        }))
    }
}
