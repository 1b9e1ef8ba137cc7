# The table, and how long its records live.

mock_provider "aws" {
  source = "./tests/mocks"
}

override_resource {
  override_during = plan
  target          = aws_sqs_queue.source
  values = {
    arn = "arn:aws:sqs:eu-central-1:123456789012:orders"
    url = "https://sqs.eu-central-1.amazonaws.com/123456789012/orders"
  }
}

override_resource {
  override_during = plan
  target          = aws_sqs_queue.dead_letter
  values = {
    arn = "arn:aws:sqs:eu-central-1:123456789012:orders-dead-letters"
    url = "https://sqs.eu-central-1.amazonaws.com/123456789012/orders-dead-letters"
  }
}

variables {
  name      = "orders"
  code      = { source_dir = "examples/quickstart/src" }
  processor = "orders.process"
}

run "the_table_has_ttl_encryption_and_recovery" {
  command = plan

  assert {
    condition     = aws_dynamodb_table.records[0].name == "orders-idempotency" && aws_dynamodb_table.records[0].hash_key == "id" && one(aws_dynamodb_table.records[0].attribute).type == "S"
    error_message = "The table is named after the module and keyed by the string id."
  }

  assert {
    condition     = one(aws_dynamodb_table.records[0].ttl).enabled && one(aws_dynamodb_table.records[0].ttl).attribute_name == "expires_at"
    error_message = "Records expire by expires_at."
  }

  assert {
    condition     = one(aws_dynamodb_table.records[0].server_side_encryption).enabled && one(aws_dynamodb_table.records[0].point_in_time_recovery).enabled
    error_message = "The table is encrypted and recoverable."
  }

  assert {
    condition     = aws_dynamodb_table.records[0].billing_mode == "PAY_PER_REQUEST" && !aws_dynamodb_table.records[0].deletion_protection_enabled
    error_message = "The table is billed per request and may be deleted."
  }
}

run "a_provisioned_table" {
  command = plan

  variables {
    table = { class = "STANDARD_INFREQUENT_ACCESS", deletion_protection = true, point_in_time_recovery = false, provisioned = { read_units = 1, write_units = 2 } }
  }

  assert {
    condition     = aws_dynamodb_table.records[0].billing_mode == "PROVISIONED" && aws_dynamodb_table.records[0].read_capacity == 1 && aws_dynamodb_table.records[0].write_capacity == 2 && length(aws_dynamodb_table.records[0].on_demand_throughput) == 0
    error_message = "It is billed by the hour."
  }

  assert {
    condition     = aws_dynamodb_table.records[0].table_class == "STANDARD_INFREQUENT_ACCESS" && aws_dynamodb_table.records[0].deletion_protection_enabled && !one(aws_dynamodb_table.records[0].point_in_time_recovery).enabled
    error_message = "Class and switches reach it."
  }
}

run "a_table_with_limits" {
  command = plan

  variables {
    table = { max_read_request_units = 1, max_write_request_units = 2 }
  }

  assert {
    condition     = one(aws_dynamodb_table.records[0].on_demand_throughput).max_read_request_units == 1 && one(aws_dynamodb_table.records[0].on_demand_throughput).max_write_request_units == 2 && aws_dynamodb_table.records[0].billing_mode == "PAY_PER_REQUEST"
    error_message = "Both limits, while it is billed per request."
  }
}

run "a_table_with_one_limit" {
  command = plan

  variables {
    table = { max_read_request_units = -1, max_write_request_units = 1 }
  }

  assert {
    condition     = one(aws_dynamodb_table.records[0].on_demand_throughput).max_write_request_units == 1 && one(aws_dynamodb_table.records[0].on_demand_throughput).max_read_request_units == -1 && aws_dynamodb_table.records[0].billing_mode == "PAY_PER_REQUEST"
    error_message = "One is set, and the other lifted."
  }
}

run "a_short_queues_records_outlive_the_events_that_lambda_keeps" {
  command = plan

  variables {
    allowed_triggers = { topic = { service = "sns", source_arn = "arn:aws:sns:eu-central-1:123456789012:orders" } }
    queue            = { message_retention_seconds = 3600, dead_letter_queue = { message_retention_seconds = 7200 } }
  }

  assert {
    condition     = one(aws_lambda_function.consumer[0].environment).variables["IDEMPOTENCY_RETENTION_SECONDS"] == "32400"
    error_message = "6 hours of retries, 2 in the dead-letter queue and one in the queue."
  }
}
