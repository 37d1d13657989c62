# What must be true of a plan, whatever the account is.

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

run "only_the_web_is_open" {
  command = plan

  assert {
    condition     = toset([for r in aws_vpc_security_group_ingress_rule.public : "${r.from_port}-${r.to_port}/${r.ip_protocol}"]) == toset(["80-80/tcp", "443-443/tcp", "443-443/udp"])
    error_message = "80 and 443 and nothing else may be reached from outside"
  }
  assert {
    condition     = toset([for r in aws_vpc_security_group_egress_rule.outward : r.to_port]) == toset([80, 443])
    error_message = "the host speaks http and https and nothing else"
  }
  assert {
    condition     = length(aws_default_security_group.closed.ingress) == 0 && length(aws_default_security_group.closed.egress) == 0
    error_message = "the default security group lets nothing through"
  }
}

run "nobody_logs_in_by_ssh" {
  command = plan

  assert {
    condition     = !anytrue([for r in aws_vpc_security_group_ingress_rule.public : r.from_port <= 22 && r.to_port >= 22])
    error_message = "port 22 is closed"
  }
  assert {
    condition     = endswith(aws_iam_role_policy_attachment.sessions.policy_arn, "/AmazonSSMManagedInstanceCore")
    error_message = "operators come by Session Manager"
  }
}

run "the_metadata_service_needs_a_token_and_stops_at_the_host" {
  command = plan

  assert {
    condition     = aws_instance.host.metadata_options[0].http_tokens == "required"
    error_message = "IMDSv2 is required"
  }
  assert {
    condition     = aws_instance.host.metadata_options[0].http_put_response_hop_limit == 1
    error_message = "a container must not reach the role's credentials"
  }
}

run "every_disk_is_encrypted" {
  command = plan

  assert {
    condition     = aws_instance.host.root_block_device[0].encrypted && aws_ebs_volume.data.encrypted
    error_message = "root and data volume are encrypted"
  }
  assert {
    condition     = aws_kms_key.this.enable_key_rotation
    error_message = "the key is rotated"
  }
}

run "the_data_volume_is_apart_from_the_host" {
  command = plan

  assert {
    condition     = aws_ebs_volume.data.type == "gp3" && aws_ebs_volume.data.size == 50
    error_message = "the data volume is a gp3 volume of its own"
  }
  assert {
    condition     = aws_volume_attachment.data.stop_instance_before_detaching
    error_message = "PostgreSQL finishes before its disk goes away"
  }
  assert {
    condition     = aws_dlm_lifecycle_policy.data.policy_details[0].target_tags["Snapshot"] == aws_ebs_volume.data.tags["Snapshot"]
    error_message = "the snapshots are of the data volume"
  }
  assert {
    condition     = aws_dlm_lifecycle_policy.data.policy_details[0].schedule[0].retain_rule[0].count == 7
    error_message = "seven snapshots are kept"
  }
}

run "backups_are_locked_versioned_and_private" {
  command = plan

  assert {
    condition     = aws_s3_bucket.backups.object_lock_enabled && aws_s3_bucket_versioning.backups.versioning_configuration[0].status == "Enabled"
    error_message = "a lock needs versions"
  }
  assert {
    condition     = aws_s3_bucket_object_lock_configuration.backups.rule[0].default_retention[0].mode == "COMPLIANCE"
    error_message = "not even an administrator removes a backup early"
  }
  assert {
    condition     = aws_s3_bucket_public_access_block.backups.block_public_policy && aws_s3_bucket_public_access_block.backups.restrict_public_buckets
    error_message = "the bucket is private"
  }
}

run "nobody_may_prune_unless_named" {
  command = plan

  assert {
    condition     = length(aws_iam_role.pruner) == 0
    error_message = "without principals there is no such role"
  }
}

run "who_is_named_may_prune" {
  command = plan

  variables {
    backup_pruners = ["arn:aws:iam::123456789012:role/operations"]
  }

  assert {
    condition     = length(aws_iam_role.pruner) == 1
    error_message = "the role is there"
  }
}
