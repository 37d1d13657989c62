# Everything that must not be lost. It outlives the host: cloud-init finds its file system by label
# and makes one only on a volume that has none.
resource "aws_ebs_volume" "data" {
  availability_zone = aws_subnet.public.availability_zone
  type              = "gp3"
  size              = var.data_volume_gib
  encrypted         = true
  kms_key_id        = aws_kms_key.this.arn

  tags = {
    Name     = "${var.name}-data"
    Snapshot = var.name
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_volume_attachment" "data" {
  device_name = "/dev/sdf"
  volume_id   = aws_ebs_volume.data.id
  instance_id = aws_instance.host.id
  # The host is stopped before its volume is taken away, so that PostgreSQL can finish.
  stop_instance_before_detaching = true
}
