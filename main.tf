locals {
  # 1. What the module creates and what exists already. Whether an object is null is known when terraform plans,
  # even while the ARN in it is not. But try() of what holds something unknown is unknown: not here.
  creates_function    = var.function.existing == null
  creates_table       = var.table.existing == null
  has_queue           = var.queue != null
  uses_existing_queue = var.queue == null ? false : var.queue.existing != null
  creates_queue       = local.has_queue && !local.uses_existing_queue
  uses_existing_role  = var.function.existing == null ? false : var.function.existing.role != null

  # What the settings below depend on must not depend on var.function: an existing function gets them as its
  # environment, and so its ARN comes later.

  # 2. Where we are. A data lookup of account and region would make offline plans impossible; the table's ARN
  # holds all three, and every consumer has a table.
  table_arn  = local.creates_table ? aws_dynamodb_table.records[0].arn : var.table.existing.arn
  table_name = local.creates_table ? aws_dynamodb_table.records[0].name : split("/", var.table.existing.arn)[1]
  arn_parts  = regex("^arn:(?P<partition>[^:]+):dynamodb:(?P<region>[^:]+):(?P<account>[^:]+):", local.table_arn)

  # 3. Names. ARNs of queues made here are built, not read: each queue's policy names itself, the two queues
  # name each other, and the role need not wait for them.
  fifo                   = local.uses_existing_queue ? endswith(var.queue.existing.arn, ".fifo") : try(var.queue.fifo, false)
  queue_suffix           = local.creates_queue && local.fifo ? ".fifo" : ""
  queue_name             = local.uses_existing_queue ? split(":", var.queue.existing.arn)[5] : "${var.name}${local.queue_suffix}"
  dead_letter_queue_name = local.uses_existing_queue ? split(":", var.queue.existing.dead_letter_queue.arn)[5] : "${var.name}-dead-letters${local.queue_suffix}"
  queue_arn_prefix       = "arn:${local.arn_parts.partition}:sqs:${local.arn_parts.region}:${local.arn_parts.account}"
  queue_arn              = local.uses_existing_queue ? var.queue.existing.arn : "${local.queue_arn_prefix}:${local.queue_name}"
  dead_letter_queue_arn  = local.uses_existing_queue ? var.queue.existing.dead_letter_queue.arn : "${local.queue_arn_prefix}:${local.dead_letter_queue_name}"
  dead_letter_queue_url  = local.uses_existing_queue ? var.queue.existing.dead_letter_queue.url : aws_sqs_queue.dead_letter[0].url
  namespace              = coalesce(var.idempotency.namespace, var.name)

  # 4. Times, in seconds. reserve_seconds is RESERVE_MILLIS of the package: what it keeps back of every
  # invocation to answer (a test compares them).
  reserve_seconds               = 0.5
  retention_seconds             = local.uses_existing_queue ? var.queue.existing.message_retention_seconds : try(var.queue.message_retention_seconds, 0)
  dead_letter_retention_seconds = local.uses_existing_queue ? var.queue.existing.dead_letter_queue.message_retention_seconds : try(var.queue.dead_letter_queue.message_retention_seconds, local.max_retention_seconds)
  max_retention_seconds         = 1209600
  max_receive_count             = local.uses_existing_queue ? var.queue.existing.max_receive_count : try(var.queue.max_receive_count, null)

  # How long each kind of source may deliver a message again. Lambda keeps an event of an asynchronous
  # invocation for up to 6 hours:
  # https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
  stream_age_seconds       = max(0, [for stream in var.streams : stream.maximum_record_age_seconds]...)
  invocation_age_seconds   = length(var.allowed_triggers) > 0 ? 21600 : 0
  source_retention_seconds = max(local.retention_seconds, local.stream_age_seconds, local.invocation_age_seconds)

  # A message may spend its whole life at its source, then its retention in the dead-letter queue, and
  # after a redrive one more in the queue; its record must outlive all three.
  record_retention_seconds = coalesce(var.idempotency.retention_seconds, local.source_retention_seconds + local.dead_letter_retention_seconds + local.retention_seconds)

  # Services that may have wrapped what a message of the queue holds. A service of allowed_triggers may, too: Lambda
  # keeps an event that fails to the end of its retries in the dead-letter queue, and a redrive may bring it
  # into a queue that the function reads.
  named_services = concat(
    [for sender in local.has_queue ? var.queue.allowed_senders : [] : sender.service],
    [for trigger in var.allowed_triggers : trigger.service],
  )
  unwrap = sort(distinct(coalesce(local.has_queue ? var.queue.unwrap : null, local.named_services)))

  # 5. What the package reads (settings.py; a test compares the names). Rounded: a fraction of a second
  # has no exact binary form.
  settings = {
    IDEMPOTENCY_CONCURRENCY              = var.idempotency.concurrency
    IDEMPOTENCY_KEY                      = var.idempotency.key
    IDEMPOTENCY_LEASE_MARGIN_MILLIS      = floor(var.idempotency.lease_margin_seconds * 1000 + 0.5)
    IDEMPOTENCY_LOG_KEYS                 = var.idempotency.log_keys
    IDEMPOTENCY_MAX_RECEIVE_COUNT        = local.max_receive_count
    IDEMPOTENCY_METRICS                  = local.writes_metrics ? "on" : "off"
    IDEMPOTENCY_MINIMUM_REMAINING_MILLIS = floor(var.idempotency.minimum_remaining_seconds * 1000 + 0.5)
    IDEMPOTENCY_MODE                     = var.idempotency.mode
    IDEMPOTENCY_NAMESPACE                = local.namespace
    IDEMPOTENCY_ON_INTERRUPTED           = var.idempotency.on_interrupted
    IDEMPOTENCY_PROCESSOR                = var.processor
    IDEMPOTENCY_RETENTION_SECONDS        = local.record_retention_seconds
    IDEMPOTENCY_UNWRAP                   = length(local.unwrap) > 0 ? join(",", local.unwrap) : null
  }

  # What may be unknown while terraform plans, apart from what may be null: whether a null that is unknown is
  # to be left out is unknown itself, and the plan would show none of the settings.
  resource_environment = {
    IDEMPOTENCY_DEAD_LETTER_QUEUE_URL = local.dead_letter_queue_url
    IDEMPOTENCY_TABLE                 = local.table_name
  }
  environment = merge({ for name, value in local.settings : name => tostring(value) if value != null }, local.resource_environment)

  # 6. From here on, what depends on the function.
  function_name              = local.creates_function ? coalesce(var.function.name, var.name) : split(":", var.function.existing.arn)[6]
  timeout_seconds            = local.creates_function ? var.function.timeout_seconds : var.function.existing.timeout_seconds
  lease_seconds              = local.timeout_seconds + var.idempotency.lease_margin_seconds
  mapping_visibility_seconds = 6 * local.timeout_seconds + try(var.queue.maximum_batching_window_in_seconds, 0)
  visibility_timeout_seconds = local.uses_existing_queue ? var.queue.existing.visibility_timeout_seconds : coalesce(try(var.queue.visibility_timeout_seconds, null), max(local.mapping_visibility_seconds, ceil(local.lease_seconds + 1)))

  # What Lambda calls, and where a wrapper of a monitoring service reads what it has to call in turn.
  entry_point         = coalesce(var.function.wrapper, var.function.handler)
  wrapper_variable    = try(local.wrapper_variables[split(".", var.function.wrapper)[0]], null)
  wrapper_environment = local.wrapper_variable == null ? {} : { (local.wrapper_variable) = var.function.handler }
  wrapper_variables = {
    datadog_lambda          = "DD_LAMBDA_HANDLER"
    newrelic_lambda_wrapper = "NEW_RELIC_LAMBDA_HANDLER"
    sentry_sdk              = "SENTRY_INITIAL_HANDLER"
  }

  # How messages name what was said of function and queue, and where to change it.
  function_input = local.creates_function ? "function" : "function.existing"
  queue_input    = local.uses_existing_queue ? "queue.existing" : "queue"
  queue_remedy   = local.uses_existing_queue ? "where the queue is declared, and here" : "or set null to have it derived"

  # Where the existing parts are, by Region and account.
  existing_arns = concat(
    local.creates_function ? [] : [var.function.existing.arn],
    local.creates_table ? [] : [var.table.existing.arn],
    local.uses_existing_queue ? [var.queue.existing.arn, var.queue.existing.dead_letter_queue.arn] : [],
  )
  existing_locations = distinct([for arn in local.existing_arns : join(" ", slice(split(":", arn), 3, 5))])

  # What the mappings invoke.
  target_arn = try(aws_lambda_alias.consumer[0].arn, aws_lambda_function.consumer[0].arn, var.function.existing.arn)

  # 7. The constants that rules need. A rule about one variable is a validation of that variable. Variables whose
  # validations name each other would be a cycle, so a rule that joins several is a precondition: of the resource, if
  # it concerns one that the module creates, and otherwise of terraform_data.checks (checks.tf).
  builtin_handler    = "idempotent_lambda.entrypoint.handler"
  services           = ["events", "s3", "sns"]
  wrappers           = ["events", "pipes", "s3", "sns"]
  starting_positions = ["AT_TIMESTAMP", "LATEST", "TRIM_HORIZON"]
  log_retention_days = [0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653]

  kms_key_arn = "^arn:[^:]+:kms:[^:]+:[0-9]{12}:key/.+$"

  source_arns = {
    events = "^arn:[^:]+:events:[^:]+:[0-9]{12}:rule/.+$"
    s3     = "^arn:[^:]+:s3:::[^/]+$"
    sns    = "^arn:[^:]+:sns:[^:]+:[0-9]{12}:.+$"
  }
  stream_arns = {
    dynamodb = "^arn:[^:]+:dynamodb:[^:]+:[0-9]{12}:table/[^/]+/stream/.+$"
    kinesis  = "^arn:[^:]+:kinesis:[^:]+:[0-9]{12}:stream/.+$"
  }

  # https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html, without the names that
  # start with _, which the syntax rule refuses.
  reserved_environment = [
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
  ]
}

