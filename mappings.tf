resource "aws_lambda_event_source_mapping" "queue" {
  count = local.has_queue ? 1 : 0

  event_source_arn                   = local.uses_existing_queue ? local.queue_arn : aws_sqs_queue.source[0].arn
  function_name                      = local.target_arn
  enabled                            = var.queue.enabled
  batch_size                         = var.queue.batch_size
  maximum_batching_window_in_seconds = var.queue.maximum_batching_window_in_seconds

  # Always on: without it, Lambda delivers the whole batch again when one message fails.
  function_response_types = ["ReportBatchItemFailures"]

  # The key encrypts only the filters, which can contain secrets.
  kms_key_arn = length(var.queue.filters) > 0 ? local.function_key_arn : null

  dynamic "filter_criteria" {
    for_each = nonsensitive(length(var.queue.filters)) > 0 ? [length(var.queue.filters)] : []

    content {
      dynamic "filter" {
        for_each = range(nonsensitive(filter_criteria.value))

        content {
          pattern = var.queue.filters[filter.value]
        }
      }
    }
  }

  dynamic "metrics_config" {
    for_each = nonsensitive(var.queue.metrics) ? [["EventCount"]] : []

    content {
      metrics = metrics_config.value
    }
  }

  dynamic "scaling_config" {
    for_each = nonsensitive(var.queue.maximum_concurrency == null) ? [] : [var.queue.maximum_concurrency]

    content {
      maximum_concurrency = scaling_config.value
    }
  }

  dynamic "provisioned_poller_config" {
    for_each = nonsensitive(var.queue.provisioned_poller_config == null) ? [] : [var.queue.provisioned_poller_config]

    content {
      maximum_pollers = provisioned_poller_config.value.maximum_pollers
      minimum_pollers = provisioned_poller_config.value.minimum_pollers
    }
  }

  tags = local.tags.queue

  # Lambda rejects a mapping until the role may read.
  depends_on = [aws_iam_role_policy.function, terraform_data.location]

  lifecycle {
    precondition {
      condition = local.visibility_timeout_seconds >= local.mapping_visibility_seconds
      error_message = nonsensitive(join("", [for part in [
        "${local.queue_input}.visibility_timeout_seconds = ", local.visibility_timeout_seconds, " is below 6 × ",
        "${local.function_input}.timeout_seconds + queue.maximum_batching_window_in_seconds = ",
        local.mapping_visibility_seconds, " (seconds): while the function is throttled, messages would use up their ",
        "receives and be dead-lettered without a run. Raise it, ${local.queue_remedy}.",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }

    precondition {
      condition = local.visibility_timeout_seconds > local.lease_seconds
      error_message = nonsensitive(join("", [for part in [
        "${local.queue_input}.visibility_timeout_seconds = ", local.visibility_timeout_seconds, " is not above ",
        "${local.function_input}.timeout_seconds + idempotency.lease_margin_seconds = ", local.lease_seconds,
        " (seconds), the longest lease: after a crash, SQS would deliver a message again before its claim expires. ",
        "Raise it, ${local.queue_remedy}.",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }

    precondition {
      condition = (
        local.retention_seconds > var.queue.delay_seconds + local.max_receive_count * local.visibility_timeout_seconds
      )
      error_message = nonsensitive(join("", [for part in [
        "${local.queue_input}.message_retention_seconds = ", local.retention_seconds, " is not above delay + ",
        "max_receive_count × visibility timeout = ", var.queue.delay_seconds, " + ", local.max_receive_count, " × ",
        local.visibility_timeout_seconds, " (seconds): a failing message would expire before it reaches the ",
        "dead-letter queue. Raise the retention, or lower one of the others.",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }

    # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
    precondition {
      condition = var.queue.provisioned_poller_config == null || var.queue.maximum_concurrency == null
      error_message = nonsensitive(join("", [for part in [
        "queue.maximum_concurrency = ", coalesce(var.queue.maximum_concurrency, "null"), " is set together with ",
        "queue.provisioned_poller_config, and Lambda takes only one of them. Remove it, or the pollers, each of which ",
        "invokes the function up to 10 times at a time.",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }

    precondition {
      condition = (
        !var.queue.enabled || var.function.reserved_concurrency == null || var.queue.provisioned_poller_config == null
        ? true
        : 10 * var.queue.provisioned_poller_config.maximum_pollers <= var.function.reserved_concurrency
      )
      error_message = nonsensitive(join("", [for part in [
        "queue.provisioned_poller_config.maximum_pollers = ",
        try(var.queue.provisioned_poller_config.maximum_pollers, "null"), " does not keep the queue within ",
        "function.reserved_concurrency = ", coalesce(var.function.reserved_concurrency, "null"), ": each poller ",
        "invokes the function up to 10 times at a time, and messages that are throttled use up their receives and are ",
        "dead-lettered without a run. Raise function.reserved_concurrency to at least ",
        10 * try(var.queue.provisioned_poller_config.maximum_pollers, 2), ", or lower maximum_pollers; even 2, the ",
        "fewest, need 20.",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }

    precondition {
      condition = (
        !var.queue.enabled || var.function.reserved_concurrency == null || var.queue.provisioned_poller_config != null
        ? true
        : coalesce(var.queue.maximum_concurrency, 1000) <= var.function.reserved_concurrency
      )
      error_message = nonsensitive(join("", [for part in [
        "queue.maximum_concurrency = ", coalesce(var.queue.maximum_concurrency, "null"), " does not keep the queue ",
        "within function.reserved_concurrency = ", coalesce(var.function.reserved_concurrency, "null"), ": Lambda ",
        "would receive more messages than the function may run, and they would use up their receives and be ",
        "dead-lettered without a run. ", local.concurrency_remedy,
      ] : issensitive(part) ? "(sensitive)" : part]))
    }
  }
}

resource "aws_lambda_event_source_mapping" "stream" {
  for_each = local.streams # The names in streams must be known when Terraform plans. Use constants for them.

  event_source_arn                   = each.value.arn
  function_name                      = local.target_arn
  enabled                            = each.value.enabled
  starting_position                  = each.value.starting_position
  starting_position_timestamp        = each.value.starting_position_timestamp
  batch_size                         = each.value.batch_size
  maximum_batching_window_in_seconds = each.value.maximum_batching_window_in_seconds
  parallelization_factor             = each.value.parallelization_factor

  # Both limits are finite, and there is a destination. Otherwise a record that always fails would hold up its shard
  # until it expires, and then be lost without a report.
  bisect_batch_on_function_error = each.value.bisect_batch_on_function_error
  maximum_retry_attempts         = each.value.maximum_retry_attempts
  maximum_record_age_in_seconds  = each.value.maximum_record_age_seconds

  # Always on: without it, Lambda delivers the whole batch again when one record fails.
  function_response_types = ["ReportBatchItemFailures"]

  destination_config {
    on_failure {
      destination_arn = each.value.failure_destination_arn
    }
  }

  dynamic "filter_criteria" {
    for_each = nonsensitive(length(each.value.filters)) > 0 ? [length(each.value.filters)] : []

    content {
      dynamic "filter" {
        for_each = range(nonsensitive(filter_criteria.value))

        content {
          pattern = each.value.filters[filter.value]
        }
      }
    }
  }

  # As for the queue.
  kms_key_arn = length(each.value.filters) > 0 ? local.function_key_arn : null

  dynamic "metrics_config" {
    for_each = nonsensitive(each.value.metrics) ? [["EventCount"]] : []

    content {
      metrics = metrics_config.value
    }
  }

  tags = var.tags

  # Lambda rejects a mapping until the role may read.
  depends_on = [aws_iam_role_policy.function, terraform_data.location]

  lifecycle {
    precondition {
      condition = !contains([local.queue_arn, local.dead_letter_queue_arn], each.value.failure_destination_arn)
      error_message = nonsensitive(join("", [for part in [
        "streams.${each.key}.failure_destination_arn = \"", each.value.failure_destination_arn, "\" is the module's ",
        "own queue, and the function would read the report as a message. Give another queue, a topic or a bucket.",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }
  }
}
