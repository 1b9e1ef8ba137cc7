locals {
  # Two widgets in each row; CloudWatch places them. A widget shows metrics of one namespace.
  widgets = [
    {
      shown      = local.has_queue
      title      = "Queue ${coalesce(local.queue_name, "-")}"
      namespace  = "AWS/SQS"
      dimensions = local.queue_dimensions
      lines = [
        { metric = "ApproximateNumberOfMessagesVisible", stat = "Maximum", label = "waiting" },
        { metric = "ApproximateNumberOfMessagesNotVisible", stat = "Maximum", label = "in flight or hidden" },
        { metric = "ApproximateAgeOfOldestMessage", stat = "Maximum", label = "age of the oldest (s)", right = true },
      ]
    },
    {
      shown      = true
      title      = "Dead-letter queue ${local.dead_letter_queue_name}"
      namespace  = "AWS/SQS"
      dimensions = local.dead_letter_dimensions
      lines = [
        { metric = "ApproximateNumberOfMessagesVisible", stat = "Maximum", label = "messages" },
      ]
    },
    {
      shown      = local.writes_metrics
      title      = "Messages"
      namespace  = local.metric_namespace
      dimensions = local.function_dimensions
      lines = [
        { metric = "processed", stat = "Sum", label = "processed" },
        { metric = "duplicates", stat = "Sum", label = "duplicates" },
        { metric = "in_progress", stat = "Sum", label = "in_progress" },
        { metric = "unacknowledged", stat = "Sum", label = "to be delivered again" },
        { metric = "batch_size", stat = "Average", label = "batch size, on average", right = true },
      ]
    },
    {
      shown      = local.writes_metrics
      title      = "Not done"
      namespace  = local.metric_namespace
      dimensions = local.function_dimensions
      lines = [
        { metric = "failures", stat = "Sum", label = "failed" },
        { metric = "rejected", stat = "Sum", label = "rejected" },
        { metric = "table_unavailable", stat = "Sum", label = "without an answer from the table" },
        { metric = "unconfirmed", stat = "Sum", label = "done, not confirmed" },
        { metric = "interrupted", stat = "Sum", label = "interrupted" },
      ]
    },
    {
      shown      = local.writes_metrics
      title      = "For an operator to look at"
      namespace  = local.metric_namespace
      dimensions = local.function_dimensions
      lines = [
        { metric = "parked", stat = "Sum", label = "parked" },
        { metric = "lost_leases", stat = "Sum", label = "lost leases" },
        { metric = "takeovers", stat = "Sum", label = "takeovers" },
        { metric = "oldest_parked_seconds", stat = "Maximum", label = "oldest parked message (s)", right = true },
      ]
    },
    {
      shown      = local.writes_metrics
      title      = "Overhead of idempotency (ms)"
      namespace  = local.metric_namespace
      dimensions = local.function_dimensions
      lines = [
        { metric = "overhead_ms", stat = "p50", label = "per message, median" },
        { metric = "overhead_ms", stat = "p99", label = "per message, 99 %" },
        { metric = "store_ms", stat = "p50", label = "round trip to the table, median" },
        { metric = "store_ms", stat = "p99", label = "round trip to the table, 99 %" },
        { metric = "recoveries", stat = "Sum", label = "lost answers that did no harm", right = true },
        { metric = "batch_call_fallbacks", stat = "Sum", label = "processes without batch calls", right = true },
      ]
    },
    {
      shown      = true
      title      = "Function ${local.function_name}"
      namespace  = "AWS/Lambda"
      dimensions = local.function_dimensions
      lines = [
        { metric = "Invocations", stat = "Sum", label = "invocations" },
        { metric = "Errors", stat = "Sum", label = "errors" },
        { metric = "Throttles", stat = "Sum", label = "throttles" },
      ]
    },
    {
      shown      = length(local.streams) > 0
      title      = "Streams"
      namespace  = "AWS/Lambda"
      dimensions = local.function_dimensions
      lines = [
        { metric = "IteratorAge", stat = "Maximum", label = "age of the records (ms)" },
        { metric = "DestinationDeliveryFailures", stat = "Sum", label = "lost reports", right = true },
      ]
    },
    {
      shown      = length(local.allowed_triggers) > 0
      title      = "Events of allowed_triggers"
      namespace  = "AWS/Lambda"
      dimensions = local.function_dimensions
      lines = [
        { metric = "AsyncEventsReceived", stat = "Sum", label = "received" },
        { metric = "DeadLetterErrors", stat = "Sum", label = "lost", right = true },
      ]
    },
    {
      shown      = true
      title      = "Duration of ${local.function_name} (ms)"
      namespace  = "AWS/Lambda"
      dimensions = local.function_dimensions
      lines = [
        { metric = "Duration", stat = "p50", label = "median" },
        { metric = "Duration", stat = "Maximum", label = "longest" },
      ]
      limit = { label = "timeout", value = local.timeout_seconds * 1000 }
    },
    {
      shown      = true
      title      = "Table ${local.table_name}"
      namespace  = "AWS/DynamoDB"
      dimensions = local.table_dimensions
      lines = [
        { metric = "ConsumedWriteCapacityUnits", stat = "Sum", label = "write units" },
        { metric = "ConsumedReadCapacityUnits", stat = "Sum", label = "read units" },
        { metric = "WriteThrottleEvents", stat = "Sum", label = "throttled writes", right = true },
        { metric = "ReadThrottleEvents", stat = "Sum", label = "throttled reads", right = true },
      ]
    },
  ]
}

resource "aws_cloudwatch_dashboard" "dashboard" {
  count = nonsensitive(var.dashboard) ? 1 : 0 # dashboard must be known when Terraform plans. Set true or false.

  # The name of a dashboard is unique in the account, and you may deploy the same stack in several Regions.
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
              [widget.namespace, line.metric],
              flatten([for name, value in widget.dimensions : [name, value]]),
              [{ stat = line.stat, label = line.label, yAxis = try(line.right, false) ? "right" : "left" }],
            )
          ]
          annotations = { horizontal = try([widget.limit], []) }
        }
      } if widget.shown
    ]
  })
}
