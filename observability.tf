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
      namespace   = "AWS/SQS"
      metrics     = ["ApproximateNumberOfMessagesVisible"]
      dimensions  = local.dead_letter_dimensions
      statistic   = "Maximum"
      period      = 60
      threshold   = try(var.alarms.dead_letters, null)
      description = "${local.dead_letter_queue_name} holds messages. Each failed or was rejected to its last receive, is parked, or is an event that Lambda gave up on; none runs again by itself. They are lost when the queue's retention ends."
      runbook     = ["A message is in the dead-letter queue"]
    }
    duration = {
      namespace   = "AWS/Lambda"
      metrics     = ["Duration"]
      dimensions  = local.function_dimensions
      statistic   = "Maximum"
      period      = 300
      threshold   = try(local.timeout_seconds * 10 * var.alarms.duration_percent, null)
      description = "An invocation of ${local.function_name} took nearly its timeout, or ran into it. What a timeout interrupts may take effect twice. Find what is slow; take fewer messages at a time, or raise the timeout."
      runbook     = ["A run that left no line"]
    }
    errors = {
      namespace   = "AWS/Lambda"
      metrics     = ["Errors"]
      dimensions  = local.function_dimensions
      statistic   = "Sum"
      period      = 300
      threshold   = try(var.alarms.errors, null)
      description = "Invocations of ${local.function_name} ended in an error: killed, timed out, failed at the start, or, invoked directly, not done. A message that failed in a batch is none of these. What was interrupted may take effect twice."
      runbook     = ["A run that left no line"]
    }
    lost_leases = {
      namespace   = local.metric_namespace
      metrics     = ["lost_leases"]
      dimensions  = local.function_dimensions
      statistic   = "Sum"
      period      = 300
      threshold   = try(var.alarms.lost_leases, null)
      description = "A message of ${local.function_name} ended after its lease, and by then the record was another's, or gone. Its effect may have happened twice: compare what both did."
      runbook     = ["lost_lease"]
    }
    message_age = {
      namespace   = "AWS/SQS"
      metrics     = ["ApproximateAgeOfOldestMessage"]
      dimensions  = local.queue_dimensions
      statistic   = "Maximum"
      period      = 60
      threshold   = try(var.alarms.message_age_seconds == null ? local.dead_lettered_after_seconds : var.alarms.message_age_seconds, null)
      description = "The oldest message of ${coalesce(local.queue_name, "the queue")} waits too long. The function does not keep up, is throttled, fails at its start, or does not read at all; in a FIFO queue a message may hold up its group."
      runbook     = ["A run that left no line", "A group is held up"]
    }
    parked = {
      namespace   = local.metric_namespace
      metrics     = ["parked"]
      dimensions  = local.function_dimensions
      statistic   = "Sum"
      period      = 300
      threshold   = try(var.alarms.parked, null)
      description = "${local.function_name} set a message aside: it was interrupted and its effect may have happened, or it can never happen. Nothing runs that key again until a person has decided."
      runbook     = ["A message is parked"]
    }
    # Both of a table's metrics together. Not ThrottledRequests, which is kept per operation only:
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html
    table_throttles = {
      namespace   = "AWS/DynamoDB"
      metrics     = ["ReadThrottleEvents", "WriteThrottleEvents"]
      dimensions  = local.table_dimensions
      statistic   = "Sum"
      period      = 300
      threshold   = try(var.alarms.table_throttles, null)
      description = "DynamoDB throttles ${local.table_name}. Messages without a claim are not run and come again; one whose completion is not confirmed in time may take effect twice. Look for a hot key and at the account's limits."
      runbook     = ["table_unavailable"]
    }
    takeovers = {
      namespace   = local.metric_namespace
      metrics     = ["takeovers"]
      dimensions  = local.function_dimensions
      statistic   = "Sum"
      period      = 300
      threshold   = try(var.alarms.takeovers, null)
      description = "${local.function_name} claimed a message whose earlier run was interrupted: killed, timed out, or not confirmed. That run's effect may have happened, and this one's is a second."
      runbook     = ["A run that left no line"]
    }
    throttles = {
      namespace   = "AWS/Lambda"
      metrics     = ["Throttles"]
      dimensions  = local.function_dimensions
      statistic   = "Sum"
      period      = 300
      threshold   = try(var.alarms.throttles, null)
      description = "Lambda throttles ${local.function_name}: it has no concurrency left. Messages wait, and each receive in vain brings them nearer to the dead-letter queue. Raise the account's or the function's concurrency, or set queue.maximum_concurrency."
      runbook     = ["A message is in the dead-letter queue"]
    }
  }

  # 6. The dashboard: two widgets a row, which CloudWatch places itself.
  widgets = [
    {
      shown  = local.has_queue
      title  = "Queue ${coalesce(local.queue_name, "-")}"
      places = local.queue_dimensions
      lines = [
        { namespace = "AWS/SQS", metric = "ApproximateNumberOfMessagesVisible", stat = "Maximum", label = "waiting" },
        { namespace = "AWS/SQS", metric = "ApproximateNumberOfMessagesNotVisible", stat = "Maximum", label = "in flight or hidden" },
        { namespace = "AWS/SQS", metric = "ApproximateAgeOfOldestMessage", stat = "Maximum", label = "age of the oldest (s)", right = true },
      ]
    },
    {
      shown  = true
      title  = "Dead-letter queue ${local.dead_letter_queue_name}"
      places = local.dead_letter_dimensions
      lines = [
        { namespace = "AWS/SQS", metric = "ApproximateNumberOfMessagesVisible", stat = "Maximum", label = "messages" },
      ]
    },
    {
      shown  = local.writes_metrics
      title  = "Messages"
      places = local.function_dimensions
      lines = [
        { namespace = local.metric_namespace, metric = "processed", stat = "Sum", label = "processed" },
        { namespace = local.metric_namespace, metric = "duplicates", stat = "Sum", label = "duplicates" },
        { namespace = local.metric_namespace, metric = "in_progress", stat = "Sum", label = "in_progress" },
        { namespace = local.metric_namespace, metric = "unacknowledged", stat = "Sum", label = "to be delivered again" },
        { namespace = local.metric_namespace, metric = "batch_size", stat = "Average", label = "in a batch, on average", right = true },
      ]
    },
    {
      shown  = local.writes_metrics
      title  = "Not done"
      places = local.function_dimensions
      lines = [
        { namespace = local.metric_namespace, metric = "failures", stat = "Sum", label = "failed" },
        { namespace = local.metric_namespace, metric = "rejected", stat = "Sum", label = "rejected" },
        { namespace = local.metric_namespace, metric = "table_unavailable", stat = "Sum", label = "without an answer of the table" },
        { namespace = local.metric_namespace, metric = "unconfirmed", stat = "Sum", label = "done, not confirmed" },
        { namespace = local.metric_namespace, metric = "interrupted", stat = "Sum", label = "interrupted" },
      ]
    },
    {
      shown  = local.writes_metrics
      title  = "For a person to look at"
      places = local.function_dimensions
      lines = [
        { namespace = local.metric_namespace, metric = "parked", stat = "Sum", label = "parked" },
        { namespace = local.metric_namespace, metric = "lost_leases", stat = "Sum", label = "lost leases" },
        { namespace = local.metric_namespace, metric = "takeovers", stat = "Sum", label = "takeovers" },
        { namespace = local.metric_namespace, metric = "oldest_parked_seconds", stat = "Maximum", label = "age of the oldest parked that was met (s)", right = true },
      ]
    },
    {
      shown  = local.writes_metrics
      title  = "What idempotency takes (ms)"
      places = local.function_dimensions
      lines = [
        { namespace = local.metric_namespace, metric = "overhead_ms", stat = "p50", label = "per message, median" },
        { namespace = local.metric_namespace, metric = "overhead_ms", stat = "p99", label = "per message, 99 %" },
        { namespace = local.metric_namespace, metric = "store_ms", stat = "p50", label = "round trip to the table, median" },
        { namespace = local.metric_namespace, metric = "store_ms", stat = "p99", label = "round trip to the table, 99 %" },
        { namespace = local.metric_namespace, metric = "recoveries", stat = "Sum", label = "lost answers that did no harm", right = true },
        { namespace = local.metric_namespace, metric = "batch_call_fallbacks", stat = "Sum", label = "processes without batch calls", right = true },
      ]
    },
    {
      shown  = true
      title  = "Function ${local.function_name}"
      places = local.function_dimensions
      lines = [
        { namespace = "AWS/Lambda", metric = "Invocations", stat = "Sum", label = "invocations" },
        { namespace = "AWS/Lambda", metric = "Errors", stat = "Sum", label = "errors" },
        { namespace = "AWS/Lambda", metric = "Throttles", stat = "Sum", label = "throttles" },
      ]
    },
    {
      shown  = true
      title  = "Duration of ${local.function_name} (ms)"
      places = local.function_dimensions
      lines = [
        { namespace = "AWS/Lambda", metric = "Duration", stat = "p50", label = "median" },
        { namespace = "AWS/Lambda", metric = "Duration", stat = "Maximum", label = "longest" },
      ]
      limit = { label = "timeout", value = local.timeout_seconds * 1000 }
    },
    {
      shown  = true
      title  = "Table ${local.table_name}"
      places = local.table_dimensions
      lines = [
        { namespace = "AWS/DynamoDB", metric = "ConsumedWriteCapacityUnits", stat = "Sum", label = "write units" },
        { namespace = "AWS/DynamoDB", metric = "ConsumedReadCapacityUnits", stat = "Sum", label = "read units" },
        { namespace = "AWS/DynamoDB", metric = "WriteThrottleEvents", stat = "Sum", label = "throttled writes", right = true },
        { namespace = "AWS/DynamoDB", metric = "ReadThrottleEvents", stat = "Sum", label = "throttled reads", right = true },
      ]
    },
  ]
}

