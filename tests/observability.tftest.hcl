# Alarms, the metrics that they need, and the dashboard: none by default, and each as it is asked for.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name      = "orders"
  code      = { source_dir = "examples/quickstart/src" }
  processor = "orders.process"
}

run "nothing_is_watched_by_default" {
  command = plan

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.alarm) == 0 && length(aws_cloudwatch_dashboard.dashboard) == 0 && one(aws_lambda_function.consumer[0].environment).variables["IDEMPOTENCY_METRICS"] == "off"
    error_message = "What costs is made only if it is asked for."
  }

  assert {
    condition     = aws_cloudwatch_log_group.function[0].name == "/aws/lambda/orders" && aws_cloudwatch_log_group.function[0].retention_in_days == 30
    error_message = "The log group is named after the function and keeps lines for 30 days."
  }
}

run "all_alarms_and_the_metrics_they_need" {
  command = plan

  variables {
    alarms   = {}
    function = { timeout_seconds = 60 }
    queue    = { delay_seconds = 300, max_receive_count = 4, visibility_timeout_seconds = 1000 }
    tags     = { team = "billing" }
  }

  assert {
    condition = jsonencode({ for name, alarm in aws_cloudwatch_metric_alarm.alarm : name => [alarm.namespace, alarm.metric_name, alarm.dimensions, alarm.statistic, alarm.period, alarm.threshold] }) == jsonencode({
      dead_letters      = ["AWS/SQS", "ApproximateNumberOfMessagesVisible", { QueueName = "orders-dead-letters" }, "Maximum", 60, 1]
      duration          = ["AWS/Lambda", "Duration", { FunctionName = "orders" }, "Maximum", 300, 48000]
      errors            = ["AWS/Lambda", "Errors", { FunctionName = "orders" }, "Sum", 300, 1]
      lost_leases       = ["IdempotentLambda", "lost_leases", { FunctionName = "orders" }, "Sum", 300, 1]
      message_age       = ["AWS/SQS", "ApproximateAgeOfOldestMessage", { QueueName = "orders" }, "Maximum", 60, 4300]
      parked            = ["IdempotentLambda", "parked", { FunctionName = "orders" }, "Sum", 300, 1]
      table_throttles   = [null, null, null, null, null, 10]
      table_unavailable = ["IdempotentLambda", "table_unavailable", { FunctionName = "orders" }, "Sum", 300, 1]
      takeovers         = ["IdempotentLambda", "takeovers", { FunctionName = "orders" }, "Sum", 300, 1]
      throttles         = ["AWS/Lambda", "Throttles", { FunctionName = "orders" }, "Sum", 300, 10]
    })
    error_message = "Each alarm watches its resource. A message is too old after delay + max_receive_count × visibility timeout, an invocation too long at 80 % of the timeout."
  }

  assert {
    condition = jsonencode({ for query in aws_cloudwatch_metric_alarm.alarm["table_throttles"].metric_query : query.id => [query.expression, query.return_data, [for metric in query.metric : [metric.namespace, metric.metric_name, metric.dimensions, metric.stat, metric.period]]] }) == jsonencode({
      m0    = [null, null, [["AWS/DynamoDB", "ReadThrottleEvents", { TableName = "orders-idempotency" }, "Sum", 300]]]
      m1    = [null, null, [["AWS/DynamoDB", "WriteThrottleEvents", { TableName = "orders-idempotency" }, "Sum", 300]]]
      total = ["SUM([FILL(m0, 0), FILL(m1, 0)])", true, []]
    })
    error_message = "A table's throttled reads and writes are added up, also while there are none of one kind."
  }

  assert {
    condition = alltrue([
      for name, alarm in aws_cloudwatch_metric_alarm.alarm : alarm.alarm_name == "orders-${replace(name, "_", "-")}"
      && alarm.comparison_operator == "GreaterThanOrEqualToThreshold" && alarm.evaluation_periods == 1 && alarm.treat_missing_data == "notBreaching"
      && length(alarm.metric_query) == (name == "table_throttles" ? 3 : 0)
      && length(coalesce(alarm.alarm_actions, [])) == 0 && length(coalesce(alarm.ok_actions, [])) == 0 && alarm.tags == tomap({ team = "billing" })
    ])
    error_message = "Each alarm begins at its threshold and ends without data. It has the tags, and no action that was not given."
  }

  # What it says at 3 a.m.
  assert {
    condition = alltrue([
      for alarm in aws_cloudwatch_metric_alarm.alarm : length(alarm.alarm_description) <= 1024
      && can(regex("\\. See \"[^\"]+\"( and \"[^\"]+\")? in docs/runbook\\.md\\.$", alarm.alarm_description))
    ])
    error_message = "Each alarm says where the runbook goes on."
  }

  assert {
    condition     = one(aws_lambda_function.consumer[0].environment).variables["IDEMPOTENCY_METRICS"] == "on"
    error_message = "The metrics that alarms need are written."
  }

  assert {
    condition     = length(aws_cloudwatch_dashboard.dashboard) == 0
    error_message = "Alarms make no dashboard."
  }
}

