output "kubeconfig" {
  description = "How kubectl learns of the cluster."
  value       = "aws eks update-kubeconfig --region ${var.region} --name ${aws_eks_cluster.this.name}"
}

output "buckets" {
  description = "S3_BUCKET of kubernetes/base and destinationPath of kubernetes/eks/postgres.yaml."
  value       = { for name, bucket in aws_s3_bucket.this : name => bucket.id }
}

output "documents_key" {
  description = "How the documents service gets its key; hand it to kubernetes/secrets.sh."
  value       = "aws iam create-access-key --user-name ${aws_iam_user.documents.name}"
}
