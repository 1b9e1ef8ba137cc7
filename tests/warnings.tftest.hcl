# What a plan only warns of. test_keys.py tries many more key expressions.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name      = "orders"
  code      = { source_dir = "examples/quickstart/src" }
  processor = "orders.process"
}

run "a_key_that_starts_with_no_field" {
  command         = plan
  expect_failures = [check.key]

  variables {
    idempotency = { key = "order_id" }
  }
}

run "a_key_with_half_a_bracket" {
  command         = plan
  expect_failures = [check.key]

  variables {
    idempotency = { key = "body..order_id[" }
  }
}

run "a_key_of_the_stream_without_a_queue" {
  command = plan

  variables {
    idempotency = { key = "dynamodb.NewImage.id.S" }
    queue       = null
    streams = { orders = {
      source                  = "dynamodb"
      arn                     = "arn:aws:dynamodb:eu-central-1:123456789012:table/orders/stream/2025-01-01T00:00:00.000"
      failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed"
    } }
  }
}

run "a_key_for_a_handler_of_yours" {
  command = plan

  variables {
    function    = { handler = "orders.process" }
    idempotency = { key = "event.detail.order_id" }
    processor   = null
  }
}

run "records_that_expire_before_the_dead_letters" {
  command         = plan
  expect_failures = [check.retention]

  variables {
    idempotency = { retention_seconds = 1209599 }
  }
}

run "records_that_expire_before_events_that_lambda_gave_up_on" {
  command         = plan
  expect_failures = [check.retention]

  variables {
    allowed_triggers = { topic = { service = "sns", source_arn = "arn:aws:sns:eu-central-1:123456789012:orders" } }
    idempotency      = { retention_seconds = 86400 }
    queue            = null
  }
}

run "records_that_last_as_long_as_the_dead_letters" {
  command = plan

  variables {
    idempotency = { retention_seconds = 1209600 }
  }
}

# Nothing is redriven without a queue.
run "short_records_without_a_queue" {
  command = plan

  variables {
    idempotency = { retention_seconds = 86400 }
    queue       = null
  }
}

run "short_records_and_dead_letters" {
  command = plan

  variables {
    idempotency = { retention_seconds = 7200 }
    queue       = { message_retention_seconds = 3600, dead_letter_queue = { message_retention_seconds = 7200 } }
  }
}

run "an_existing_queue_and_its_dead_letters_of_14_days" {
  command         = plan
  expect_failures = [check.retention]

  variables {
    queue = { existing = {
      arn                        = "arn:aws:sqs:eu-central-1:123456789012:jobs"
      dead_letter_queue          = { arn = "arn:aws:sqs:eu-central-1:123456789012:failed", message_retention_seconds = 1209600, url = "https://sqs.eu-central-1.amazonaws.com/123456789012/failed" }
      max_receive_count          = 5
      message_retention_seconds  = 1209600
      visibility_timeout_seconds = 180
    } }
  }

  assert {
    condition     = output.environment["IDEMPOTENCY_RETENTION_SECONDS"] == "3628800"
    error_message = "A record outlives both queues and a redrive."
  }
}

# SQS counts from the start when it moves a message of a FIFO queue.
run "existing_fifo_queues_of_14_days" {
  command = plan

  variables {
    queue = { existing = {
      arn                        = "arn:aws:sqs:eu-central-1:123456789012:jobs.fifo"
      dead_letter_queue          = { arn = "arn:aws:sqs:eu-central-1:123456789012:failed.fifo", message_retention_seconds = 1209600, url = "https://sqs.eu-central-1.amazonaws.com/123456789012/failed.fifo" }
      max_receive_count          = 5
      message_retention_seconds  = 1209600
      visibility_timeout_seconds = 180
    } }
  }
}
