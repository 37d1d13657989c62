variable "region" {
  description = "Where everything is."
  type        = string
  default     = "eu-central-1"
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

variable "zones" {
  description = "Letters of the zones to be in; three survive the loss of one with PostgreSQL's majority intact."
  type        = list(string)
  default     = ["a", "b", "c"]

  validation {
    condition     = length(var.zones) >= 2 && length(distinct(var.zones)) == length(var.zones)
    error_message = "At least two different zones."
  }
}

variable "kubernetes_version" {
  description = "Of the cluster; kubernetes/ is checked against it."
  type        = string
  default     = "1.36"
}

variable "operator_cidrs" {
  description = "From where the cluster's API can be reached from outside. Empty: only from inside the network."
  type        = list(string)
  default     = []

  validation {
    condition     = !contains(var.operator_cidrs, "0.0.0.0/0")
    error_message = "The API is not for everybody."
  }
}

variable "instance_types" {
  description = "Of the nodes."
  type        = list(string)
  default     = ["t3.large"]
}

variable "nodes" {
  description = "How many nodes there are at least and at most."
  type        = object({ min = number, max = number })
  default     = { min = 3, max = 6 }

  validation {
    condition     = var.nodes.min >= 2 && var.nodes.max >= var.nodes.min
    error_message = "At least two nodes, and no more at least than at most."
  }
}

variable "nat_per_zone" {
  description = "A way out for each zone (about 35 dollars a month each) rather than one for all: the loss of its zone leaves the others without."
  type        = bool
  default     = false
}
