locals {
  # The ARN of a bucket has no account, and after you delete a bucket, anyone may take its name. So the statement also
  # compares the account that owns the bucket.
  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/grant-destinations-permissions-to-s3.html
  sender_statements = [
    for number, sender in try(var.queue.allowed_senders, []) : {
      Sid       = "From${title(sender.service)}${number + 1}"
      Effect    = "Allow"
      Principal = { Service = "${sender.service}.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = local.queue_arn
      Condition = merge(
        { ArnEquals = { "aws:SourceArn" = sender.source_arn } },
        sender.service == "s3" ? { StringEquals = { "aws:SourceAccount" = local.arn_parts.account } } : {},
      )
    }
  ]

  extra_statements = [
    for statement in try(var.queue.policy_statements, []) : merge(
      {
        Effect    = statement.effect
        Principal = statement.principals
        Action    = statement.actions
        Resource  = local.queue_arn
      },
      statement.sid == null ? {} : { Sid = statement.sid },
      length(statement.conditions) == 0 ? {} : { Condition = statement.conditions },
    )
  ]

  # The policies are inline in the queues, because a separate resource would take 25 s for each.
  queue_policies = {
    for kind, queue in {
      source      = { arn = local.queue_arn, allowed = local.sender_statements, further = local.extra_statements }
      dead_letter = { arn = local.dead_letter_queue_arn, allowed = [], further = [] }
      } : kind => jsonencode({
        Version = "2012-10-17"
        Statement = concat(
          [{
            Sid       = "DenyInsecureTransport"
            Effect    = "Deny"
            Principal = "*"
            Action    = "sqs:*"
            Resource  = queue.arn
            Condition = { Bool = { "aws:SecureTransport" = "false" } }
          }],
          queue.allowed,
          queue.further,
        )
    })
  }
}

# For a FIFO queue, null becomes SQS's default here, because with null the provider would keep the previous value.
resource "aws_sqs_queue" "source" {
  count = local.creates_queue ? 1 : 0

  name                        = local.queue_name
  fifo_queue                  = var.queue.fifo
  content_based_deduplication = var.queue.content_based_deduplication
  deduplication_scope         = var.queue.fifo ? coalesce(var.queue.deduplication_scope, "queue") : null
  fifo_throughput_limit       = var.queue.fifo ? coalesce(var.queue.fifo_throughput_limit, "perQueue") : null
  visibility_timeout_seconds  = local.visibility_timeout_seconds
  message_retention_seconds   = var.queue.message_retention_seconds
  delay_seconds               = var.queue.delay_seconds
  receive_wait_time_seconds   = var.queue.receive_wait_time_seconds
  max_message_size            = var.queue.max_message_size_bytes
  sqs_managed_sse_enabled     = var.kms_key_arn == null ? true : null
  kms_master_key_id           = var.kms_key_arn
  policy                      = local.queue_policies.source

  # The ARN comes from the resource, not from its name, because SQS takes only a dead-letter queue that exists.
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letter[0].arn
    maxReceiveCount     = var.queue.max_receive_count
  })

  tags = var.tags
}

# It also exists without a queue: it keeps parked messages, and events that Lambda gives up on.
resource "aws_sqs_queue" "dead_letter" {
  count = local.uses_existing_queue ? 0 : 1

  name                      = local.dead_letter_queue_name
  fifo_queue                = local.fifo
  message_retention_seconds = local.dead_letter_retention_seconds
  sqs_managed_sse_enabled   = var.kms_key_arn == null ? true : null
  kms_master_key_id         = var.kms_key_arn
  policy                    = local.queue_policies.dead_letter

  redrive_allow_policy = jsonencode(merge(
    { redrivePermission = local.has_queue ? "byQueue" : "denyAll" },
    local.has_queue ? { sourceQueueArns = [local.queue_arn] } : {},
  ))

  tags = var.tags

  lifecycle {
    precondition {
      condition = length(local.dead_letter_queue_name) <= 80
      error_message = nonsensitive(join(" ", [for part in [
        "name =", "\"${var.name}\"", "makes the dead-letter queue's name", "\"${local.dead_letter_queue_name}\",",
        "which has", length(local.dead_letter_queue_name), "characters; SQS takes 80, and .fifo counts. Shorten the",
        "name to 62.",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }
  }
}
