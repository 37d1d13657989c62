# One key for the volumes, their snapshots, the parameters, the logs and the backups.

data "aws_iam_policy_document" "key" {
  #checkov:skip=CKV_AWS_109:A key's policy without its own account's administration would lock everybody out
  #checkov:skip=CKV_AWS_111:As above; in a key's policy the resource is always the key itself
  #checkov:skip=CKV_AWS_356:In a key's policy "*" means the key that the policy belongs to
  statement {
    sid       = "AccountUsesIam"
    actions   = ["kms:*"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["arn:${local.partition}:iam::${local.account}:root"]
    }
  }

  statement {
    sid       = "Logs"
    actions   = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = ["logs.${var.region}.amazonaws.com"]
    }

    condition {
      test     = "ArnLike"
      variable = "kms:EncryptionContext:aws:logs:arn"
      values   = ["arn:${local.partition}:logs:${var.region}:${local.account}:log-group:/${var.name}/*"]
    }
  }
}

resource "aws_kms_key" "this" {
  description             = "Volumes, parameters, logs and backups of ${var.name}"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = data.aws_iam_policy_document.key.json

  # Without it the volumes, the snapshots and the backups are noise.
  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_kms_alias" "this" {
  name          = "alias/${var.name}"
  target_key_id = aws_kms_key.this.key_id
}
