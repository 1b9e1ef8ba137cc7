# One key for everything but the function's log. Its policy has a statement for each service that uses the key on its
# own behalf. The module gives the function's role the permissions that it needs.
resource "aws_kms_key" "shop" {
  description             = "Encrypts the orders of ${var.name}."
  enable_key_rotation     = true
  deletion_window_in_days = 7
  tags                    = local.tags

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      # IAM policies of the account decide who may use the key, such as you, the producers and the function's role.
      {
        Sid       = "Account"
        Effect    = "Allow"
        Principal = { AWS = "arn:${local.arn_parts.partition}:iam::${local.arn_parts.account}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
      # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
      {
        Sid       = "NetworkLog"
        Effect    = "Allow"
        Principal = { Service = local.logs_principal }
        Action    = ["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"]
        Resource  = "*"
        Condition = {
          ArnLike = {
            "kms:EncryptionContext:aws:logs:arn" = "${local.arn_prefixes.logs}:log-group:/aws/vpc/${var.name}*"
          }
        }
      },
      # EventBridge sends events to the queue, and CloudWatch sends alarms to the topic. Neither page names a condition
      # that would work for these services.
      # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
      # https://repost.aws/knowledge-center/cloudwatch-configure-alarm-sns
      {
        Sid       = "EventsAndAlarms"
        Effect    = "Allow"
        Principal = { Service = ["cloudwatch.amazonaws.com", "events.amazonaws.com"] }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
        Resource  = "*"
      },
      # https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html#filter-criteria-encryption
      {
        Sid       = "Filters"
        Effect    = "Allow"
        Principal = { Service = "lambda.${local.arn_parts.region}.amazonaws.com" }
        Action    = "kms:Decrypt"
        Resource  = "*"
        Condition = {
          ArnLike = {
            "kms:EncryptionContext:aws:lambda:FunctionArn" = "${local.arn_prefixes.lambda}:function:${var.name}-charge*"
          }
        }
      },
    ]
  })
}

resource "aws_kms_alias" "shop" {
  name          = "alias/${var.name}"
  target_key_id = aws_kms_key.shop.key_id
}

# Another key for the function's log: who may read log lines need not read orders. The log group uses the key on its own
# behalf, so the function's role needs no permission for it.
resource "aws_kms_key" "logs" {
  description             = "Encrypts the log of ${var.name}."
  enable_key_rotation     = true
  deletion_window_in_days = 7
  tags                    = local.tags

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "Account"
        Effect    = "Allow"
        Principal = { AWS = "arn:${local.arn_parts.partition}:iam::${local.arn_parts.account}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
      {
        Sid       = "FunctionLog"
        Effect    = "Allow"
        Principal = { Service = local.logs_principal }
        Action    = ["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"]
        Resource  = "*"
        Condition = {
          ArnLike = {
            "kms:EncryptionContext:aws:logs:arn" = "${local.arn_prefixes.logs}:log-group:/aws/lambda/${var.name}*"
          }
        }
      },
    ]
  })
}
