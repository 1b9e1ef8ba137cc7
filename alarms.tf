locals {
  # 1. The names of all alarms, which alarms.disabled takes, and the attributes of alarms that set their thresholds.
  alarm_names = [
    "dead_letter_errors", "dead_letters", "delivery_failures", "duration", "errors", "iterator_age", "lost_leases",
    "message_age", "parked", "table_throttles", "table_unavailable", "takeovers", "throttles",
  ]
  alarm_thresholds = [
    "dead_letter_errors", "dead_letters", "delivery_failures", "duration_percent", "errors", "iterator_age_seconds",
    "lost_leases", "message_age_seconds", "parked", "table_throttles", "table_unavailable", "takeovers", "throttles",
  ]

  # 2. The alarms that watch the package's own metrics. Each metric costs, so by default the package writes them only if
  # an alarm or the dashboard uses them, or somebody asks for them by name.
  message_alarms   = ["lost_leases", "parked", "table_unavailable", "takeovers"]
  metric_namespace = "IdempotentLambda"
  needs_metrics = nonsensitive(var.dashboard || var.idempotency.metrics_by_decorated_name || (
    var.alarms == null ? false : length(setsubtract(local.message_alarms, var.alarms.disabled)) > 0
  ))
  writes_metrics  = var.idempotency.metrics != null ? var.idempotency.metrics : local.needs_metrics
  metrics_on      = var.idempotency.metrics_by_decorated_name ? "by_decorated_name" : "on"
  metrics_setting = local.writes_metrics ? local.metrics_on : "off"

  # 3. The alarms that the module creates. Without their source, some metrics never have data. These ask the resources,
  # as location.tf does: if Terraform cannot know the names of streams or triggers, only the resources have the error.
  wanted_alarms = nonsensitive(toset([
    for name in local.alarm_names : name
    if(var.alarms == null ? false : !contains(var.alarms.disabled, name)) && lookup({
      dead_letter_errors = length(aws_lambda_permission.invoker) > 0
      delivery_failures  = length(aws_lambda_event_source_mapping.stream) > 0
      iterator_age       = length(aws_lambda_event_source_mapping.stream) > 0
      message_age        = local.has_queue
    }, name, true)
  ]))
  evaluation_periods = {
    for name in local.alarm_names : name => coalesce(try(var.alarms.evaluation_periods[name], null), 1)
  }

  # 4. The dimensions that find the metrics of each resource.
  dead_letter_dimensions = { QueueName = local.dead_letter_queue_name }
  function_dimensions    = { FunctionName = local.function_name }
  queue_dimensions       = { QueueName = local.queue_name }
  table_dimensions       = { TableName = local.table_name }

  # After this time, SQS has moved a message that always fails to the dead-letter queue. A message's age includes its
  # delay.
  dead_lettered_after_seconds = try(
    var.queue.delay_seconds + local.max_receive_count * local.visibility_timeout_seconds,
    null,
  )

  # 5. The alarms, by name. A count is summed over five minutes. A level is measured each minute, so that its alarm ends
  # soon after the level goes down.
  alarms = {
    dead_letter_errors = {
      namespace  = "AWS/Lambda"
      metrics    = ["DeadLetterErrors"]
      dimensions = local.function_dimensions
      statistic  = "Sum"
      period     = 300
      threshold  = try(var.alarms.dead_letter_errors, null)
      description = join(" ", [
        "An event of allowed_triggers failed until the end of its retries, and Lambda could not send it to",
        "${local.dead_letter_queue_name}. Lambda does not keep it. The event may be larger than the queue takes, or",
        "the role may not send to the queue or use its key. Its message may have run in part.",
      ])
      runbook = ["An event or a report is lost"]
    }
    dead_letters = {
      namespace  = "AWS/SQS"
      metrics    = ["ApproximateNumberOfMessagesVisible"]
      dimensions = local.dead_letter_dimensions
      statistic  = "Maximum"
      period     = 60
      threshold  = try(var.alarms.dead_letters, null)
      description = join(" ", [
        "${local.dead_letter_queue_name} holds messages. Each one failed or was rejected until its last receive, or is",
        "parked, or is an event that Lambda gave up on. None of them runs again by itself. SQS deletes them when the",
        "queue's retention ends.",
      ])
      runbook = ["A message is in the dead-letter queue"]
    }
    # For streams, too: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
    delivery_failures = {
      namespace  = "AWS/Lambda"
      metrics    = ["DestinationDeliveryFailures"]
      dimensions = local.function_dimensions
      statistic  = "Sum"
      period     = 300
      threshold  = try(var.alarms.delivery_failures, null)
      description = join(" ", [
        "Lambda gave up on records of a stream of ${local.function_name}, and could not send the report about them to",
        "the failure destination. The records did not run to their end, and nothing else names them. The destination",
        "may be deleted, or the role may not send to it or use its key.",
      ])
      runbook = ["An event or a report is lost"]
    }
    duration = {
      namespace  = "AWS/Lambda"
      metrics    = ["Duration"]
      dimensions = local.function_dimensions
      statistic  = "Maximum"
      period     = 300
      threshold  = try(local.timeout_seconds * 10 * var.alarms.duration_percent, null)
      description = join(" ", [
        "An invocation of ${local.function_name} took almost as long as its timeout, or timed out. If it timed out,",
        "the side effects of the messages that it interrupted may happen twice. Find out why it is slow. Then lower",
        "the batch size, or raise the timeout.",
      ])
      runbook = ["A run is slow"]
    }
    errors = {
      namespace  = "AWS/Lambda"
      metrics    = ["Errors"]
      dimensions = local.function_dimensions
      statistic  = "Sum"
      period     = 300
      threshold  = try(var.alarms.errors, null)
      description = join(" ", [
        "Invocations of ${local.function_name} ended in an error. They were killed, timed out, failed at their start,",
        "or were direct invocations that did not complete. A message that fails in a batch does not count. If an",
        "invocation was interrupted, the side effects of its messages may happen twice.",
      ])
      runbook = ["A run that left no line"]
    }
    # In milliseconds. Lambda measures the age of each batch that it processes, and retries are minutes apart. So a
    # minute without data does not show that the age has gone down.
    iterator_age = {
      namespace  = "AWS/Lambda"
      metrics    = ["IteratorAge"]
      dimensions = local.function_dimensions
      statistic  = "Maximum"
      period     = 300
      threshold  = try(1000 * coalesce(var.alarms.iterator_age_seconds, local.behind_after_seconds), null)
      description = join(" ", [
        "${local.function_name} reads records of a stream so late that Lambda may give up on them, or the stream may",
        "delete them, before they run. The function is too slow or throttled, or one record fails and holds up its",
        "shard. While Lambda invokes nothing, there is no data, and this alarm ends.",
      ])
      runbook = ["A stream is behind", "A group is held up"]
    }
    lost_leases = {
      namespace  = local.metric_namespace
      metrics    = ["lost_leases"]
      dimensions = local.function_dimensions
      statistic  = "Sum"
      period     = 300
      threshold  = try(var.alarms.lost_leases, null)
      description = join(" ", [
        "${local.function_name} finished a message after its lease was over. By then, another run had the record, or",
        "the record was gone. The side effect may have happened twice. Compare the results of both runs.",
      ])
      runbook = ["lost_lease"]
    }
    message_age = {
      namespace  = "AWS/SQS"
      metrics    = ["ApproximateAgeOfOldestMessage"]
      dimensions = local.queue_dimensions
      statistic  = "Maximum"
      period     = 60
      threshold  = try(coalesce(var.alarms.message_age_seconds, local.dead_lettered_after_seconds), null)
      description = join(" ", [
        "The oldest message in ${coalesce(local.queue_name, "the queue")} waits too long. The function is too slow, is",
        "throttled, fails at its start, or does not read the queue. In a FIFO queue, one message may hold up its",
        "group.",
      ])
      runbook = ["A group is held up", "A run is slow"]
    }
    parked = {
      namespace  = local.metric_namespace
      metrics    = ["parked"]
      dimensions = local.function_dimensions
      statistic  = "Sum"
      period     = 300
      threshold  = try(var.alarms.parked, null)
      description = join(" ", [
        "${local.function_name} parked a message: its run was interrupted and its side effect may have happened, or",
        "the processor raised PermanentFailure. No message with this key runs until an operator decides.",
      ])
      runbook = ["A message is parked"]
    }
    # The sum of both metrics of the table. ThrottledRequests would not do: DynamoDB reports it for each operation only.
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html
    table_throttles = {
      namespace  = "AWS/DynamoDB"
      metrics    = ["ReadThrottleEvents", "WriteThrottleEvents"]
      dimensions = local.table_dimensions
      statistic  = "Sum"
      period     = 300
      threshold  = try(var.alarms.table_throttles, null)
      description = join(" ", [
        "DynamoDB throttles ${local.table_name}. If a message gets no claim, it does not run and is delivered again.",
        "If its completion is not confirmed in time, its side effect may happen twice. Look for a hot key. Check the",
        "capacity of the table and the limits of the account.",
      ])
      runbook = ["table_unavailable"]
    }
    table_unavailable = {
      namespace  = local.metric_namespace
      metrics    = ["table_unavailable"]
      dimensions = local.function_dimensions
      statistic  = "Sum"
      period     = 300
      threshold  = try(var.alarms.table_unavailable, null)
      description = join(" ", [
        "Messages of ${local.function_name} did not run, because ${local.table_name} refused or did not answer their",
        "claims. They are delivered again, and each receive without a run brings them nearer to the end of their",
        "retries. Check the table, its key, the role's permissions and the network.",
      ])
      runbook = ["table_unavailable"]
    }
    takeovers = {
      namespace  = local.metric_namespace
      metrics    = ["takeovers"]
      dimensions = local.function_dimensions
      statistic  = "Sum"
      period     = 300
      threshold  = try(var.alarms.takeovers, null)
      description = join(" ", [
        "${local.function_name} took over a message from a run that was killed, timed out, or was not confirmed. The",
        "side effect of that run may have happened, so it may happen twice.",
      ])
      runbook = ["A run that left no line"]
    }
    throttles = {
      namespace  = "AWS/Lambda"
      metrics    = ["Throttles"]
      dimensions = local.function_dimensions
      statistic  = "Sum"
      period     = 300
      threshold  = try(var.alarms.throttles, null)
      description = join(" ", [
        "Lambda throttles ${local.function_name}, because it has no concurrency left. Messages wait, and each receive",
        "without a run brings them nearer to the dead-letter queue. Raise the concurrency of the account or of the",
        "function, or set queue.maximum_concurrency.",
      ])
      runbook = ["A message is in the dead-letter queue"]
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "alarm" {
  for_each = {
    # Whether alarms is null, and alarms.disabled, must be known when Terraform plans. Use constants for them.
    for name, alarm in local.alarms : name => alarm if contains(local.wanted_alarms, name)
  }

  alarm_name = "${var.name}-${replace(each.key, "_", "-")}"
  alarm_description = join(" ", [
    "${each.value.description} See ${join(" and ", [for place in each.value.runbook : "\"${place}\""])} in",
    "docs/runbook.md.",
  ])
  alarm_actions       = var.alarms.actions
  ok_actions          = var.alarms.ok_actions
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = each.value.threshold
  evaluation_periods  = local.evaluation_periods[each.key]
  treat_missing_data  = "notBreaching"

  # An alarm with several metrics watches their sum, below.
  namespace   = length(each.value.metrics) == 1 ? each.value.namespace : null
  metric_name = length(each.value.metrics) == 1 ? each.value.metrics[0] : null
  dimensions  = length(each.value.metrics) == 1 ? each.value.dimensions : null
  statistic   = length(each.value.metrics) == 1 ? each.value.statistic : null
  period      = length(each.value.metrics) == 1 ? each.value.period : null

  # FILL, because a metric without data would leave the sum without data.
  dynamic "metric_query" {
    for_each = length(each.value.metrics) > 1 ? [length(each.value.metrics)] : []

    content {
      id          = "total"
      expression  = "SUM([${join(", ", formatlist("FILL(m%d, 0)", range(metric_query.value)))}])"
      label       = each.key
      return_data = true
    }
  }

  dynamic "metric_query" {
    for_each = length(each.value.metrics) > 1 ? each.value.metrics : []

    content {
      id = "m${metric_query.key}"

      metric {
        namespace   = each.value.namespace
        metric_name = metric_query.value
        dimensions  = each.value.dimensions
        stat        = each.value.statistic
        period      = each.value.period
      }
    }
  }

  tags = local.tags.alarms
}