run "alarms_of_streams_and_direct_invocations" {
  command = plan

  variables {
    alarms           = { disabled = ["dead_letters", "duration", "errors", "lost_leases", "message_age", "parked", "table_throttles", "table_unavailable", "takeovers", "throttles"] }
    allowed_triggers = { mail = { service = "sns", source_arn = "arn:aws:sns:eu-central-1:123456789012:mail" } }
    streams = {
      clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", maximum_record_age_seconds = 601 }
      rows   = { source = "dynamodb", arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/rows/stream/1", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed" }
    }
  }

  assert {
    condition = jsonencode({ for name, alarm in aws_cloudwatch_metric_alarm.alarm : name => [alarm.namespace, alarm.metric_name, alarm.dimensions, alarm.statistic, alarm.period, alarm.threshold] }) == jsonencode({
      dead_letter_errors = ["AWS/Lambda", "DeadLetterErrors", { FunctionName = "orders" }, "Sum", 300, 1]
      delivery_failures  = ["AWS/Lambda", "DestinationDeliveryFailures", { FunctionName = "orders" }, "Sum", 300, 1]
      iterator_age       = ["AWS/Lambda", "IteratorAge", { FunctionName = "orders" }, "Maximum", 300, 300500]
    })
    error_message = "Events and reports that Lambda cannot send have alarms. A stream is behind at half of the smallest maximum_record_age_seconds, in milliseconds."
  }

  assert {
    condition = alltrue([
      for alarm in aws_cloudwatch_metric_alarm.alarm : length(alarm.alarm_description) <= 1024
      && can(regex("\\. See \"[^\"]+\"( and \"[^\"]+\")? in docs/runbook\\.md\\.$", alarm.alarm_description))
      && alarm.treat_missing_data == "notBreaching"
    ])
    error_message = "Each alarm says where the runbook goes on."
  }

  assert {
    condition     = one(aws_lambda_function.consumer[0].environment).variables["IDEMPOTENCY_METRICS"] == "off"
    error_message = "Lambda's own metrics need no metrics of the package."
  }
}

run "a_stream_that_keeps_records_for_a_week" {
  command = plan

  variables {
    alarms  = {}
    queue   = null
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", maximum_record_age_seconds = 604800 } }
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.alarm["iterator_age"].threshold == 43200000
    error_message = "By default a stream keeps records for 24 hours, so its alarm starts after 12."
  }

  assert {
    condition     = length(setintersection(keys(aws_cloudwatch_metric_alarm.alarm), ["dead_letter_errors", "message_age"])) == 0
    error_message = "Without allowed_triggers and a queue, nothing has their alarms."
  }
}

