locals {
  # A bucket's ARN names no account, and a deleted bucket's name is free for anyone: S3 must also tell
  # whose bucket it is.
  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/grant-destinations-permissions-to-s3.html
  sender_statements = [
    for number, sender in var.queue.senders : {
      Sid       = "From${title(sender.service)}${number + 1}"
      Effect    = "Allow"
      Principal = { Service = "${sender.service}.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = local.queue_arn
      Condition = merge(
        { ArnEquals = { "aws:SourceArn" = sender.source_arn } },
        sender.service == "s3" ? { StringEquals = { "aws:SourceAccount" = local.here.account } } : {},
      )
    }
  ]

  # Inline in each queue: as resources of their own they would cost 25 s each.
  queue_policies = {
    for arn, allowed in { (local.queue_arn) = local.sender_statements, (local.dead_letter_queue_arn) = [] } : arn => jsonencode({
      Version = "2012-10-17"
      Statement = concat(
        [{
          Sid       = "OnlyOverTls"
          Effect    = "Deny"
          Principal = "*"
          Action    = "sqs:*"
          Resource  = arn
          Condition = { Bool = { "aws:SecureTransport" = "false" } }
        }],
        allowed,
      )
    })
  }
}

resource "aws_sqs_queue" "source" {
  name                        = local.queue_name
  fifo_queue                  = var.queue.fifo
  content_based_deduplication = var.queue.content_based_deduplication
  visibility_timeout_seconds  = local.visibility_timeout_seconds
  message_retention_seconds   = var.queue.retention_seconds
  sqs_managed_sse_enabled     = true
  policy                      = local.queue_policies[local.queue_arn]

  # Read from the resource, not built: SQS takes only a dead-letter queue that exists.
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letter.arn
    maxReceiveCount     = var.queue.max_receive_count
  })

  tags = var.tags

  lifecycle {
    precondition {
      condition     = local.visibility_timeout_seconds >= local.mapping_visibility_seconds
      error_message = "queue.visibility_timeout_seconds = ${local.visibility_timeout_seconds} is below 6 × function.timeout_seconds + queue.batching_window_seconds = ${local.mapping_visibility_seconds} (seconds): while Lambda is throttled, messages would be received in vain until they are dead-lettered. Raise it, or set null to have it derived."
    }

    precondition {
      condition     = local.visibility_timeout_seconds > local.lease_seconds
      error_message = "queue.visibility_timeout_seconds = ${local.visibility_timeout_seconds} is not above function.timeout_seconds + idempotency.lease_margin_seconds = ${local.lease_seconds} (seconds), the longest lease: after a crash the redelivery would meet the dead worker's claim. Raise it, or set null to have it derived."
    }

    precondition {
      condition     = var.queue.retention_seconds > var.queue.max_receive_count * local.visibility_timeout_seconds
      error_message = "queue.retention_seconds = ${var.queue.retention_seconds} is not above queue.max_receive_count × visibility timeout = ${var.queue.max_receive_count} × ${local.visibility_timeout_seconds} (seconds): a failing message would expire before it reaches the dead-letter queue. Raise the retention, or lower one of the others."
    }
  }
}

resource "aws_sqs_queue" "dead_letter" {
  name                      = local.dead_letter_queue_name
  fifo_queue                = var.queue.fifo
  message_retention_seconds = var.queue.dead_letter_retention_seconds
  sqs_managed_sse_enabled   = true
  policy                    = local.queue_policies[local.dead_letter_queue_arn]

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [local.queue_arn]
  })

  tags = var.tags

  lifecycle {
    precondition {
      condition     = length(local.dead_letter_queue_name) <= 80
      error_message = "name = \"${var.name}\" makes the dead-letter queue's name \"${local.dead_letter_queue_name}\", which has ${length(local.dead_letter_queue_name)} characters; SQS takes 80, and with queue.fifo .fifo counts too. Shorten the name to 62."
    }
  }
}