# Created here, not by Lambda, so that it has a retention and goes when the function goes.
resource "aws_cloudwatch_log_group" "function" {
  count = local.creates_function ? 1 : 0

  name              = "/aws/lambda/${local.function_name}"
  retention_in_days = var.logs.retention_days
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
}

resource "aws_cloudwatch_metric_alarm" "alarm" {
  for_each = { for name, alarm in local.alarms : name => alarm if contains(local.wanted_alarms, name) }

  alarm_name          = "${var.name}-${replace(each.key, "_", "-")}"
  alarm_description   = "${each.value.description} See ${join(" and ", [for place in each.value.runbook : "\"${place}\""])} in docs/runbook.md."
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

resource "aws_cloudwatch_dashboard" "dashboard" {
  count = var.dashboard ? 1 : 0

  # Dashboards are the account's, not the Region's: the same stack may stand in several.
  dashboard_name = "${var.name}-${local.arn_parts.region}"

  dashboard_body = jsonencode({
    widgets = [
      for widget in local.widgets : {
        type   = "metric"
        width  = 12
        height = 6
        properties = {
          title   = widget.title
          region  = local.arn_parts.region
          view    = "timeSeries"
          stacked = false
          period  = 60
          yAxis   = { left = { min = 0 }, right = { min = 0 } }
          metrics = [
            for line in widget.lines : concat(
              [line.namespace, line.metric],
              flatten([for name, value in widget.places : [name, value]]),
              [{ stat = line.stat, label = line.label, yAxis = try(line.right, false) ? "right" : "left" }],
            )
          ]
          annotations = { horizontal = try([widget.limit], []) }
        }
      } if widget.shown
    ]
  })
}