run "one_alarm_of_the_table_turns_metrics_on" {
  command = plan

  variables {
    alarms = { disabled = ["lost_leases", "parked", "takeovers"] }
  }

  assert {
    condition     = one(aws_lambda_function.consumer[0].environment).variables["IDEMPOTENCY_METRICS"] == "on" && aws_cloudwatch_metric_alarm.alarm["table_unavailable"].threshold == 1
    error_message = "The alarm table_unavailable watches a metric of the package."
  }
}

run "alarms_that_wait" {
  command = plan

  variables {
    alarms = { evaluation_periods = { errors = 3, message_age = 2, parked = null, iterator_age = 5 } }
  }

  assert {
    condition = alltrue([
      for name, alarm in aws_cloudwatch_metric_alarm.alarm : alarm.evaluation_periods == lookup({ errors = 3, message_age = 2 }, name, 1)
    ])
    error_message = "An alarm waits for as many periods as its name has, and otherwise for one."
  }
}

run "alarms_as_they_are_wanted" {
  command = plan

  variables {
    alarms = {
      actions             = ["arn:aws:sns:eu-central-1:123456789012:alarms"]
      dead_letters        = 2
      duration_percent    = 50
      errors              = 3
      disabled            = ["lost_leases", "takeovers", "throttles"]
      message_age_seconds = 60
      ok_actions          = ["arn:aws:sns:eu-central-1:123456789012:over"]
      parked              = 4
      table_throttles     = 5
      table_unavailable   = 9
    }
  }

  assert {
    condition = { for name, alarm in aws_cloudwatch_metric_alarm.alarm : name => alarm.threshold } == {
      dead_letters      = 2
      duration          = 15000
      errors            = 3
      message_age       = 60
      parked            = 4
      table_throttles   = 5
      table_unavailable = 9
    }
    error_message = "There are the alarms that are not excepted, with the thresholds that are set."
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.alarm : one(alarm.alarm_actions) == "arn:aws:sns:eu-central-1:123456789012:alarms" && one(alarm.ok_actions) == "arn:aws:sns:eu-central-1:123456789012:over"])
    error_message = "Each notifies its targets of its start and its end."
  }

  assert {
    condition     = one(aws_lambda_function.consumer[0].environment).variables["IDEMPOTENCY_METRICS"] == "on"
    error_message = "One alarm that needs metrics is enough to have them."
  }
}

run "other_thresholds" {
  command = plan

  variables {
    alarms           = { disabled = ["dead_letters", "duration", "errors", "message_age", "parked", "table_throttles", "table_unavailable"], dead_letter_errors = 2, delivery_failures = 3, iterator_age_seconds = 90, lost_leases = 6, takeovers = 7, throttles = 8 }
    allowed_triggers = { mail = { service = "sns", source_arn = "arn:aws:sns:eu-central-1:123456789012:mail" } }
    streams          = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed" } }
  }

  assert {
    condition     = { for name, alarm in aws_cloudwatch_metric_alarm.alarm : name => alarm.threshold } == { dead_letter_errors = 2, delivery_failures = 3, iterator_age = 90000, lost_leases = 6, takeovers = 7, throttles = 8 }
    error_message = "So it is with the others."
  }
}

