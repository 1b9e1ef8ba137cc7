locals {
  # 1. Where we are. A data lookup of account and region would make offline plans impossible; the log
  # group depends on nothing and its ARN holds all three.
  here = regex("^arn:(?P<partition>[^:]+):logs:(?P<region>[^:]+):(?P<account>[^:]+):", aws_cloudwatch_log_group.function.arn)

  # 2. Names. Queue ARNs are built, not read: each queue's policy names itself, the two queues name each
  # other, and the role need not wait for them.
  queue_suffix           = var.queue.fifo ? ".fifo" : ""
  queue_name             = "${var.name}${local.queue_suffix}"
  dead_letter_queue_name = "${var.name}-dead-letters${local.queue_suffix}"
  queue_arn_prefix       = "arn:${local.here.partition}:sqs:${local.here.region}:${local.here.account}"
  queue_arn              = "${local.queue_arn_prefix}:${local.queue_name}"
  dead_letter_queue_arn  = "${local.queue_arn_prefix}:${local.dead_letter_queue_name}"

  # 3. Times, in seconds. reserve_seconds is RESERVE_MILLIS of the package: what it keeps back of every
  # invocation to answer (a test compares them).
  reserve_seconds            = 0.5
  lease_seconds              = var.function.timeout_seconds + var.idempotency.lease_margin_seconds
  mapping_visibility_seconds = 6 * var.function.timeout_seconds + var.queue.batching_window_seconds
  visibility_timeout_seconds = coalesce(var.queue.visibility_timeout_seconds, max(local.mapping_visibility_seconds, ceil(local.lease_seconds + 1)))

  # How long each kind of source may deliver a message again. Lambda keeps an event of an asynchronous
  # invocation for up to 6 hours:
  # https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
  stream_age_seconds       = max(0, [for stream in var.streams : stream.maximum_record_age_seconds]...)
  invocation_age_seconds   = length(var.function.invokers) > 0 ? 21600 : 0
  source_retention_seconds = max(var.queue.retention_seconds, local.stream_age_seconds, local.invocation_age_seconds)

  # A message may spend its whole life at its source, then its retention in the dead-letter queue, and
  # after a redrive one more in the queue; its record must outlive all three.
  record_retention_seconds = coalesce(var.idempotency.retention_seconds, local.source_retention_seconds + var.queue.dead_letter_retention_seconds + var.queue.retention_seconds)

  # 4. What the package reads (settings.py; a test compares the names). Rounded: a fraction of a second
  # has no exact binary form.
  settings = {
    IDEMPOTENCY_CONCURRENCY              = var.idempotency.concurrency
    IDEMPOTENCY_DEAD_LETTER_QUEUE_URL    = aws_sqs_queue.dead_letter.url
    IDEMPOTENCY_KEY                      = var.idempotency.key
    IDEMPOTENCY_LEASE_MARGIN_MILLIS      = floor(var.idempotency.lease_margin_seconds * 1000 + 0.5)
    IDEMPOTENCY_LOG_KEYS                 = var.idempotency.log_keys
    IDEMPOTENCY_MAX_RECEIVE_COUNT        = var.queue.max_receive_count
    IDEMPOTENCY_MINIMUM_REMAINING_MILLIS = floor(var.idempotency.minimum_remaining_seconds * 1000 + 0.5)
    IDEMPOTENCY_MODE                     = var.idempotency.mode
    IDEMPOTENCY_NAMESPACE                = coalesce(var.idempotency.namespace, var.name)
    IDEMPOTENCY_ON_INTERRUPTED           = var.idempotency.on_interrupted
    IDEMPOTENCY_PROCESSOR                = var.processor
    IDEMPOTENCY_RETENTION_SECONDS        = local.record_retention_seconds
    IDEMPOTENCY_TABLE                    = aws_dynamodb_table.records.name
  }

  # 5. What values are checked against. A rule about one variable is a validation of that variable; a
  # rule that joins several is a precondition of the resource it concerns, because variables whose
  # validations named each other would be a cycle.
  builtin_handler    = "idempotent_lambda.entrypoint.handler"
  services           = ["events", "s3", "sns"]
  starting_positions = ["AT_TIMESTAMP", "LATEST", "TRIM_HORIZON"]
  log_retention_days = [0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653]

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
  event_source_arn                   = aws_sqs_queue.source.arn
  function_name                      = aws_lambda_function.consumer.arn
  batch_size                         = var.queue.batch_size
  maximum_batching_window_in_seconds = var.queue.batching_window_seconds

  # Always on: without it one failed message brings back its whole batch.
  function_response_types = ["ReportBatchItemFailures"]

  dynamic "scaling_config" {
    for_each = var.queue.maximum_concurrency == null ? [] : [var.queue.maximum_concurrency]

    content {
      maximum_concurrency = scaling_config.value
    }
  }

  tags = var.tags
}

resource "aws_lambda_event_source_mapping" "stream" {
  for_each = var.streams

  event_source_arn                   = each.value.arn
  function_name                      = aws_lambda_function.consumer.arn
  enabled                            = each.value.enabled
  starting_position                  = each.value.starting_position
  starting_position_timestamp        = each.value.starting_position_timestamp
  batch_size                         = each.value.batch_size
  maximum_batching_window_in_seconds = each.value.batching_window_seconds
  parallelization_factor             = each.value.parallelization_factor

  # Finite, and with a destination: one record that always fails would otherwise hold up its shard until
  # it expires, and then be gone without a trace.
  bisect_batch_on_function_error = each.value.bisect_batch_on_error
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

  tags = var.tags
}
