# Keys of single services, and what would fail at apply for its size.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name      = "orders"
  code      = { source_dir = "examples/quickstart/src" }
  processor = "orders.process"
}

# says: table.kms_key_arn = "alias/orders" is not the ARN of a KMS key.
run "the_key_of_table_by_its_alias" {
  command         = plan
  expect_failures = [var.table]

  variables {
    table = { kms_key_arn = "alias/orders" }
  }
}

# says: queue.kms_key_arn = "alias/orders" or queue.existing.kms_key_arn = null is not the ARN of a KMS key.
run "the_key_of_queue_by_its_alias" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { kms_key_arn = "alias/orders" }
  }
}

# says: function.kms_key_arn = "alias/orders" is not the ARN of a KMS key.
run "the_key_of_function_by_its_alias" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { kms_key_arn = "alias/orders" }
  }
}

# says: logs.kms_key_arn = "alias/orders" is not the ARN of a KMS key.
run "the_key_of_logs_by_its_alias" {
  command         = plan
  expect_failures = [var.logs]

  variables {
    logs = { kms_key_arn = "alias/orders" }
  }
}

# says: function.kms_key_arn is set together with function.existing, and no mapping has filters
run "a_key_for_an_existing_function" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    code     = null
    function = { existing = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:worker", timeout_seconds = 30 }, kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/1" }
  }
}

# says: kms_key_arn is set, and every part exists already or has another key
run "a_key_that_every_part_replaces" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/1"
    function    = { kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/2" }
    logs        = { kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/2" }
    queue       = { kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/2" }
    table       = { kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/2" }
  }
}

# says: function.existing is set; then application_level, class, kms_key_arn, retention_days, system_level, tags of logs must keep their defaults
run "a_log_key_for_an_existing_function" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    code     = null
    function = { existing = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:worker", timeout_seconds = 30 } }
    logs     = { kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/1" }
  }
}

# says: function.existing is set; then application_level, class, kms_key_arn
run "log_tags_for_an_existing_function" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    code     = null
    function = { existing = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:worker", timeout_seconds = 30 } }
    logs     = { tags = { team = "payments" } }
  }
}

# says: function.existing is set; then application_level, class, kms_key_arn
run "log_retention_for_an_existing_function" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    code     = null
    function = { existing = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:worker", timeout_seconds = 30 } }
    logs     = { retention_days = 7 }
  }
}

# says: function.existing is set; then application_level, class, kms_key_arn
run "log_classes_for_an_existing_function" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    code     = null
    function = { existing = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:worker", timeout_seconds = 30 } }
    logs     = { class = "STANDARD" }
  }
}

# says: function.existing is set; then application_level, class, kms_key_arn
run "log_system_levels_for_an_existing_function" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    code     = null
    function = { existing = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:worker", timeout_seconds = 30 } }
    logs     = { system_level = "WARN" }
  }
}

# says: function.existing is set; then application_level, class, kms_key_arn
run "log_levels_for_an_existing_function" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    code     = null
    function = { existing = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:worker", timeout_seconds = 30 } }
    logs     = { application_level = "ERROR" }
  }
}

# says: function.environment and the variables of the module have at least
run "four_kilobytes_of_environment" {
  command         = plan
  expect_failures = [aws_lambda_function.consumer]

  variables {
    function = { environment = { TEXT = join("", [for number in range(900) : "xxxx"]) } }
  }
}

# says: function.environment and the variables of the module have at least
run "four_kilobytes_of_names" {
  command         = plan
  expect_failures = [aws_lambda_function.consumer]

  variables {
    function = { environment = { for number in range(100) : "A_LONG_NAME_OF_A_VARIABLE_OF_MINE_${number}" => "" } }
  }
}

# says: allowed_triggers has 90 triggers, which make a policy of at least
run "ninety_triggers" {
  command         = plan
  expect_failures = [aws_lambda_function.consumer]

  variables {
    allowed_triggers = { for number in range(90) : "trigger-${number}" => { service = "events", source_arn = "arn:aws:events:eu-central-1:123456789012:rule/orders-${number}" } }
  }
}

# says: function.layers = ["arn:aws:lambda:eu-central-1:123456789012:layer:deps:1","arn:aws:lambda:eu-central-1:123456789012:layer:deps:2"]; Lambda takes one version of each layer.
run "two_versions_of_a_layer" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { layers = [for number in [1, 2] : "arn:aws:lambda:eu-central-1:123456789012:layer:deps:${number}"] }
  }
}

# says: queue.filters has patterns of [18,18,18,18,18,18,18,18,18,18,18] characters; Lambda takes up to 10 patterns
run "eleven_filters" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { filters = [for number in range(11) : jsonencode({ body = { a = [1] } })] }
  }
}

# says: queue.filters has patterns of [5013] characters; Lambda takes up to 10 patterns of 4096 characters each.
run "a_filter_of_5_kilobytes" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { filters = [jsonencode({ body = [join("", [for number in range(1000) : "xxxxx"])] })] }
  }
}

# says: streams has filters of {"clicks":[5013]} characters; Lambda takes up to 10 for a stream, of 4096 each.
run "a_filter_of_a_stream_of_5_kilobytes" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", filters = [jsonencode({ body = [join("", [for number in range(1000) : "xxxxx"])] })] } }
  }
}
