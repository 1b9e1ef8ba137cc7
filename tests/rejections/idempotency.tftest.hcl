# Every rule refuses what it is there to refuse: one wrong fact per case on a valid base.
#
# `expect_failures` alone passes when another rule of the same object fires. So each case says, in the
# line above it, how its message starts; tests/module/test_rejections.py asserts that this and no other
# error appears, and that every rule of the module has a case.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name      = "orders"
  code      = { source_dir = "examples/quickstart/src" }
  processor = "orders.process"
}

# says: idempotency.key = " " is not a JMESPath expression: it is empty
run "an_empty_key" {
  command         = plan
  expect_failures = [var.idempotency]

  variables {
    idempotency = { key = " " }
  }
}

# says: idempotency.lease_margin_seconds = 0 is not more than 0 and at most 300 (seconds).
run "no_lease_margin" {
  command         = plan
  expect_failures = [var.idempotency]

  variables {
    idempotency = { lease_margin_seconds = 0 }
  }
}

# says: idempotency.lease_margin_seconds = 301 is not more than 0 and at most 300 (seconds).
run "too_long_a_lease_margin" {
  command         = plan
  expect_failures = [var.idempotency]

  variables {
    idempotency = { lease_margin_seconds = 301 }
  }
}

# says: idempotency.log = "none" is not one of all, problems, sampled:N with N from 2 to 1000000.
run "an_unknown_log" {
  command         = plan
  expect_failures = [var.idempotency]

  variables {
    idempotency = { log = "none" }
  }
}

# says: idempotency.log = "sampled:1" is not one of
run "a_sample_of_everything" {
  command         = plan
  expect_failures = [var.idempotency]

  variables {
    idempotency = { log = "sampled:1" }
  }
}

# says: idempotency.log = "sampled:1000001" is not one of
run "a_sample_of_too_little" {
  command         = plan
  expect_failures = [var.idempotency]

  variables {
    idempotency = { log = "sampled:1000001" }
  }
}

# says: idempotency.log = "sampled:10 " is not one of
run "a_sample_with_a_blank" {
  command         = plan
  expect_failures = [var.idempotency]

  variables {
    idempotency = { log = "sampled:10 " }
  }
}

# says: idempotency.log_keys = "none" is not one of plain, hashed.
run "an_unknown_way_to_log_keys" {
  command         = plan
  expect_failures = [var.idempotency]

  variables {
    idempotency = { log_keys = "none" }
  }
}

# says: idempotency.metrics = false, and the dashboard has no data without metrics.
run "a_dashboard_without_metrics" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    dashboard   = true
    idempotency = { metrics = false }
  }
}

# says: idempotency.metrics = false, and one of the alarms lost_leases, parked, table_unavailable, takeovers has no
run "alarms_without_the_metrics_they_need" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    alarms      = { disabled = ["lost_leases", "parked", "takeovers"] }
    idempotency = { metrics = false }
  }
}

# says: idempotency.metrics = false, and idempotency.metrics_by_decorated_name has no data without metrics.
run "metrics_by_name_without_metrics" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    idempotency = { metrics = false, metrics_by_decorated_name = true }
  }
}

# says: idempotency.concurrency = 0 is not a whole number from 1 to 100.
run "no_concurrency" {
  command         = plan
  expect_failures = [var.idempotency]

  variables {
    idempotency = { concurrency = 0 }
  }
}

# says: idempotency.concurrency = 101 is not a whole number from 1 to 100.
run "too_much_concurrency" {
  command         = plan
  expect_failures = [var.idempotency]

  variables {
    idempotency = { concurrency = 101 }
  }
}

# says: idempotency.concurrency = 1.5 is not a whole number from 1 to 100.
run "half_a_thread" {
  command         = plan
  expect_failures = [var.idempotency]

  variables {
    idempotency = { concurrency = 1.5 }
  }
}

