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

# says: streams has arn = {"clicks":"arn:aws:dynamodb:eu-central-1:123456789012:table/accounts"}; each must be the ARN of a stream of its source.
run "a_table_instead_of_its_stream" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "dynamodb", arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/accounts", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed" } }
  }
}

# says: streams has arn = {"clicks":"arn:aws:dynamodb:eu-central-1:123456789012:table/accounts/stream/2025-01-01T00:00:00.000"}; each must be the ARN of a stream of its source.
run "a_stream_of_the_other_source" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/accounts/stream/2025-01-01T00:00:00.000", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed" } }
  }
}

# says: streams has source = {"clicks":"kafka"}; each must be one of dynamodb, kinesis.
run "a_stream_of_an_unknown_source" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kafka", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed" } }
  }
}

# says: streams has batch_size = {"clicks":0}; each must be a whole number from 1 to 10000 (records).
run "an_empty_batch_of_a_stream" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", batch_size = 0 } }
  }
}

# says: streams has batch_size = {"clicks":10001}; each must be a whole number from 1 to 10000 (records).
run "too_large_a_batch_of_a_stream" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", batch_size = 10001 } }
  }
}

# says: streams has batch_size = {"clicks":1.5}; each must be a whole number from 1 to 10000 (records).
run "a_fraction_of_a_record" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", batch_size = 1.5 } }
  }
}

# says: streams has maximum_batching_window_in_seconds = {"clicks":-1}; each must be a whole number from 0 to 300 (seconds).
run "a_negative_batching_window_of_a_stream" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", maximum_batching_window_in_seconds = -1 } }
  }
}

# says: streams has maximum_batching_window_in_seconds = {"clicks":301}; each must be a whole number from 0 to 300 (seconds).
run "too_long_a_batching_window_of_a_stream" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", maximum_batching_window_in_seconds = 301 } }
  }
}

# says: streams has maximum_batching_window_in_seconds = {"clicks":0.5}; each must be a whole number from 0 to 300 (seconds).
run "a_fraction_of_a_batching_window_of_a_stream" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", maximum_batching_window_in_seconds = 0.5 } }
  }
}

# says: streams has failure_destination_arn = {"clicks":null}; each must be the ARN of an SQS queue, an SNS topic or an S3 bucket.
run "a_stream_without_a_failure_destination" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = null } }
  }
}

# says: streams has failure_destination_arn = {"clicks":"arn:aws:s3:::failed/clicks"}; each must be the ARN of an SQS queue, an SNS topic or an S3 bucket.
run "a_failure_destination_that_is_a_folder_of_a_bucket" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:s3:::failed/clicks" } }
  }
}

# says: streams has failure_destination_arn = {"clicks":"arn:aws:sqs:eu-central-1:123456789012:failed.fifo"}; Lambda sends to standard queues and topics only
run "a_failure_destination_that_is_fifo" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed.fifo" } }
  }
}

# says: streams has filters = {"clicks":["{}","kind = buy"]}; each must be a JSON object.
run "a_filter_that_is_no_json" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", filters = ["{}", "kind = buy"] } }
  }
}

# says: streams has filters = {"clicks":["[]"]}; each must be a JSON object.
run "a_filter_that_is_a_list" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", filters = ["[]"] } }
  }
}

# says: streams has maximum_record_age_seconds = {"clicks":-1}; each must be a whole number from 60 to 604800 (seconds, 7 days).
run "records_of_any_age" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", maximum_record_age_seconds = -1 } }
  }
}

# says: streams has maximum_record_age_seconds = {"clicks":59}; each must be a whole number from 60 to 604800 (seconds, 7 days).
run "too_low_a_record_age" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", maximum_record_age_seconds = 59 } }
  }
}

# says: streams has maximum_record_age_seconds = {"clicks":604801}; each must be a whole number from 60 to 604800 (seconds, 7 days).
run "too_high_a_record_age" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", maximum_record_age_seconds = 604801 } }
  }
}

# says: streams has maximum_record_age_seconds = {"clicks":60.5}; each must be a whole number from 60 to 604800 (seconds, 7 days).
run "a_fraction_of_a_record_age" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", maximum_record_age_seconds = 60.5 } }
  }
}

