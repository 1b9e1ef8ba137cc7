# Names that you give, and everything that follows them.

mock_provider "aws" {
  source = "./tests/mocks"
}

override_resource {
  override_during = plan
  target          = aws_sqs_queue.dead_letter
  values = {
    arn = "arn:aws:sqs:eu-central-1:123456789012:failed.fifo"
    url = "https://sqs.eu-central-1.amazonaws.com/123456789012/failed.fifo"
  }
}

variables {
  name      = "orders"
  code      = { source_dir = "examples/quickstart/src" }
  processor = "orders.process"
}

run "given_names_are_everywhere" {
  command = plan

  variables {
    alarms    = {}
    dashboard = true
    function  = { name = "charge", role = { name = "shop+charge", path = "/teams/shop/" } }
    queue     = { fifo = true, name = "incoming", dead_letter_queue = { name = "failed" } }
    table     = { name = "shop.claims" }
  }

  assert {
    condition     = [aws_sqs_queue.source[0].name, aws_sqs_queue.dead_letter[0].name, aws_dynamodb_table.records[0].name] == ["incoming.fifo", "failed.fifo", "shop.claims"]
    error_message = "Queues and table have the names, and the module adds .fifo."
  }

  assert {
    condition     = aws_iam_role.function[0].name == "shop+charge" && aws_iam_role.function[0].path == "/teams/shop/"
    error_message = "The role has its name and its path."
  }

  assert {
    condition     = [output.queue.arn, output.queue.name, output.dead_letter_queue.arn, output.dead_letter_queue.name, output.table.name] == ["arn:aws:sqs:eu-central-1:123456789012:incoming.fifo", "incoming.fifo", "arn:aws:sqs:eu-central-1:123456789012:failed.fifo", "failed.fifo", "shop.claims"]
    error_message = "So do the outputs."
  }

  assert {
    condition     = output.environment.IDEMPOTENCY_TABLE == "shop.claims" && output.environment.IDEMPOTENCY_DEAD_LETTER_QUEUE_URL == "https://sqs.eu-central-1.amazonaws.com/123456789012/failed.fifo" && output.environment.IDEMPOTENCY_NAMESPACE == "orders"
    error_message = "The function uses them, and its namespace is still the module's name."
  }

  assert {
    condition     = [for name in ["dead_letters", "message_age", "errors"] : one(values(aws_cloudwatch_metric_alarm.alarm[name].dimensions))] == ["failed.fifo", "incoming.fifo", "charge"] && strcontains(jsonencode(aws_cloudwatch_metric_alarm.alarm["table_throttles"].metric_query), "shop.claims")
    error_message = "The alarms watch them."
  }

  assert {
    condition     = alltrue([for name in ["incoming.fifo", "failed.fifo", "shop.claims", "charge"] : strcontains(aws_cloudwatch_dashboard.dashboard[0].dashboard_body, "\"${name}\"")]) && !strcontains(aws_cloudwatch_dashboard.dashboard[0].dashboard_body, "orders")
    error_message = "The dashboard shows them."
  }

  assert {
    condition     = jsonencode(distinct([for statement in jsondecode(aws_iam_role_policy.function[0].policy).Statement : statement.Resource if strcontains(jsonencode(statement.Action), "sqs:")])) == jsonencode(["arn:aws:sqs:eu-central-1:123456789012:incoming.fifo", "arn:aws:sqs:eu-central-1:123456789012:failed.fifo"]) && one(jsondecode(aws_sqs_queue.dead_letter[0].redrive_allow_policy).sourceQueueArns) == "arn:aws:sqs:eu-central-1:123456789012:incoming.fifo"
    error_message = "The role may use them, and the dead-letter queue takes messages of that queue."
  }

  assert {
    condition     = jsondecode(aws_sqs_queue.source[0].policy).Statement[0].Resource == "arn:aws:sqs:eu-central-1:123456789012:incoming.fifo" && jsondecode(aws_sqs_queue.dead_letter[0].policy).Statement[0].Resource == "arn:aws:sqs:eu-central-1:123456789012:failed.fifo"
    error_message = "Each queue's policy is about that queue."
  }
}

run "a_given_name_leaves_the_others" {
  command = plan

  variables {
    queue = { name = "incoming" }
  }

  assert {
    condition     = [aws_sqs_queue.source[0].name, aws_sqs_queue.dead_letter[0].name, aws_dynamodb_table.records[0].name, aws_lambda_function.consumer[0].function_name, aws_iam_role.function[0].name_prefix, aws_iam_role.function[0].path] == ["incoming", "orders-dead-letters", "orders-idempotency", "orders", "orders-", "/"]
    error_message = "The others come from the module's name."
  }
}

run "a_name_too_long_for_a_derived_queue" {
  command = plan

  variables {
    name  = "consumer-of-all-the-orders-that-ever-come-in-from-every-shop-123"
    queue = { fifo = true, dead_letter_queue = { name = "failed" } }
  }

  assert {
    condition     = [aws_sqs_queue.source[0].name, aws_sqs_queue.dead_letter[0].name] == ["consumer-of-all-the-orders-that-ever-come-in-from-every-shop-123.fifo", "failed.fifo"]
    error_message = "With the dead-letter queue's name given, a FIFO queue takes the longest name."
  }
}