run "the_dashboard_shows_every_part" {
  command = plan

  variables {
    dashboard = true
    function  = { timeout_seconds = 60 }
  }

  assert {
    condition     = aws_cloudwatch_dashboard.dashboard[0].dashboard_name == "orders-eu-central-1" && length(aws_cloudwatch_metric_alarm.alarm) == 0
    error_message = "The dashboard is named after the module and the Region, and makes no alarm."
  }

  assert {
    condition = [
      for widget in jsondecode(aws_cloudwatch_dashboard.dashboard[0].dashboard_body).widgets : [widget.properties.title, [for line in widget.properties.metrics : join(" ", concat(slice(line, 0, length(line) - 1), [line[length(line) - 1].stat, line[length(line) - 1].yAxis]))]]
      ] == [
      ["Queue orders", [
        "AWS/SQS ApproximateNumberOfMessagesVisible QueueName orders Maximum left",
        "AWS/SQS ApproximateNumberOfMessagesNotVisible QueueName orders Maximum left",
        "AWS/SQS ApproximateAgeOfOldestMessage QueueName orders Maximum right",
      ]],
      ["Dead-letter queue orders-dead-letters", [
        "AWS/SQS ApproximateNumberOfMessagesVisible QueueName orders-dead-letters Maximum left",
      ]],
      ["Messages", [
        "IdempotentLambda processed FunctionName orders Sum left",
        "IdempotentLambda duplicates FunctionName orders Sum left",
        "IdempotentLambda in_progress FunctionName orders Sum left",
        "IdempotentLambda unacknowledged FunctionName orders Sum left",
        "IdempotentLambda batch_size FunctionName orders Average right",
      ]],
      ["Not done", [
        "IdempotentLambda failures FunctionName orders Sum left",
        "IdempotentLambda rejected FunctionName orders Sum left",
        "IdempotentLambda table_unavailable FunctionName orders Sum left",
        "IdempotentLambda unconfirmed FunctionName orders Sum left",
        "IdempotentLambda interrupted FunctionName orders Sum left",
      ]],
      ["For an operator to look at", [
        "IdempotentLambda parked FunctionName orders Sum left",
        "IdempotentLambda lost_leases FunctionName orders Sum left",
        "IdempotentLambda takeovers FunctionName orders Sum left",
        "IdempotentLambda oldest_parked_seconds FunctionName orders Maximum right",
      ]],
      ["Overhead of idempotency (ms)", [
        "IdempotentLambda overhead_ms FunctionName orders p50 left",
        "IdempotentLambda overhead_ms FunctionName orders p99 left",
        "IdempotentLambda store_ms FunctionName orders p50 left",
        "IdempotentLambda store_ms FunctionName orders p99 left",
        "IdempotentLambda recoveries FunctionName orders Sum right",
        "IdempotentLambda batch_call_fallbacks FunctionName orders Sum right",
      ]],
      ["Function orders", [
        "AWS/Lambda Invocations FunctionName orders Sum left",
        "AWS/Lambda Errors FunctionName orders Sum left",
        "AWS/Lambda Throttles FunctionName orders Sum left",
      ]],
      ["Duration of orders (ms)", [
        "AWS/Lambda Duration FunctionName orders p50 left",
        "AWS/Lambda Duration FunctionName orders Maximum left",
      ]],
      ["Table orders-idempotency", [
        "AWS/DynamoDB ConsumedWriteCapacityUnits TableName orders-idempotency Sum left",
        "AWS/DynamoDB ConsumedReadCapacityUnits TableName orders-idempotency Sum left",
        "AWS/DynamoDB WriteThrottleEvents TableName orders-idempotency Sum right",
        "AWS/DynamoDB ReadThrottleEvents TableName orders-idempotency Sum right",
      ]],
    ]
    error_message = "The dashboard shows queue, dead-letter queue, messages, function and table, each with the metrics of that resource."
  }

  assert {
    condition = alltrue([
      for widget in jsondecode(aws_cloudwatch_dashboard.dashboard[0].dashboard_body).widgets : widget.type == "metric" && widget.properties.region == "eu-central-1"
      && jsonencode(widget.properties.annotations.horizontal) == (startswith(widget.properties.title, "Duration") ? jsonencode([{ label = "timeout", value = 60000 }]) : "[]")
    ])
    error_message = "Each widget looks into the stack's region, and the duration's widget has a line at the timeout."
  }

  assert {
    condition     = one(aws_lambda_function.consumer[0].environment).variables["IDEMPOTENCY_METRICS"] == "on"
    error_message = "What the dashboard shows is written."
  }
}