# says: streams has maximum_retry_attempts = {"clicks":-1}; each must be a whole number from 0 to 10000.
run "endless_retries" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", maximum_retry_attempts = -1 } }
  }
}

# says: streams has maximum_retry_attempts = {"clicks":10001}; each must be a whole number from 0 to 10000.
run "too_many_retries" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", maximum_retry_attempts = 10001 } }
  }
}

# says: streams has maximum_retry_attempts = {"clicks":0.5}; each must be a whole number from 0 to 10000.
run "half_a_retry" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", maximum_retry_attempts = 0.5 } }
  }
}

# says: streams has parallelization_factor = {"clicks":0}; each must be a whole number from 1 to 10.
run "no_batch_at_a_time" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", parallelization_factor = 0 } }
  }
}

# says: streams has parallelization_factor = {"clicks":11}; each must be a whole number from 1 to 10.
run "too_many_batches_at_a_time" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", parallelization_factor = 11 } }
  }
}

# says: streams has parallelization_factor = {"clicks":1.5}; each must be a whole number from 1 to 10.
run "a_fraction_of_a_batch_at_a_time" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", parallelization_factor = 1.5 } }
  }
}

# says: streams has starting_position = {"clicks":"OLDEST"}; each must be one of AT_TIMESTAMP, LATEST, TRIM_HORIZON.
run "an_unknown_starting_position" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", starting_position = "OLDEST" } }
  }
}

# says: streams has starting_position = {"clicks":"AT_TIMESTAMP"}; DynamoDB streams do not know AT_TIMESTAMP.
run "a_dynamodb_stream_from_a_time" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "dynamodb", arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/accounts/stream/2025-01-01T00:00:00.000", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", starting_position = "AT_TIMESTAMP", starting_position_timestamp = "2025-01-31T12:00:00Z" } }
  }
}

# says: streams has starting_position = {"clicks":"AT_TIMESTAMP"}, starting_position_timestamp = {"clicks":null}; AT_TIMESTAMP takes a timestamp, and no other position does.
run "a_start_at_no_time" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", starting_position = "AT_TIMESTAMP" } }
  }
}

# says: streams has starting_position = {"clicks":"LATEST"}, starting_position_timestamp = {"clicks":"2025-01-31T12:00:00Z"}; AT_TIMESTAMP takes a timestamp, and no other position does.
run "a_start_at_the_latest_and_at_a_time" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", starting_position = "LATEST", starting_position_timestamp = "2025-01-31T12:00:00Z" } }
  }
}

# says: streams has starting_position_timestamp = {"clicks":"yesterday"}; each must be a time of the form "2025-01-31T12:00:00Z".
run "a_start_yesterday" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", starting_position = "AT_TIMESTAMP", starting_position_timestamp = "yesterday" } }
  }
}

# says: streams has the arns {"again":"arn:aws:kinesis:eu-central-1:123456789012:stream/clicks","clicks":"arn:aws:kinesis:eu-central-1:123456789012:stream/clicks"}; Lambda takes each stream once for a function.
run "one_stream_twice" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { for name in ["again", "clicks"] : name => { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed" } }
  }
}

# says: streams has starting_position_timestamp = {"clicks":"2025-01-31T13:00:00+01:00"}; each must be a time of the form "2025-01-31T12:00:00Z".
run "a_time_of_another_zone" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", starting_position = "AT_TIMESTAMP", starting_position_timestamp = "2025-01-31T13:00:00+01:00" } }
  }
}

# says: streams.clicks.failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:orders" is the module's own queue
run "the_modules_own_queue_as_failure_destination" {
  command         = plan
  expect_failures = [aws_lambda_event_source_mapping.stream]

  variables {
    table   = { existing = { arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/claims" } }
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:orders" } }
  }
}

# says: streams has kms_key_arn = {"clicks":"alias/clicks"}; each must be the ARN of a KMS key.
run "a_streams_key_by_its_alias" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", kms_key_arn = "alias/clicks" } }
  }
}

# says: streams is null at clicks; each must be an object.
run "a_stream_that_is_null" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = null }
  }
}
