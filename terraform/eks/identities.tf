# What pods may do in AWS: by Pod Identity, without a key, each service account its own role.

data "aws_iam_policy_document" "pods_trust" {
  statement {
    actions = ["sts:AssumeRole", "sts:TagSession"]

    principals {
      type        = "Service"
      identifiers = ["pods.eks.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

# PostgreSQL writes its backups, and removes what is past its time.
resource "aws_iam_role" "postgres" {
  name               = "${var.name}-postgres"
  assume_role_policy = data.aws_iam_policy_document.pods_trust.json
}

data "aws_iam_policy_document" "postgres" {
  statement {
    actions   = ["s3:ListBucket", "s3:GetBucketLocation"]
    resources = [aws_s3_bucket.this["backups"].arn]
  }

  statement {
    actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
    resources = ["${aws_s3_bucket.this["backups"].arn}/postgres/*"]
  }

  statement {
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [aws_kms_key.this.arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${var.region}.amazonaws.com"]
    }
  }
}

resource "aws_iam_role_policy" "postgres" {
  name   = "backups"
  role   = aws_iam_role.postgres.id
  policy = data.aws_iam_policy_document.postgres.json
}

resource "aws_eks_pod_identity_association" "postgres" {
  cluster_name    = aws_eks_cluster.this.name
  namespace       = "dossier"
  service_account = "postgres"
  role_arn        = aws_iam_role.postgres.arn
}

# Volumes for PostgreSQL and the search engine.
resource "aws_iam_role" "volumes" {
  name               = "${var.name}-volumes"
  assume_role_policy = data.aws_iam_policy_document.pods_trust.json
}

resource "aws_iam_role_policy_attachment" "volumes" {
  role       = aws_iam_role.volumes.name
  policy_arn = "arn:${local.partition}:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy"
}

resource "aws_eks_pod_identity_association" "volumes" {
  cluster_name    = aws_eks_cluster.this.name
  namespace       = "kube-system"
  service_account = "ebs-csi-controller-sa"
  role_arn        = aws_iam_role.volumes.arn
}

# The documents service signs its requests with a key and knows no roles. Its key is made by an
# operator, so that Terraform's state never holds it: aws iam create-access-key --user-name …
resource "aws_iam_user" "documents" {
  #checkov:skip=CKV_AWS_273:A program's identity and no person's: it has a key, no password and no console
  name = "${var.name}-documents"
}

data "aws_iam_policy_document" "documents" {
  statement {
    actions   = ["s3:ListBucket", "s3:ListBucketMultipartUploads", "s3:GetBucketLocation"]
    resources = [aws_s3_bucket.this["documents"].arn]
  }

  statement {
    actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
    resources = ["${aws_s3_bucket.this["documents"].arn}/*"]
  }

  statement {
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [aws_kms_key.this.arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${var.region}.amazonaws.com"]
    }
  }
}

resource "aws_iam_user_policy" "documents" {
  #checkov:skip=CKV_AWS_40:A group of one would say the same in more places
  name   = "documents"
  user   = aws_iam_user.documents.name
  policy = data.aws_iam_policy_document.documents.json
}
