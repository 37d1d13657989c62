data "aws_ssm_parameter" "ami" {
  name = var.ami_parameter
}

resource "aws_instance" "host" {
  ami           = data.aws_ssm_parameter.ami.insecure_value
  instance_type = var.instance_type
  ebs_optimized = true
  monitoring    = var.detailed_monitoring

  iam_instance_profile = aws_iam_instance_profile.host.name

  # Session tokens only; one hop, so that no container reaches the role's credentials.
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
    instance_metadata_tags      = "disabled"
  }

  network_interface {
    network_interface_id = aws_network_interface.host.id
    device_index         = 0
  }

  root_block_device {
    volume_type           = "gp3"
    volume_size           = 20
    encrypted             = true
    kms_key_id            = aws_kms_key.this.arn
    delete_on_termination = true
  }

  user_data_base64 = base64gzip(local.cloud_init)
  # The host holds nothing: another cloud-init is another host, with the same data volume and address.
  user_data_replace_on_change = true

  tags = { Name = var.name }

  lifecycle {
    # A new image every week must not replace the host every week; unattended upgrades mend it.
    ignore_changes = [ami]
  }

  depends_on = [
    aws_eip.host,
    aws_iam_role_policy.host,
  ]
}

locals {
  cloud_init = templatefile("${path.module}/cloud-init.yaml.tftpl", {
    name              = var.name
    region            = var.region
    secrets           = jsonencode(local.secrets)
    secrets_path      = local.secrets_path
    key_arn           = aws_kms_key.this.arn
    site              = var.site
    owner_email       = var.owner_email
    source_repository = var.source_repository
    source_ref        = var.source_ref
    image_registry    = var.image_registry
    archive_bucket    = var.archive ? aws_s3_bucket.backups.id : ""
    archive_prefix    = local.archive_prefix
    backup_repository = "s3:https://s3.${var.region}.amazonaws.com/${aws_s3_bucket.backups.id}/${local.backup_prefix}"
    # As the device calls itself: the order of NVMe devices is not fixed.
    data_volume_serial = replace(aws_ebs_volume.data.id, "-", "")
  })
}

# A host on broken hardware is started on other hardware, with the same volumes and address.
resource "aws_cloudwatch_metric_alarm" "recover" {
  alarm_name          = "${var.name}-recover"
  alarm_description   = "The hardware under the host has failed: AWS moves it"
  namespace           = "AWS/EC2"
  metric_name         = "StatusCheckFailed_System"
  dimensions          = { InstanceId = aws_instance.host.id }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 60
  evaluation_periods  = 2
  alarm_actions       = ["arn:${local.partition}:automate:${var.region}:ec2:recover"]
}
