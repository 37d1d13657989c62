# Secrets are made by the host at its first start and kept in the Parameter Store, so that neither
# Terraform's state nor a plan nor the user data ever holds one, and a host that replaces another
# finds them. The host may add a parameter and may not change one: operators do that.

locals {
  secrets_path = "/${var.name}/secrets"

  # The same names as compose/init writes. Secrets that are not listed are made by it on the data volume.
  secrets = concat([
    "rpc-token",
    "postgres-password",
    "db-owner-password",
    "db-access-password",
    "db-contacts-password",
    "db-documents-password",
    "db-search-password",
    "meili-master-key",
    "owner-password",
    # Encrypts what the database holds of second factors and webhooks; keep a copy, as of the last.
    "sealing-key",
    "grafana-password",
    "operator-password",
    # Encrypts the backups; keep a copy outside of this account.
    "restic-password",
    # Encrypts the archive; likewise.
  ], var.archive ? ["archive-password"] : [])
}
