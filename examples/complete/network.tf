# A network without internet access: the function reaches only DynamoDB and SQS, through endpoints.
resource "aws_vpc" "shop" {
  cidr_block           = "10.0.0.0/24"
  enable_dns_hostnames = true
  tags                 = merge(local.tags, { Name = var.name })
}

resource "aws_subnet" "private" {
  count = length(var.zones)

  vpc_id            = aws_vpc.shop.id
  cidr_block        = cidrsubnet(aws_vpc.shop.cidr_block, 2, count.index)
  availability_zone = "${local.arn_parts.region}${var.zones[count.index]}"
  tags              = merge(local.tags, { Name = "${var.name}-private-${var.zones[count.index]}" })
}

resource "aws_route_table" "private" {
  vpc_id = aws_vpc.shop.id
  tags   = merge(local.tags, { Name = "${var.name}-private" })
}

resource "aws_route_table_association" "private" {
  count = length(var.zones)

  subnet_id      = aws_subnet.private[count.index].id
  route_table_id = aws_route_table.private.id
}

# AWS creates this group with the network. Without rules, it allows nothing.
resource "aws_default_security_group" "shop" {
  vpc_id = aws_vpc.shop.id
  tags   = merge(local.tags, { Name = "${var.name}-default-unused" })
}

resource "aws_security_group" "function" {
  name        = "${var.name}-function"
  description = "The function: out to DynamoDB and SQS, nothing in."
  vpc_id      = aws_vpc.shop.id
  tags        = merge(local.tags, { Name = "${var.name}-function" })

  egress {
    description     = "DynamoDB, through its gateway endpoint"
    protocol        = "tcp"
    from_port       = 443
    to_port         = 443
    prefix_list_ids = [aws_vpc_endpoint.dynamodb.prefix_list_id]
  }

  egress {
    description     = "SQS, through its interface endpoint"
    protocol        = "tcp"
    from_port       = 443
    to_port         = 443
    security_groups = [aws_security_group.sqs.id]
  }
}

resource "aws_security_group" "sqs" {
  name        = "${var.name}-sqs"
  description = "The endpoint of SQS: in from the network."
  vpc_id      = aws_vpc.shop.id
  tags        = merge(local.tags, { Name = "${var.name}-sqs" })

  ingress {
    description = "HTTPS"
    protocol    = "tcp"
    from_port   = 443
    to_port     = 443
    cidr_blocks = [aws_vpc.shop.cidr_block]
  }
}

resource "aws_vpc_endpoint" "dynamodb" {
  vpc_id            = aws_vpc.shop.id
  service_name      = "com.amazonaws.${local.arn_parts.region}.dynamodb"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = [aws_route_table.private.id]
  tags              = merge(local.tags, { Name = "${var.name}-dynamodb" })
}

# In China and the isolated Regions, the name of the service begins with their domain, reversed:
# aws ec2 describe-vpc-endpoint-services
locals {
  sqs_endpoint_prefix = lookup(
    { aws-cn = "cn.com.amazonaws", aws-iso = "gov.ic.c2s", aws-iso-b = "gov.sgov.sc2s" },
    local.arn_parts.partition,
    "com.amazonaws",
  )
}

resource "aws_vpc_endpoint" "sqs" {
  vpc_id              = aws_vpc.shop.id
  service_name        = "${local.sqs_endpoint_prefix}.${local.arn_parts.region}.sqs"
  vpc_endpoint_type   = "Interface"
  private_dns_enabled = true
  subnet_ids          = aws_subnet.private[*].id
  security_group_ids  = [aws_security_group.sqs.id]
  tags                = merge(local.tags, { Name = "${var.name}-sqs" })
}

# Logs the traffic in the network: the calls of the function.
resource "aws_flow_log" "shop" {
  vpc_id          = aws_vpc.shop.id
  traffic_type    = "ALL"
  log_destination = aws_cloudwatch_log_group.flows.arn
  iam_role_arn    = aws_iam_role.flows.arn
  tags            = merge(local.tags, { Name = var.name })

  depends_on = [aws_iam_role_policy.flows]
}

resource "aws_cloudwatch_log_group" "flows" {
  name              = "/aws/vpc/${var.name}"
  retention_in_days = 365
  kms_key_id        = aws_kms_key.shop.arn
  tags              = local.tags
}

resource "aws_iam_role" "flows" {
  name_prefix = "${substr(var.name, 0, 31)}-flows-"
  description = "Lets the flow log of ${var.name} write to its log group."
  tags        = local.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "vpc-flow-logs.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = local.arn_parts.account } }
    }]
  })
}

# https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-role.html
resource "aws_iam_role_policy" "flows" {
  name = "flow-log"
  role = aws_iam_role.flows.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
        Resource = [aws_cloudwatch_log_group.flows.arn, "${aws_cloudwatch_log_group.flows.arn}:*"]
      },
      # IAM lets you allow this action only for all log groups together.
      {
        Effect   = "Allow"
        Action   = "logs:DescribeLogGroups"
        Resource = "${local.arn_prefixes.logs}:log-group:*"
      },
    ]
  })
}