run "the_dashboard_shows_streams_and_direct_invocations" {
  command = plan

  variables {
    allowed_triggers = { mail = { service = "sns", source_arn = "arn:aws:sns:eu-central-1:123456789012:mail" } }
    dashboard        = true
    streams          = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed" } }
  }

  assert {
    condition = {
      for widget in jsondecode(aws_cloudwatch_dashboard.dashboard[0].dashboard_body).widgets : widget.properties.title => [for line in widget.properties.metrics : join(" ", concat(slice(line, 0, length(line) - 1), [line[length(line) - 1].stat, line[length(line) - 1].yAxis]))]
      if contains(["Streams", "Events of allowed_triggers"], widget.properties.title)
      } == {
      "Streams" = [
        "AWS/Lambda IteratorAge FunctionName orders Maximum left",
        "AWS/Lambda DestinationDeliveryFailures FunctionName orders Sum right",
      ]
      "Events of allowed_triggers" = [
        "AWS/Lambda AsyncEventsReceived FunctionName orders Sum left",
        "AWS/Lambda DeadLetterErrors FunctionName orders Sum right",
      ]
    }
    error_message = "Streams have a widget, and so have direct invocations."
  }
}

run "a_existing_function_without_a_queue" {
  command = plan

  variables {
    alarms    = {}
    code      = null
    dashboard = true
    function  = { existing = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:legacy", timeout_seconds = 20 } }
    processor = null
    queue     = null
  }

  assert {
    condition     = { for name, alarm in aws_cloudwatch_metric_alarm.alarm : name => alarm.threshold } == { dead_letters = 1, duration = 16000, errors = 1, lost_leases = 1, parked = 1, table_throttles = 10, table_unavailable = 1, takeovers = 1, throttles = 10 }
    error_message = "There are the alarms of what there is."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.alarm["errors"].dimensions == tomap({ FunctionName = "legacy" }) && aws_cloudwatch_metric_alarm.alarm["parked"].dimensions == tomap({ FunctionName = "legacy" }) && output.environment["IDEMPOTENCY_METRICS"] == "on"
    error_message = "They watch the existing function, whose environment turns on the metrics that they need."
  }

  assert {
    condition     = [for widget in jsondecode(aws_cloudwatch_dashboard.dashboard[0].dashboard_body).widgets : widget.properties.title] == ["Dead-letter queue orders-dead-letters", "Messages", "Not done", "For an operator to look at", "Overhead of idempotency (ms)", "Function legacy", "Duration of legacy (ms)", "Table orders-idempotency"]
    error_message = "So does the dashboard show."
  }
}

run "metrics_without_alarms" {
  command = plan

  variables {
    idempotency = { metrics = true }
  }

  assert {
    condition     = one(aws_lambda_function.consumer[0].environment).variables["IDEMPOTENCY_METRICS"] == "on" && length(aws_cloudwatch_metric_alarm.alarm) == 0
    error_message = "You can have the metrics alone, for your dashboards and alarms."
  }
}

run "metrics_by_decorated_name" {
  command = plan

  variables {
    idempotency = { metrics_by_decorated_name = true }
  }

  assert {
    condition     = one(aws_lambda_function.consumer[0].environment).variables["IDEMPOTENCY_METRICS"] == "by_decorated_name" && output.settings.idempotency.metrics
    error_message = "Whoever asks for the metrics of each name gets metrics."
  }
}

run "alarms_without_metrics" {
  command = plan

  variables {
    alarms      = { disabled = ["lost_leases", "parked", "table_unavailable", "takeovers"] }
    idempotency = { metrics = false }
  }

  assert {
    condition     = one(aws_lambda_function.consumer[0].environment).variables["IDEMPOTENCY_METRICS"] == "off" && length(aws_cloudwatch_metric_alarm.alarm) == 6
    error_message = "Alarms that need no metrics of the package leave them off."
  }
}
