locals {
  # 1. The least and the most of each number of the variable `queue`, with its unit.
  queue_ranges = {
    batch_size                         = [1, 10000, "messages; 10 suits most"]
    delay_seconds                      = [0, 900, "seconds"]
    max_message_size_bytes             = [1024, 1048576, "bytes, 1 MiB"]
    max_receive_count                  = [3, 1000, "receives; with fewer, a live claim would dead-letter good messages"]
    maximum_batching_window_in_seconds = [0, 300, "seconds; 0 does not wait"]
    maximum_concurrency                = [2, 1000, "invocations at a time; null for no limit"]
    message_retention_seconds          = [60, 1209600, "seconds, 14 days"]
    receive_wait_time_seconds          = [0, 20, "seconds"]
  }

  # 2. What a queue that exists has already. With `queue.existing` it keeps the default (a test compares them).
  queue_defaults = {
    allowed_senders             = []
    content_based_deduplication = false
    dead_letter_queue           = { message_retention_seconds = 1209600, name = null, policy_statements = [] }
    deduplication_scope         = null
    delay_seconds               = 0
    fifo                        = false
    fifo_throughput_limit       = null
    kms_key_arn                 = null
    max_message_size_bytes      = 262144
    max_receive_count           = 5
    message_retention_seconds   = 345600
    name                        = null
    policy_statements           = []
    receive_wait_time_seconds   = 0
    visibility_timeout_seconds  = null
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
  max_message_size            = var.queue.max_message_size_bytes # above 262144: hashicorp/aws 6.8
  sqs_managed_sse_enabled     = local.queue_key_arn == null ? true : null
  kms_master_key_id           = local.queue_key_arn
  policy                      = local.queue_policies.source

  # The ARN comes from the resource, not from its name, because SQS takes only a dead-letter queue that exists.
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letter[0].arn
    maxReceiveCount     = var.queue.max_receive_count
  })

  tags = local.tags.queue

  lifecycle {
    precondition {
      condition = local.has_provider_6 || var.queue.max_message_size_bytes <= 262144
      error_message = nonsensitive(join("", [for part in [
        "queue.max_message_size_bytes = ", var.queue.max_message_size_bytes, ", and hashicorp/aws 5 takes 262144 at ",
        "most. Use hashicorp/aws 6.8 or newer, or lower it to 262144 (256 KiB).",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }

    precondition {
      condition = local.queue_policy_bytes.source <= 8192
      error_message = nonsensitive(join("", [for part in [
        "queue.policy_statements and queue.allowed_senders make a policy of at least ", local.queue_policy_bytes.source,
        " bytes; SQS takes 8192 for a queue. Shorten them, such as with patterns in ArnLike, or give permissions to ",
        "the producers' roles instead.",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }
  }
}

# The dead-letter queue also gets events of asynchronous invocations, which have up to 1 MB, copies of the records of
# streams, and copies of messages, which have an attribute more. It takes at least 256 KiB, the most of provider 5. With
# provider 6, it takes SQS's most if events or records can come, or if the queue takes more than 256 KiB.
# https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
locals {
  dead_letter_size_bytes = local.has_provider_6 && (
    length(local.allowed_triggers) + length(local.streams) > 0 || try(var.queue.max_message_size_bytes > 262144, false)
  ) ? 1048576 : 262144
}

# It also exists without a queue: it keeps parked messages, and events that Lambda gives up on.
resource "aws_sqs_queue" "dead_letter" {
  count = local.uses_existing_queue ? 0 : 1

  name                      = local.dead_letter_queue_name
  fifo_queue                = local.fifo
  max_message_size          = local.dead_letter_size_bytes # above 262144: hashicorp/aws 6.8
  message_retention_seconds = local.dead_letter_retention_seconds
  sqs_managed_sse_enabled   = local.queue_key_arn == null ? true : null
  kms_master_key_id         = local.queue_key_arn
  policy                    = local.queue_policies.dead_letter

  redrive_allow_policy = jsonencode(merge(
    { redrivePermission = local.has_queue ? "byQueue" : "denyAll" },
    local.has_queue ? { sourceQueueArns = [local.queue_arn] } : {},
  ))

  tags = local.tags.queue

  lifecycle {
    precondition {
      condition = local.queue_policy_bytes.dead_letter <= 8192
      error_message = nonsensitive(join("", [for part in [
        "queue.dead_letter_queue.policy_statements makes a policy of at least ", local.queue_policy_bytes.dead_letter,
        " bytes; SQS takes 8192 for a queue. Shorten it, such as with patterns in ArnLike.",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }

    precondition {
      condition = length(local.dead_letter_queue_name) <= 80
      error_message = nonsensitive(join("", [for part in [
        "name = \"", var.name, "\" makes the dead-letter queue's name \"", local.dead_letter_queue_name, "\", which ",
        "has ", length(local.dead_letter_queue_name), " characters; SQS takes 80, and .fifo counts. Shorten the name ",
        "to 62, or set queue.dead_letter_queue.name.",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }

    precondition {
      condition = local.queue_name != local.dead_letter_queue_name
      error_message = nonsensitive(join("", [for part in [
        "The queue and the dead-letter queue would both have the name \"", local.queue_name, "\"; they are two ",
        "queues. Correct queue.name or queue.dead_letter_queue.name: the defaults are \"", var.name, "\" and \"",
        var.name, "-dead-letters\".",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }

    # A table that exists gives Region and account to the ARNs that are built. A mock has no ARN of SQS.
    postcondition {
      condition = (
        local.creates_table || !can(regex(local.sqs_arn, self.arn)) ?
        true : startswith(self.arn, "${local.queue_arn_prefix}:")
      )
      error_message = nonsensitive(join("", [for part in [
        "table.existing.arn = \"", local.table_arn, "\" is in another Region or account than the new dead-letter ",
        "queue, ${self.arn}; both must be in one. Give the ARN of a table there, or pass a provider of the table's ",
        "Region and account to the module: providers = { aws = aws.other }.",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }
  }
}
