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

# says: allowed_triggers has the names ["the topic"]; Lambda takes 1 to 100 letters, digits, - and _ in each.
run "a_trigger_name_with_a_space" {
  command         = plan
  expect_failures = [var.allowed_triggers]

  variables {
    allowed_triggers = { "the topic" = { service = "sns", source_arn = "arn:aws:sns:eu-central-1:123456789012:orders" } }
  }
}

# says: allowed_triggers has the services ["apigateway"]; each must be one of events, s3, sns.
run "a_trigger_of_another_service" {
  command         = plan
  expect_failures = [var.allowed_triggers]

  variables {
    allowed_triggers = { api = { service = "apigateway", source_arn = "arn:aws:execute-api:eu-central-1:123456789012:api" } }
  }
}

# says: allowed_triggers has the source_arns ["arn:aws:events:eu-central-1:123456789012:event-bus/default"]; each must be of its service.
run "a_trigger_that_is_a_bus_and_no_rule" {
  command         = plan
  expect_failures = [var.allowed_triggers]

  variables {
    allowed_triggers = { rule = { service = "events", source_arn = "arn:aws:events:eu-central-1:123456789012:event-bus/default" } }
  }
}

# says: allowed_triggers is not empty (topic) and the queue is FIFO
run "a_trigger_with_a_fifo_queue" {
  command         = plan
  expect_failures = [aws_lambda_function.consumer]

  variables {
    allowed_triggers = { topic = { service = "sns", source_arn = "arn:aws:sns:eu-central-1:123456789012:orders" } }
    queue            = { fifo = true }
  }
}

# says: allowed_triggers has topic together with function.existing: the module cannot set the dead-letter config
run "triggers_of_an_existing_function" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    code             = null
    function         = { existing = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:worker", timeout_seconds = 30 } }
    allowed_triggers = { topic = { service = "sns", source_arn = "arn:aws:sns:eu-central-1:123456789012:orders" } }
  }
}

# says: allowed_triggers has the source_arns ["arn:aws:sns:eu-central-1:123456789012:orders.fifo"]; a FIFO topic delivers to queues only.
run "a_fifo_topic_that_invokes" {
  command         = plan
  expect_failures = [var.allowed_triggers]

  variables {
    allowed_triggers = { topic = { service = "sns", source_arn = "arn:aws:sns:eu-central-1:123456789012:orders.fifo" } }
  }
}

# says: allowed_triggers is null at rule; each must be an object.
run "a_trigger_that_is_null" {
  command         = plan
  expect_failures = [var.allowed_triggers]

  variables {
    allowed_triggers = { rule = null }
  }
}
