data "aws_iam_policy_document" "host_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "host" {
  name               = "${var.name}-host"
  description        = "The host: reads its secrets, adds backups, takes sessions"
  assume_role_policy = data.aws_iam_policy_document.host_trust.json
}

resource "aws_iam_instance_profile" "host" {
  name = "${var.name}-host"
  role = aws_iam_role.host.name
}

# Operators come by Session Manager: no SSH, no open port, every session on record.
resource "aws_iam_role_policy_attachment" "sessions" {
  role       = aws_iam_role.host.name
  policy_arn = "arn:${local.partition}:iam::aws:policy/AmazonSSMManagedInstanceCore"
}

locals {
  secrets_arn = "arn:${local.partition}:ssm:${var.region}:${local.account}:parameter${local.secrets_path}"
}

data "aws_iam_policy_document" "host" {
  statement {
    sid       = "ReadItsSecrets"
    actions   = ["ssm:GetParametersByPath"]
    resources = [local.secrets_arn, "${local.secrets_arn}/*"]
  }

  statement {
    sid       = "AddSecretsThatAreMissing"
    actions   = ["ssm:PutParameter"]
    resources = ["${local.secrets_arn}/*"]

    condition {
      test     = "StringEquals"
      variable = "ssm:Overwrite"
      values   = ["false"]
    }
  }

  statement {
    sid       = "UseTheKey"
    actions   = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"]
    resources = [aws_kms_key.this.arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["ssm.${var.region}.amazonaws.com", "s3.${var.region}.amazonaws.com"]
    }
  }

  statement {
    sid       = "ListBackups"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.backups.arn]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = concat(["${local.backup_prefix}/*", local.backup_prefix], var.archive ? ["${local.archive_prefix}/*"] : [])
    }
  }

  statement {
    sid       = "LocateBackups"
    actions   = ["s3:GetBucketLocation"]
    resources = [aws_s3_bucket.backups.arn]
  }

  statement {
    sid       = "AddAndReadBackups"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = ["${aws_s3_bucket.backups.arn}/${local.backup_prefix}/*"]
  }

  # restic marks a repository as in use and takes the mark away. Marks hold nothing.
  statement {
    sid       = "UnlockTheRepository"
    actions   = ["s3:DeleteObject"]
    resources = ["${aws_s3_bucket.backups.arn}/${local.backup_prefix}/locks/*"]
  }

  # pgBackRest removes what is past its time by itself. In this bucket that is a mark: the version below it is locked
  # like any other, and whoever takes over the host cannot lift that.
  dynamic "statement" {
    for_each = var.archive ? ["KeepTheArchive"] : []

    content {
      sid       = statement.value
      actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
      resources = ["${aws_s3_bucket.backups.arn}/${local.archive_prefix}/*"]
    }
  }
}

resource "aws_iam_role_policy" "host" {
  name   = "dossier"
  role   = aws_iam_role.host.id
  policy = data.aws_iam_policy_document.host.json
}

# Removes backups past their time; only there when somebody may assume it.
data "aws_iam_policy_document" "pruner_trust" {
  count = length(var.backup_pruners) > 0 ? 1 : 0

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "AWS"
      identifiers = var.backup_pruners
    }
  }
}

resource "aws_iam_role" "pruner" {
  count = length(var.backup_pruners) > 0 ? 1 : 0

  name               = "${var.name}-pruner"
  description        = "Removes backups past their time"
  assume_role_policy = data.aws_iam_policy_document.pruner_trust[0].json
}

data "aws_iam_policy_document" "pruner" {
  statement {
    sid       = "List"
    actions   = ["s3:ListBucket", "s3:GetBucketLocation"]
    resources = [aws_s3_bucket.backups.arn]
  }

  statement {
    sid       = "Prune"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
    resources = ["${aws_s3_bucket.backups.arn}/${local.backup_prefix}/*"]
  }

  statement {
    sid       = "UseTheKey"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [aws_kms_key.this.arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${var.region}.amazonaws.com"]
    }
  }
}

resource "aws_iam_role_policy" "pruner" {
  count = length(var.backup_pruners) > 0 ? 1 : 0

  name   = "prune"
  role   = aws_iam_role.pruner[0].id
  policy = data.aws_iam_policy_document.pruner.json
}
