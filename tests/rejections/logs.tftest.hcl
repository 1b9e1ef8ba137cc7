# Every rule of the logs refuses what it is there to refuse: see function.tftest.hcl.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name      = "orders"
  code      = { source_dir = "examples/quickstart/src" }
  processor = "orders.process"
}

# says: logs.application_level = "WARNING" is not one of TRACE, DEBUG, INFO, WARN, ERROR, FATAL.
run "a_level_as_python_writes_it" {
  command         = plan
  expect_failures = [var.logs]

  variables {
    logs = { application_level = "WARNING" }
  }
}

# says: logs.application_level = "info" is not one of TRACE,
run "a_level_in_small_letters" {
  command         = plan
  expect_failures = [var.logs]

  variables {
    logs = { application_level = "info" }
  }
}

# says: logs.system_level = "ERROR" is not one of DEBUG, INFO, WARN.
run "a_level_that_lambda_has_not" {
  command         = plan
  expect_failures = [var.logs]

  variables {
    logs = { system_level = "ERROR" }
  }
}

# says: logs.class = "DELIVERY" is not one of STANDARD, INFREQUENT_ACCESS;
run "logs_that_nobody_can_query" {
  command         = plan
  expect_failures = [var.logs]

  variables {
    logs = { class = "DELIVERY" }
  }
}

# says: The class of the log group is INFREQUENT_ACCESS (logs.class = "INFREQUENT_ACCESS"), which extracts no metrics, and the dashboard
run "a_dashboard_of_a_class_without_metrics" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    dashboard = true
    logs      = { class = "INFREQUENT_ACCESS" }
  }
}

# says: The class of the log group is INFREQUENT_ACCESS (logs.class = "INFREQUENT_ACCESS"), which extracts no metrics, and an alarm
run "alarms_of_a_class_without_metrics" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    alarms = {}
    logs   = { class = "INFREQUENT_ACCESS" }
  }
}

# says: which extracts no metrics, and idempotency.metrics_by_decorated_name needs them. Set logs.class = "STANDARD", which replaces the log group and deletes its lines, or do without: dashboard = false, idempotency.metrics_by_decorated_name = false,
run "metrics_by_name_of_a_class_without_metrics" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    idempotency = { metrics_by_decorated_name = true }
    logs        = { class = "INFREQUENT_ACCESS" }
  }
}

# says: logs.application_level = "DEBUG" logs each request to the table with its key in plain text
run "keys_that_botocore_logs" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    idempotency = { log_keys = "hashed" }
    logs        = { application_level = "DEBUG" }
  }
}

# says: logs.application_level = "TRACE" logs each request to the table with its key in plain text
run "keys_that_botocore_logs_at_trace" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    idempotency = { log_keys = "hashed" }
    logs        = { application_level = "TRACE" }
  }
}
