locals {
  # 1. Where we are. A data lookup of account and region would make offline plans impossible; the log
  # group depends on nothing and its ARN holds all three.
  here = regex("^arn:(?P<partition>[^:]+):logs:(?P<region>[^:]+):(?P<account>[^:]+):", aws_cloudwatch_log_group.function.arn)

  # 2. Names. Queue ARNs are built, not read: each queue's policy names itself, the two queues name each
  # other, and the role need not wait for them.
  queue_name             = var.name
  dead_letter_queue_name = "${var.name}-dead-letters"
  queue_arn_prefix       = "arn:${local.here.partition}:sqs:${local.here.region}:${local.here.account}"
  queue_arn              = "${local.queue_arn_prefix}:${local.queue_name}"
  dead_letter_queue_arn  = "${local.queue_arn_prefix}:${local.dead_letter_queue_name}"

  # 3. Times, in seconds. reserve_seconds is RESERVE_MILLIS of the package: what it keeps back of every
  # invocation to answer (a test compares them).
  reserve_seconds            = 0.5
  lease_seconds              = var.function.timeout_seconds + var.idempotency.lease_margin_seconds
  mapping_visibility_seconds = 6 * var.function.timeout_seconds + var.queue.batching_window_seconds
  visibility_timeout_seconds = coalesce(var.queue.visibility_timeout_seconds, max(local.mapping_visibility_seconds, ceil(local.lease_seconds + 1)))

  # A message may spend its whole retention in the queue, then in the dead-letter queue, and after a
  # redrive once more in the queue; its record must outlive all three.
  record_retention_seconds = coalesce(var.idempotency.retention_seconds, 2 * var.queue.retention_seconds + var.queue.dead_letter_retention_seconds)

  # 4. What the package reads (settings.py; a test compares the names). Rounded: a fraction of a second
  # has no exact binary form.
  settings = {
    IDEMPOTENCY_CONCURRENCY              = var.idempotency.concurrency
    IDEMPOTENCY_KEY                      = var.idempotency.key
    IDEMPOTENCY_LEASE_MARGIN_MILLIS      = floor(var.idempotency.lease_margin_seconds * 1000 + 0.5)
    IDEMPOTENCY_LOG_KEYS                 = var.idempotency.log_keys
    IDEMPOTENCY_MAX_RECEIVE_COUNT        = var.queue.max_receive_count
    IDEMPOTENCY_MINIMUM_REMAINING_MILLIS = floor(var.idempotency.minimum_remaining_seconds * 1000 + 0.5)
    IDEMPOTENCY_NAMESPACE                = coalesce(var.idempotency.namespace, var.name)
    IDEMPOTENCY_PROCESSOR                = var.processor
    IDEMPOTENCY_RETENTION_SECONDS        = local.record_retention_seconds
    IDEMPOTENCY_TABLE                    = aws_dynamodb_table.records.name
  }

  # 5. What values are checked against. A rule about one variable is a validation of that variable; a
  # rule that joins several is a precondition of the resource it concerns, because variables whose
  # validations named each other would be a cycle.
  builtin_handler    = "idempotent_lambda.entrypoint.handler"
  log_retention_days = [0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653]

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
