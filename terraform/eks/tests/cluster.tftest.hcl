# What must be true of a plan, whatever the account is.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

run "the_api_is_closed_to_the_outside_unless_somebody_is_named" {
  command = plan

  assert {
    condition     = !aws_eks_cluster.this.vpc_config[0].endpoint_public_access && aws_eks_cluster.this.vpc_config[0].endpoint_private_access
    error_message = "the API is for the inside"
  }
}

run "who_is_named_reaches_the_api" {
  command = plan
  variables {
    operator_cidrs = ["192.0.2.0/24"]
  }

  assert {
    condition     = aws_eks_cluster.this.vpc_config[0].public_access_cidrs == toset(["192.0.2.0/24"])
    error_message = "operators, and nobody else"
  }
}

run "an_api_for_everybody_is_refused" {
  command = plan
  variables {
    operator_cidrs = ["0.0.0.0/0"]
  }
  expect_failures = [var.operator_cidrs]
}

run "one_zone_is_refused" {
  command = plan
  variables {
    zones = ["a"]
  }
  expect_failures = [var.zones]
}

run "secrets_of_the_cluster_are_encrypted_with_our_key" {
  command = plan

  assert {
    condition     = aws_eks_cluster.this.encryption_config[0].resources == toset(["secrets"])
    error_message = "secrets are encrypted"
  }
}

run "no_pod_reaches_the_credentials_of_its_node" {
  command = plan

  assert {
    condition     = aws_launch_template.nodes.metadata_options[0].http_tokens == "required" && aws_launch_template.nodes.metadata_options[0].http_put_response_hop_limit == 1
    error_message = "the metadata service stops at the node"
  }
}

run "nodes_are_in_private_subnets_of_three_zones" {
  command = plan

  assert {
    condition     = length(aws_subnet.private) == 3 && length(distinct([for s in aws_subnet.private : s.availability_zone])) == 3
    error_message = "three zones"
  }
  assert {
    condition     = length(setintersection([for s in aws_subnet.private : s.cidr_block], [for s in aws_subnet.public : s.cidr_block])) == 0
    error_message = "private and public subnets are apart"
  }
}

run "one_way_out_for_all_or_one_for_each_zone" {
  command = plan

  assert {
    condition     = length(aws_nat_gateway.this) == 1
    error_message = "the cheap way is one"
  }
}

run "one_way_out_for_each_zone" {
  command = plan
  variables {
    nat_per_zone = true
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 3
    error_message = "each zone has its own"
  }
}

run "network_policies_are_enforced" {
  command = plan

  assert {
    condition     = jsondecode(aws_eks_addon.this["vpc-cni"].configuration_values).enableNetworkPolicy == "true"
    error_message = "policies that nobody enforces protect nothing"
  }
}

run "each_identity_reaches_its_own_bucket" {
  command = plan

  assert {
    condition = alltrue([
      for s in concat(data.aws_iam_policy_document.documents.statement, data.aws_iam_policy_document.postgres.statement) :
      !contains(s.resources, "*") && alltrue([for a in s.actions : !strcontains(a, "*")])
    ])
    error_message = "no wildcard in what pods may do"
  }
}
