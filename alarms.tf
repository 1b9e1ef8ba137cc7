locals {
  # 1. What can be watched. `alarms.disabled` takes these names, and `alarms` has a threshold for each: of
  # its own name, or with its unit.
  alarm_names      = ["dead_letters", "duration", "errors", "lost_leases", "message_age", "parked", "table_throttles", "takeovers", "throttles"]
  alarm_thresholds = ["dead_letters", "duration_percent", "errors", "lost_leases", "message_age_seconds", "parked", "table_throttles", "takeovers", "throttles"]

  # 2. Those that watch what the package counts. It writes metrics only where somebody looks at them, because
  # each costs.
  message_alarms   = ["lost_leases", "parked", "takeovers"]
  metric_namespace = "IdempotentLambda"
  needs_metrics    = var.dashboard || (var.alarms == null ? false : length(setsubtract(local.message_alarms, var.alarms.disabled)) > 0)
  writes_metrics   = var.idempotency.metrics != null ? var.idempotency.metrics : local.needs_metrics

  # 3. What is wanted, of what there is to watch.
  wanted_alarms = toset([
    for name in local.alarm_names : name
    if(var.alarms == null ? false : !contains(var.alarms.disabled, name)) && (local.has_queue || name != "message_age")
  ])

  # 4. Where the metrics of each resource are.
  dead_letter_dimensions = { QueueName = local.dead_letter_queue_name }
  function_dimensions    = { FunctionName = local.function_name }
  queue_dimensions       = { QueueName = local.queue_name }
  table_dimensions       = { TableName = local.table_name }

  # By then SQS has moved a message that always fails to the dead-letter queue.
  dead_lettered_after_seconds = try(local.max_receive_count * local.visibility_timeout_seconds, null)

  # 5. The alarms, by name. What is counted is summed over five minutes; what is a level is looked at each
  # minute, so that its alarm ends when it has gone down.
  alarms = {
    dead_letters = {
      namespace  = "AWS/SQS"
      metrics    = ["ApproximateNumberOfMessagesVisible"]
      dimensions = local.dead_letter_dimensions
      statistic  = "Maximum"
      period     = 60
      threshold  = try(var.alarms.dead_letters, null)
      description = join(" ", [
        "${local.dead_letter_queue_name} holds messages. Each failed or was rejected to its last receive, is parked,",
        "or is an event that Lambda gave up on; none runs again by itself. They are lost when the queue's retention",
        "ends.",
      ])
      runbook = ["A message is in the dead-letter queue"]
    }
    duration = {
      namespace  = "AWS/Lambda"
      metrics    = ["Duration"]
      dimensions = local.function_dimensions
      statistic  = "Maximum"
      period     = 300
      threshold  = try(local.timeout_seconds * 10 * var.alarms.duration_percent, null)
      description = join(" ", [
        "An invocation of ${local.function_name} took nearly its timeout, or ran into it. What a timeout interrupts",
        "may take effect twice. Find what is slow; take fewer messages at a time, or raise the timeout.",
      ])
      runbook = ["A run that left no line"]
    }
    errors = {
      namespace  = "AWS/Lambda"
      metrics    = ["Errors"]
      dimensions = local.function_dimensions
      statistic  = "Sum"
      period     = 300
      threshold  = try(var.alarms.errors, null)
      description = join(" ", [
        "Invocations of ${local.function_name} ended in an error: killed, timed out, failed at the start, or, invoked",
        "directly, not done. A message that failed in a batch does not count. An interrupted message may take effect",
        "twice.",
      ])
      runbook = ["A run that left no line"]
    }
    lost_leases = {
      namespace  = local.metric_namespace
      metrics    = ["lost_leases"]
      dimensions = local.function_dimensions
      statistic  = "Sum"
      period     = 300
      threshold  = try(var.alarms.lost_leases, null)
      description = join(" ", [
        "A message of ${local.function_name} ended after its lease, and by then the record was another's, or gone. Its",
        "effect may have happened twice: compare what both did.",
      ])
      runbook = ["lost_lease"]
    }
    message_age = {
      namespace  = "AWS/SQS"
      metrics    = ["ApproximateAgeOfOldestMessage"]
      dimensions = local.queue_dimensions
      statistic  = "Maximum"
      period     = 60
      threshold  = try(var.alarms.message_age_seconds == null ? local.dead_lettered_after_seconds : var.alarms.message_age_seconds, null)
      description = join(" ", [
        "The oldest message of ${coalesce(local.queue_name, "the queue")} waits too long. The function does not keep",
        "up, is throttled, fails at its start, or does not read at all; in a FIFO queue a message may hold up its",
        "group.",
      ])
      runbook = ["A run that left no line", "A group is held up"]
    }
    parked = {
      namespace  = local.metric_namespace
      metrics    = ["parked"]
      dimensions = local.function_dimensions
      statistic  = "Sum"
      period     = 300
      threshold  = try(var.alarms.parked, null)
      description = join(" ", [
        "${local.function_name} set a message aside: it was interrupted and its effect may have happened, or it can",
        "never happen. Nothing runs that key again until a person has decided.",
      ])
      runbook = ["A message is parked"]
    }
    # Both of a table's metrics together. Not ThrottledRequests, which is kept per operation only:
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html
    table_throttles = {
      namespace  = "AWS/DynamoDB"
      metrics    = ["ReadThrottleEvents", "WriteThrottleEvents"]
      dimensions = local.table_dimensions
      statistic  = "Sum"
      period     = 300
      threshold  = try(var.alarms.table_throttles, null)
      description = join(" ", [
        "DynamoDB throttles ${local.table_name}. Messages without a claim are not run and come again; one whose",
        "completion is not confirmed in time may take effect twice. Look for a hot key and at the account's limits.",
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
        "${local.function_name} claimed a message whose earlier run was interrupted: killed, timed out, or not",
        "confirmed. That run's effect may have happened, and this one's is a second.",
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
        "Lambda throttles ${local.function_name}: it has no concurrency left. Messages wait, and each receive in vain",
        "brings them nearer to the dead-letter queue. Raise the account's or the function's concurrency, or set",
        "queue.maximum_concurrency.",
      ])
      runbook = ["A message is in the dead-letter queue"]
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "alarm" {
  for_each = { for name, alarm in local.alarms : name => alarm if contains(local.wanted_alarms, name) }

  alarm_name = "${var.name}-${replace(each.key, "_", "-")}"
  alarm_description = join(" ", [
    "${each.value.description} See ${join(" and ", [for place in each.value.runbook : "\"${place}\""])} in",
    "docs/runbook.md.",
  ])
  alarm_actions       = var.alarms.actions
  ok_actions          = var.alarms.ok_actions
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = each.value.threshold
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"

  # Several metrics are added up, below.
  namespace   = length(each.value.metrics) == 1 ? each.value.namespace : null
  metric_name = length(each.value.metrics) == 1 ? each.value.metrics[0] : null
  dimensions  = length(each.value.metrics) == 1 ? each.value.dimensions : null
  statistic   = length(each.value.metrics) == 1 ? each.value.statistic : null
  period      = length(each.value.metrics) == 1 ? each.value.period : null

  # A sum of what is there: + would give nothing where one of the two has no data.
  dynamic "metric_query" {
    for_each = length(each.value.metrics) > 1 ? [join(", ", [for index in range(length(each.value.metrics)) : "FILL(m${index}, 0)"])] : []

    content {
      id          = "total"
      expression  = "SUM([${metric_query.value}])"
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

  tags = var.tags
}
