# The log of the function: its levels and its class, and the metrics, which both can drop.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name      = "orders"
  code      = { source_dir = "examples/quickstart/src" }
  processor = "orders.process"
}

run "the_levels_and_the_class_are_lambdas_defaults" {
  command = plan

  assert {
    condition     = one(aws_lambda_function.consumer[0].logging_config).application_log_level == "INFO" && one(aws_lambda_function.consumer[0].logging_config).system_log_level == "INFO"
    error_message = "INFO is what Lambda takes for JSON logs. It is set, so that a level that is removed goes back."
  }

  assert {
    condition     = var.logs.class == null
    error_message = "The log group keeps its class."
  }
}

run "fewer_lines_at_half_the_price" {
  command = plan

  variables {
    logs = { application_level = "FATAL", class = "INFREQUENT_ACCESS", system_level = "WARN" }
  }

  assert {
    condition     = one(aws_lambda_function.consumer[0].logging_config).application_log_level == "FATAL" && one(aws_lambda_function.consumer[0].logging_config).system_log_level == "WARN" && one(aws_lambda_function.consumer[0].logging_config).log_format == "JSON"
    error_message = "The function has both levels."
  }

  assert {
    condition     = aws_cloudwatch_log_group.function[0].log_group_class == "INFREQUENT_ACCESS" && aws_cloudwatch_log_group.function[0].retention_in_days == 30
    error_message = "The log group has the class."
  }
}

run "more_lines_go_with_everything" {
  command = plan

  variables {
    alarms    = {}
    dashboard = true
    logs      = { application_level = "TRACE", class = "STANDARD", system_level = "DEBUG" }
  }

  assert {
    condition     = one(aws_lambda_function.consumer[0].logging_config).application_log_level == "TRACE" && one(aws_lambda_function.consumer[0].environment).variables["IDEMPOTENCY_METRICS"] == "on"
    error_message = "TRACE and STANDARD keep the metrics."
  }
}

run "fewer_lines_keep_the_metrics" {
  command = plan

  variables {
    alarms      = {}
    dashboard   = true
    idempotency = { log = "sampled:1000000" }
    logs        = { application_level = "FATAL" }
  }

  assert {
    condition     = one(aws_lambda_function.consumer[0].logging_config).application_log_level == "FATAL" && one(aws_lambda_function.consumer[0].environment).variables["IDEMPOTENCY_METRICS"] == "on"
    error_message = "The package gives metrics a level that Lambda lets through."
  }

  assert {
    condition     = one(aws_lambda_function.consumer[0].environment).variables["IDEMPOTENCY_LOG"] == "sampled:1000000"
    error_message = "The sample reaches the function."
  }
}

run "alarms_that_need_no_metrics_go_with_few_lines" {
  command = plan

  variables {
    alarms = { disabled = ["lost_leases", "parked", "table_unavailable", "takeovers"] }
    logs   = { application_level = "ERROR", class = "INFREQUENT_ACCESS" }
  }

  assert {
    condition     = one(aws_lambda_function.consumer[0].environment).variables["IDEMPOTENCY_METRICS"] == "off"
    error_message = "The other alarms look at Lambda's and SQS's own metrics."
  }
}

run "an_existing_function_logs_as_it_is_declared" {
  command = plan

  variables {
    alarms   = {}
    code     = null
    function = { existing = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:my-orders:prod", timeout_seconds = 30 } }
  }

  assert {
    condition     = length(aws_cloudwatch_log_group.function) == 0
    error_message = "The module takes no part in its logs."
  }
}

# A group keeps the class that it has if the input is removed.
run "a_group_that_kept_its_class_extracts_no_metrics" {
  command         = plan
  expect_failures = [terraform_data.checks]

  override_resource {
    override_during = plan
    target          = aws_cloudwatch_log_group.function
    values          = { log_group_class = "INFREQUENT_ACCESS" }
  }

  variables {
    dashboard = true
  }
}
