# Policies and cloud-init, rendered: against a provider that makes everything up.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  site              = "dossier.example.org"
  owner_email       = "owner@example.org"
  source_repository = "https://example.org/dossier.git"
  source_ref        = "v1.0.0"
}

run "the_host_may_add_backups_but_not_remove_them" {
  command = plan

  assert {
    condition = alltrue([
      for s in data.aws_iam_policy_document.host.statement :
      !contains(s.actions, "s3:DeleteObject") || s.resources == toset(["arn:aws:s3:::backups/restic/locks/*"])
    ])
    error_message = "the host may remove nothing but restic's locks"
  }
  assert {
    condition = alltrue([
      for s in data.aws_iam_policy_document.host.statement :
      alltrue([for a in s.actions : !strcontains(a, "*")]) && !contains(s.resources, "*")
    ])
    error_message = "no action and no resource of the host is a wildcard"
  }
}

run "without_an_archive_nothing_speaks_of_one" {
  command = plan

  assert {
    condition     = !strcontains(local.cloud_init, "archive.yaml") && !strcontains(local.cloud_init, "ARCHIVE_")
    error_message = "the archive is not switched on"
  }
  assert {
    condition     = !contains(local.secrets, "archive-password")
    error_message = "no secret is made for nothing"
  }
  assert {
    condition = alltrue([
      for s in data.aws_iam_policy_document.host.statement : alltrue([for r in s.resources : !strcontains(r, "/archive")])
    ])
    error_message = "the host may do nothing below a prefix that it does not use"
  }
}

run "an_archive_is_kept_below_its_own_prefix" {
  command = plan

  variables {
    archive = true
  }

  assert {
    condition = alltrue([for line in [
      "COMPOSE_FILE=compose.yaml:compose/overlays/archive.yaml",
      "ARCHIVE_S3_ENDPOINT=s3.eu-central-1.amazonaws.com", "ARCHIVE_S3_REGION=eu-central-1",
      "ARCHIVE_S3_BUCKET=backups", "ARCHIVE_PATH=/archive",
    ] : strcontains(local.cloud_init, line)])
    error_message = "the overlay has what it needs"
  }
  assert {
    condition     = contains(local.secrets, "archive-password") && strcontains(local.cloud_init, "archive-password")
    error_message = "what encrypts the archive outlives the host"
  }
  assert {
    condition = anytrue([
      for s in data.aws_iam_policy_document.host.statement :
      s.actions == toset(["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]) && s.resources == toset(["arn:aws:s3:::backups/archive/*"])
    ])
    error_message = "the host keeps the archive, and no other prefix"
  }
  assert {
    condition = anytrue([
      for s in data.aws_iam_policy_document.host.statement :
      contains(s.actions, "s3:ListBucket") && anytrue([for c in s.condition : toset(c.values) == toset(["restic/*", "restic", "archive/*"])])
    ])
    error_message = "it lists these two prefixes"
  }
  assert {
    condition = alltrue([
      for s in data.aws_iam_policy_document.host.statement :
      !contains(s.actions, "s3:DeleteObject") || alltrue([for r in s.resources : contains(["arn:aws:s3:::backups/restic/locks/*", "arn:aws:s3:::backups/archive/*"], r)])
    ])
    error_message = "it still removes no backup"
  }
  assert {
    condition     = alltrue([for s in data.aws_iam_policy_document.host.statement : !contains(s.actions, "s3:DeleteObjectVersion")])
    error_message = "what is removed is only marked so"
  }
  assert {
    condition     = can(yamldecode(local.cloud_init)) && length(base64gzip(local.cloud_init)) < 16384
    error_message = "cloud-init must be able to read it"
  }
}

run "the_host_may_add_secrets_but_not_change_them" {
  command = plan

  assert {
    condition = alltrue([
      for s in data.aws_iam_policy_document.host.statement :
      !contains(s.actions, "ssm:PutParameter") || anytrue([for c in s.condition : c.variable == "ssm:Overwrite" && c.values == tolist(["false"])])
    ])
    error_message = "a secret is put only where there is none"
  }
  assert {
    condition     = alltrue([for name in local.secrets : strcontains(local.cloud_init, name)])
    error_message = "each secret is made by the host"
  }
}

run "the_cloud_init_is_yaml_and_holds_no_secret" {
  command = plan

  assert {
    condition     = can(yamldecode(local.cloud_init)) && startswith(local.cloud_init, "#cloud-config\n")
    error_message = "cloud-init must be able to read it"
  }
  assert {
    condition     = length(regexall("(?i)password *[=:]|secret_key *[=:]", local.cloud_init)) == 0
    error_message = "secrets are read at the start, not written into user data"
  }
  assert {
    condition     = length(base64gzip(local.cloud_init)) < 16384
    error_message = "user data holds 16 KiB"
  }
}

run "the_data_volume_is_found_by_its_serial_and_formatted_only_when_empty" {
  command = plan

  assert {
    condition     = strcontains(local.cloud_init, "nvme-Amazon_Elastic_Block_Store_vol0123456789abcdef0")
    error_message = "the volume is named by its serial, not by an order of devices"
  }
  assert {
    condition     = strcontains(local.cloud_init, "2) mkfs.ext4 -q -L dossier") && strcontains(local.cloud_init, "LABEL=dossier /srv/dossier")
    error_message = "only an empty volume is formatted; it is mounted by label"
  }
}

run "the_host_upgrades_itself_and_brings_the_system_up" {
  command = plan

  assert {
    condition = alltrue([for word in [
      "unattended-upgrades", "docker compose up --detach --wait", "RequiresMountsFor=/srv/dossier",
      "https://example.org/dossier.git", "checkout --quiet v1.0.0", "DOSSIER_SITE=dossier.example.org",
    ] : strcontains(local.cloud_init, word)])
    error_message = "something is missing from the cloud-init"
  }
}

run "images_may_come_from_a_registry" {
  command = plan

  variables {
    image_registry = "registry.example.org/dossier"
  }

  assert {
    condition     = strcontains(local.cloud_init, "DOSSIER_IMAGES=registry.example.org/dossier")
    error_message = "the registry is passed on"
  }
  assert {
    condition     = strcontains(local.cloud_init, "DOSSIER_PULL=missing")
    error_message = "and asked"
  }
}
