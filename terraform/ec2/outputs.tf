output "address" {
  description = "Point the A record of the site here."
  value       = aws_eip.host.public_ip
}

output "session" {
  description = "How an operator gets onto the host."
  value       = "aws ssm start-session --region ${var.region} --target ${aws_instance.host.id}"
}

output "owner_password" {
  description = "How the first owner's password is read."
  value       = "aws ssm get-parameter --region ${var.region} --with-decryption --query Parameter.Value --output text --name ${local.secrets_path}/owner-password"
}

output "backup_bucket" {
  description = "Where the backups are."
  value       = aws_s3_bucket.backups.id
}

output "data_volume" {
  description = "The volume with everything that must not be lost."
  value       = aws_ebs_volume.data.id
}
