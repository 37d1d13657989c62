variable "region" {
  description = "Where everything is, backups included: copy them to another region if losing this one must be survived."
  type        = string
  default     = "eu-central-1"
}

variable "availability_zone_suffix" {
  description = "The zone of the host and of its data volume, which cannot move between zones."
  type        = string
  default     = "a"

  validation {
    condition     = can(regex("^[a-f]$", var.availability_zone_suffix))
    error_message = "One letter, such as \"a\"."
  }
}

variable "name" {
  description = "Names everything, so that two deployments can share an account."
  type        = string
  default     = "dossier"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,22}[a-z0-9]$", var.name))
    error_message = "3 to 24 lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "site" {
  description = "The host name people use. Its A record must point to the output `address`; Caddy gets a certificate for it."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$", var.site))
    error_message = "A host name with at least one dot, in lower case, without https://."
  }
}

variable "owner_email" {
  description = "The first owner's e-mail address. Used while there are no users."
  type        = string

  validation {
    condition     = can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", var.owner_email))
    error_message = "An e-mail address."
  }
}

variable "source_repository" {
  description = "Where the host clones this repository from, by https."
  type        = string

  validation {
    condition     = can(regex("^https://[A-Za-z0-9._~/:@%-]+$", var.source_repository))
    error_message = "An https:// address: the host has no SSH key."
  }
}

variable "source_ref" {
  description = "The tag or commit that is run. A changed value replaces nothing by itself: see the operator's guide on upgrades."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9._/-]*$", var.source_ref))
    error_message = "The name of a tag, or a commit."
  }
}

variable "image_registry" {
  description = "Where the images are pulled from, such as registry.example.org/dossier. Empty: the host builds them, which needs 8 GiB of memory."
  type        = string
  default     = ""
}

variable "instance_type" {
  description = "At least 4 GiB of memory; the budget is in the operator's guide."
  type        = string
  default     = "t3.medium"
}

variable "ami_parameter" {
  description = "The public SSM parameter that names the image: Ubuntu 24.04, which brings the SSM agent and a current Compose."
  type        = string
  default     = "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"
}

variable "data_volume_gib" {
  description = "Documents, database, search index, metrics and logs."
  type        = number
  default     = 50

  validation {
    condition     = var.data_volume_gib >= 20
    error_message = "At least 20 GiB."
  }
}

variable "snapshots_kept" {
  description = "Daily snapshots of the data volume that are kept."
  type        = number
  default     = 7

  validation {
    condition     = var.snapshots_kept >= 1 && var.snapshots_kept <= 1000
    error_message = "1 to 1000."
  }
}

variable "backup_lock_days" {
  description = "How long nobody, not even this account's administrators, may delete what a backup has written."
  type        = number
  default     = 8

  validation {
    condition     = var.backup_lock_days >= 7
    error_message = "At least 7 days, the time for which backups are kept."
  }
}

variable "backup_pruners" {
  description = "Principals (ARNs) that may assume the role that removes old backups. The host itself cannot remove any."
  type        = list(string)
  default     = []
}

variable "archive" {
  description = "Archive PostgreSQL's log to the bucket of the backups as it is written: what is lost with the host is half a minute of rows rather than a day's. About as much traffic again as the database writes."
  type        = bool
  default     = false
}

variable "detailed_monitoring" {
  description = "Metrics of the instance by the minute rather than every five; about 2 dollars a month."
  type        = bool
  default     = true
}
