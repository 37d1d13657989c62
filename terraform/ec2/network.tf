# One public subnet with one host in it. No NAT, no load balancer: both cost more than the host.

resource "aws_vpc" "this" {
  cidr_block           = "10.20.0.0/24"
  enable_dns_hostnames = true
  enable_dns_support   = true

  tags = { Name = var.name }
}

# What is not assigned a security group can neither send nor receive.
resource "aws_default_security_group" "closed" {
  vpc_id  = aws_vpc.this.id
  ingress = []
  egress  = []
}

resource "aws_internet_gateway" "this" {
  vpc_id = aws_vpc.this.id

  tags = { Name = var.name }
}

resource "aws_subnet" "public" {
  vpc_id            = aws_vpc.this.id
  cidr_block        = "10.20.0.0/26"
  availability_zone = "${var.region}${var.availability_zone_suffix}"

  tags = { Name = "${var.name}-public" }
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.this.id

  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.this.id
  }

  tags = { Name = "${var.name}-public" }
}

resource "aws_route_table_association" "public" {
  subnet_id      = aws_subnet.public.id
  route_table_id = aws_route_table.public.id
}

resource "aws_security_group" "host" {
  name        = "${var.name}-host"
  description = "The web, and nothing else; operators come by Session Manager"
  vpc_id      = aws_vpc.this.id

  tags = { Name = "${var.name}-host" }

  lifecycle {
    create_before_destroy = true
  }
}

locals {
  # 80 answers certificate challenges and redirects; 443/udp is HTTP/3.
  public_ports = {
    http  = { port = 80, protocol = "tcp" }
    https = { port = 443, protocol = "tcp" }
    quic  = { port = 443, protocol = "udp" }
  }
  # Packages, images, certificates, AWS's own APIs. Names and time come from link-local addresses
  # that security groups do not apply to.
  outward_ports = {
    http  = { port = 80, protocol = "tcp" }
    https = { port = 443, protocol = "tcp" }
  }
}

resource "aws_vpc_security_group_ingress_rule" "public" {
  #checkov:skip=CKV_AWS_260:Port 80 is open on purpose: Caddy redirects it to 443 and answers ACME challenges on it
  for_each = local.public_ports

  security_group_id = aws_security_group.host.id
  description       = "${each.key} from anywhere"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = each.value.protocol
  from_port         = each.value.port
  to_port           = each.value.port
}

resource "aws_vpc_security_group_egress_rule" "outward" {
  for_each = local.outward_ports

  security_group_id = aws_security_group.host.id
  description       = "${each.key} to anywhere"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = each.value.protocol
  from_port         = each.value.port
  to_port           = each.value.port
}

# The interface and its address outlive the host, so that replacing it changes no DNS record.
resource "aws_network_interface" "host" {
  subnet_id       = aws_subnet.public.id
  security_groups = [aws_security_group.host.id]
  description     = "The host of ${var.name}"

  tags = { Name = "${var.name}-host" }
}

resource "aws_eip" "host" {
  domain            = "vpc"
  network_interface = aws_network_interface.host.id

  tags = { Name = var.name }

  depends_on = [aws_internet_gateway.this]
}

# Who spoke to whom, for the day something has happened.
resource "aws_cloudwatch_log_group" "flow" {
  name              = "/${var.name}/flow"
  retention_in_days = 365
  kms_key_id        = aws_kms_key.this.arn
}

resource "aws_flow_log" "this" {
  vpc_id          = aws_vpc.this.id
  traffic_type    = "REJECT"
  log_destination = aws_cloudwatch_log_group.flow.arn
  iam_role_arn    = aws_iam_role.flow.arn
}

data "aws_iam_policy_document" "flow_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["vpc-flow-logs.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

resource "aws_iam_role" "flow" {
  name               = "${var.name}-flow"
  description        = "VPC flow logs write their records"
  assume_role_policy = data.aws_iam_policy_document.flow_trust.json
}

data "aws_iam_policy_document" "flow" {
  statement {
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"]
    resources = ["${aws_cloudwatch_log_group.flow.arn}:*"]
  }
}

resource "aws_iam_role_policy" "flow" {
  name   = "write"
  role   = aws_iam_role.flow.id
  policy = data.aws_iam_policy_document.flow.json
}