resource "aws_lambda_event_source_mapping" "queue" {
  count = local.has_queue ? 1 : 0

  event_source_arn                   = local.uses_existing_queue ? local.queue_arn : aws_sqs_queue.source[0].arn
  function_name                      = local.target_arn
  enabled                            = var.queue.enabled
  batch_size                         = var.queue.batch_size
  maximum_batching_window_in_seconds = var.queue.maximum_batching_window_in_seconds

  # Always on: without it one failed message brings back its whole batch.
  function_response_types = ["ReportBatchItemFailures"]

  # What the filters name may be secret; nothing else of a mapping is encrypted.
  kms_key_arn = length(var.queue.filters) > 0 ? var.kms_key_arn : null

  dynamic "filter_criteria" {
    for_each = length(var.queue.filters) > 0 ? [var.queue.filters] : []

    content {
      dynamic "filter" {
        for_each = filter_criteria.value

        content {
          pattern = filter.value
        }
      }
    }
  }

  dynamic "metrics_config" {
    for_each = var.queue.metrics ? [["EventCount"]] : []

    content {
      metrics = metrics_config.value
    }
  }

  dynamic "scaling_config" {
    for_each = var.queue.maximum_concurrency == null ? [] : [var.queue.maximum_concurrency]

    content {
      maximum_concurrency = scaling_config.value
    }
  }

  tags = var.tags

  # Lambda refuses a mapping until the role may read.
  depends_on = [aws_iam_role_policy.function]

  lifecycle {
    precondition {
      condition     = local.visibility_timeout_seconds >= local.mapping_visibility_seconds
      error_message = "${local.queue_input}.visibility_timeout_seconds = ${local.visibility_timeout_seconds} is below 6 × ${local.function_input}.timeout_seconds + queue.maximum_batching_window_in_seconds = ${local.mapping_visibility_seconds} (seconds): while Lambda is throttled, messages would be received in vain until they are dead-lettered. Raise it, ${local.queue_remedy}."
    }

    precondition {
      condition     = local.visibility_timeout_seconds > local.lease_seconds
      error_message = "${local.queue_input}.visibility_timeout_seconds = ${local.visibility_timeout_seconds} is not above ${local.function_input}.timeout_seconds + idempotency.lease_margin_seconds = ${local.lease_seconds} (seconds), the longest lease: after a crash the redelivery would meet the dead worker's claim. Raise it, ${local.queue_remedy}."
    }

    precondition {
      condition     = local.retention_seconds > var.queue.delay_seconds + local.max_receive_count * local.visibility_timeout_seconds
      error_message = "${local.queue_input}.message_retention_seconds = ${local.retention_seconds} is not above delay + max_receive_count × visibility timeout = ${var.queue.delay_seconds} + ${local.max_receive_count} × ${local.visibility_timeout_seconds} (seconds): a failing message would expire before it reaches the dead-letter queue. Raise the retention, or lower one of the others."
    }

    # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
    precondition {
      condition     = !var.queue.enabled || var.function.reserved_concurrency == null ? true : coalesce(var.queue.maximum_concurrency, 1000) <= var.function.reserved_concurrency
      error_message = "queue.maximum_concurrency = ${coalesce(var.queue.maximum_concurrency, "null")} does not keep the queue within function.reserved_concurrency = ${coalesce(var.function.reserved_concurrency, "null")}: Lambda would receive more messages than it may process, in vain, until they are dead-lettered. Set the first to at most the second (at least 2), or set queue.enabled = false."
    }
  }
}