# says: idempotency.managed_instances = "accept" is not one of refuse, accept_overlapping_runs.
run "an_unclear_consent_to_managed_instances" {
  command         = plan
  expect_failures = [var.idempotency]

  variables {
    idempotency = { managed_instances = "accept" }
  }
}

# says: idempotency.mode = "dry-run" is not one of enforce, observe.
run "an_unknown_mode" {
  command         = plan
  expect_failures = [var.idempotency]

  variables {
    idempotency = { mode = "dry-run" }
  }
}

# says: idempotency.on_interrupted = "ignore" is not one of retry, park.
run "an_unknown_answer_to_interruptions" {
  command         = plan
  expect_failures = [var.idempotency]

  variables {
    idempotency = { on_interrupted = "ignore" }
  }
}

# says: idempotency.minimum_remaining_seconds = 0 is not more than 0 (seconds).
run "no_minimum_remaining" {
  command         = plan
  expect_failures = [var.idempotency]

  variables {
    idempotency = { minimum_remaining_seconds = 0 }
  }
}

# says: idempotency.minimum_remaining_seconds = 29.5 plus the reserve of 0.5 is not below
run "a_minimum_remaining_that_leaves_no_time" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    idempotency = { minimum_remaining_seconds = 29.5 }
  }
}

# says: idempotency.namespace = "" is not 1 to 255 characters.
run "an_empty_namespace" {
  command         = plan
  expect_failures = [var.idempotency]

  variables {
    idempotency = { namespace = "" }
  }
}

# says: 0000" is not 1 to 255 characters.
run "a_namespace_of_256_characters" {
  command         = plan
  expect_failures = [var.idempotency]

  variables {
    idempotency = { namespace = format("%0256d", 0) }
  }
}

# says: idempotency.namespace = "shop#orders" holds other characters than printable ASCII without #
run "a_namespace_with_a_hash" {
  command         = plan
  expect_failures = [var.idempotency]

  variables {
    idempotency = { namespace = "shop#orders" }
  }
}

# says: idempotency.namespace = "commandé" holds other characters than printable ASCII without #
run "a_namespace_outside_of_ascii" {
  command         = plan
  expect_failures = [var.idempotency]

  variables {
    idempotency = { namespace = "commandé" }
  }
}

# says: idempotency.retention_seconds = 345600.5 is not a whole number of at least 60 (seconds).
run "a_fraction_of_a_retention" {
  command         = plan
  expect_failures = [var.idempotency]

  variables {
    idempotency = { retention_seconds = 345600.5 }
  }
}

# says: idempotency.retention_seconds = 345599 is below queue.message_retention_seconds = 345600
run "a_retention_below_the_queues" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    idempotency = { retention_seconds = 345599 }
  }
}

# says: idempotency.retention_seconds = 86399 is below the longest maximum_record_age_seconds of streams = 86400
run "a_retention_below_a_streams" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    idempotency = { retention_seconds = 86399 }
    queue       = { message_retention_seconds = 3600 }
    streams = {
      clicks = {
        source                  = "kinesis"
        arn                     = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks"
        failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed"
      }
    }
  }
}

# says: idempotency.retention_seconds = 21599 is below 21600, and allowed_triggers is not empty
run "a_retention_below_lambdas_retries" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    allowed_triggers = { topic = { service = "sns", source_arn = "arn:aws:sns:eu-central-1:123456789012:orders" } }
    idempotency      = { retention_seconds = 21599 }
    queue            = { message_retention_seconds = 3600 }
  }
}

# says: idempotency.key = "$.order_id" is not a JMESPath expression
run "a_json_path" {
  command         = plan
  expect_failures = [var.idempotency]

  variables {
    idempotency = { key = "$.order_id" }
  }
}

# says: function.existing.timeout_seconds = 1801, and only Lambda Managed Instances take more than 1800
run "a_timeout_of_managed_instances_without_consent" {
  command         = plan
  expect_failures = [terraform_data.location]

  variables {
    code      = null
    processor = null
    function = {
      existing = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:charge", timeout_seconds = 1801 }
    }
  }
}
