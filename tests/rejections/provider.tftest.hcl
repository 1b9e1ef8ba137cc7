# What provider 5 refuses and provider 6 takes; tests/module/test_provider.py shows the other half.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name      = "orders"
  code      = { source_dir = "examples/quickstart/src" }
  processor = "orders.process"
}

# says: queue.max_message_size_bytes = 262145, and hashicorp/aws 5 takes 262144 at most. Use hashicorp/aws 6.8 or newer
run "messages_above_256_kib_with_provider_5" {
  command         = plan
  expect_failures = [aws_sqs_queue.source]

  variables {
    queue = { max_message_size_bytes = 262145 }
  }
}

# says: function.runtime = "python3.14", and hashicorp/aws 5 takes python3.13 at most. Use hashicorp/aws 6.20 or newer
run "python_3_14_with_provider_5" {
  command         = plan
  expect_failures = [aws_lambda_function.consumer]

  variables {
    function = { runtime = "python3.14" }
  }
}

# says: function.timeout_seconds = 901, and hashicorp/aws 5 takes 900 at most, as 6 does up to 6.69.1.
run "more_than_15_minutes_with_provider_5" {
  command         = plan
  expect_failures = [aws_lambda_function.consumer]

  variables {
    function = { timeout_seconds = 901 }
  }
}