resource "aws_lambda_event_source_mapping" "stream" {
  for_each = var.streams

  event_source_arn                   = each.value.arn
  function_name                      = local.target_arn
  enabled                            = each.value.enabled
  starting_position                  = each.value.starting_position
  starting_position_timestamp        = each.value.starting_position_timestamp
  batch_size                         = each.value.batch_size
  maximum_batching_window_in_seconds = each.value.maximum_batching_window_in_seconds
  parallelization_factor             = each.value.parallelization_factor

  # Finite, and with a destination: one record that always fails would otherwise hold up its shard until
  # it expires, and then be gone without a trace.
  bisect_batch_on_function_error = each.value.bisect_batch_on_function_error
  maximum_retry_attempts         = each.value.maximum_retry_attempts
  maximum_record_age_in_seconds  = each.value.maximum_record_age_seconds

  # Always on: without it one failed record brings back its whole batch.
  function_response_types = ["ReportBatchItemFailures"]

  destination_config {
    on_failure {
      destination_arn = each.value.failure_destination_arn
    }
  }

  dynamic "filter_criteria" {
    for_each = length(each.value.filters) > 0 ? [each.value.filters] : []

    content {
      dynamic "filter" {
        for_each = filter_criteria.value

        content {
          pattern = filter.value
        }
      }
    }
  }

  # As for the queue.
  kms_key_arn = length(each.value.filters) > 0 ? var.kms_key_arn : null

  dynamic "metrics_config" {
    for_each = each.value.metrics ? [["EventCount"]] : []

    content {
      metrics = metrics_config.value
    }
  }

  tags = var.tags

  # Lambda refuses a mapping until the role may read.
  depends_on = [aws_iam_role_policy.function]

  lifecycle {
    precondition {
      condition     = !contains([local.queue_arn, local.dead_letter_queue_arn], each.value.failure_destination_arn)
      error_message = "streams.${each.key}.failure_destination_arn = \"${each.value.failure_destination_arn}\" is the module's own queue, which would read the notice as a message. Give a queue or topic of its own."
    }
  }
}
