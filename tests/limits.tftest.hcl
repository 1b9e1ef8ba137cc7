# The module accepts the smallest and the largest values, the longest names, and null.

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

run "every_limit_itself_is_accepted" {
  command = plan

  # The least retention of records is below the dead-letter queue's: a warning.
  expect_failures = [check.retention]

  variables {
    function    = { alias = "live", memory_size_mb = 10240, provisioned_concurrency = 1, runtime = "python3.11", timeout_seconds = 900 }
    idempotency = { concurrency = 100, lease_margin_seconds = 300, minimum_remaining_seconds = 899.4, namespace = "!\"$-~ /", retention_seconds = 1209599 }
    logs        = { retention_days = 0 }
    queue = {
      batch_size                         = 10000
      maximum_batching_window_in_seconds = 300
      dead_letter_queue                  = { message_retention_seconds = 1209600 }
      max_receive_count                  = 3
      maximum_concurrency                = 1000
      message_retention_seconds          = 1209599
      visibility_timeout_seconds         = 43200
    }
  }

  assert {
    condition     = aws_sqs_queue.source[0].visibility_timeout_seconds == 43200 && aws_sqs_queue.source[0].message_retention_seconds == 1209599
    error_message = "The upper limits are valid."
  }

  assert {
    condition     = one(aws_lambda_function.consumer[0].environment).variables["IDEMPOTENCY_MINIMUM_REMAINING_MILLIS"] == "899400" && one(aws_lambda_function.consumer[0].environment).variables["IDEMPOTENCY_CONCURRENCY"] == "100" && one(aws_lambda_function.consumer[0].environment).variables["IDEMPOTENCY_RETENTION_SECONDS"] == "1209599"
    error_message = "Given values replace the derived ones."
  }
}

run "as_many_pollers_as_the_provider_takes" {
  command = plan

  variables {
    queue = { provisioned_poller_config = { maximum_pollers = 2000, minimum_pollers = 200 } }
  }

  assert {
    condition     = one(aws_lambda_event_source_mapping.queue[0].provisioned_poller_config).maximum_pollers == 2000
    error_message = "AWS takes 10000, provider 5.100 takes 2000."
  }
}

run "the_fewest_pollers" {
  command = plan

  variables {
    queue = { provisioned_poller_config = { maximum_pollers = 2 } }
  }
}

run "the_least_of_everything_is_accepted" {
  command = plan

  # As above.
  expect_failures = [check.retention]

  variables {
    function    = { architecture = "x86_64", memory_size_mb = 128, timeout_seconds = 3 }
    idempotency = { key = "body.id", lease_margin_seconds = 0.1, log = "sampled:2", log_keys = "hashed", managed_instances = "accept_overlapping_runs", minimum_remaining_seconds = 0.1, mode = "observe", on_interrupted = "park", retention_seconds = 60 }
    logs        = { retention_days = 1 }
    queue       = { batch_size = 1, max_receive_count = 3, maximum_concurrency = 2, message_retention_seconds = 60, dead_letter_queue = { message_retention_seconds = 61 }, visibility_timeout_seconds = 18 }
    table       = { deletion_protection = true, point_in_time_recovery = false }
    tags        = { team = "payments" }
  }

  assert {
    condition     = aws_sqs_queue.source[0].visibility_timeout_seconds == 18 && one(aws_lambda_function.consumer[0].architectures) == "x86_64"
    error_message = "The lower limits are valid."
  }

  assert {
    condition     = one(aws_lambda_function.consumer[0].environment).variables["IDEMPOTENCY_LEASE_MARGIN_MILLIS"] == "100" && one(aws_lambda_function.consumer[0].environment).variables["IDEMPOTENCY_LOG"] == "sampled:2" && one(aws_lambda_function.consumer[0].environment).variables["IDEMPOTENCY_LOG_KEYS"] == "hashed" && one(aws_lambda_function.consumer[0].environment).variables["IDEMPOTENCY_KEY"] == "body.id"
    error_message = "A tenth of a second is exactly 100 ms; key, log and log_keys reach the function."
  }

  assert {
    condition     = one(aws_lambda_function.consumer[0].environment).variables["IDEMPOTENCY_MODE"] == "observe" && one(aws_lambda_function.consumer[0].environment).variables["IDEMPOTENCY_MANAGED_INSTANCES"] == "accept_overlapping_runs" && one(aws_lambda_function.consumer[0].environment).variables["IDEMPOTENCY_ON_INTERRUPTED"] == "park"
    error_message = "So do mode, managed_instances and on_interrupted."
  }

  assert {
    condition     = aws_dynamodb_table.records[0].deletion_protection_enabled && !one(aws_dynamodb_table.records[0].point_in_time_recovery).enabled
    error_message = "The table's switches reach it."
  }

  assert {
    condition = alltrue([
      for tags in [
        aws_cloudwatch_log_group.function[0].tags,
        aws_dynamodb_table.records[0].tags,
        aws_iam_role.function[0].tags,
        aws_lambda_event_source_mapping.queue[0].tags,
        aws_lambda_function.consumer[0].tags,
        aws_sqs_queue.dead_letter[0].tags,
        aws_sqs_queue.source[0].tags,
      ] : tags == tomap({ team = "payments" })
    ])
    error_message = "Everything that takes tags has them."
  }
}

run "the_least_of_every_option_is_accepted" {
  command = plan

  variables {
    function = {
      alias                = "a"
      alias_weights        = { "1" = 0.000001 }
      ephemeral_storage_mb = 512
      memory_size_mb       = 128
      name                 = "o"
      reserved_concurrency = 0
      runtime              = "python3.11"
      timeout_seconds      = 3
      vpc                  = { security_group_ids = ["sg-1"], subnet_ids = ["subnet-1"] }
    }
    idempotency      = { concurrency = 1, lease_margin_seconds = 0.001, minimum_remaining_seconds = 0.001, namespace = "n", retention_seconds = 604800 }
    allowed_triggers = {}
    name             = "o"
    queue = {
      batch_size                = 1
      dead_letter_queue         = { message_retention_seconds = 61 }
      delay_seconds             = 0
      enabled                   = false
      max_receive_count         = 3
      max_message_size_bytes    = 1024
      receive_wait_time_seconds = 0
      message_retention_seconds = 60
    }
    streams = { c = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", batch_size = 1, maximum_batching_window_in_seconds = 0, maximum_record_age_seconds = 60, maximum_retry_attempts = 0, parallelization_factor = 1 } }
    table   = { max_read_request_units = 1, max_write_request_units = 1 }
  }

  assert {
    condition     = aws_lambda_alias.consumer[0].name == "a" && one(aws_lambda_alias.consumer[0].routing_config).additional_version_weights["1"] == 0.000001 && aws_lambda_function.consumer[0].reserved_concurrent_executions == 0 && aws_lambda_function.consumer[0].timeout == 3 && aws_lambda_function.consumer[0].memory_size == 128
    error_message = "A function that is stopped has an alias of one letter."
  }

  assert {
    condition     = aws_sqs_queue.source[0].visibility_timeout_seconds == 18 && one(aws_lambda_function.consumer[0].environment).variables["IDEMPOTENCY_LEASE_MARGIN_MILLIS"] == "1" && one(aws_lambda_function.consumer[0].environment).variables["IDEMPOTENCY_MINIMUM_REMAINING_MILLIS"] == "1"
    error_message = "A thousandth of a second is one millisecond."
  }
}

run "the_most_of_every_option_is_accepted" {
  command = plan

  variables {
    function = {
      alias                = join("", [for number in range(128) : "a"])
      alias_weights        = { "6" = 1 }
      ephemeral_storage_mb = 10240
      handler              = "${join("", [for number in range(120) : "m"])}.handler"
      layers               = [for number in range(5) : "arn:aws:lambda:eu-central-1:123456789012:layer:layer-${number}:1"]
      memory_size_mb       = 10240
      name                 = join("", [for number in range(64) : "f"])
      timeout_seconds      = 900
      vpc                  = { security_group_ids = [for number in range(5) : "sg-${number}"], subnet_ids = [for number in range(16) : "subnet-${number}"] }
    }
    idempotency      = { namespace = join("", [for number in range(255) : "n"]), minimum_remaining_seconds = 899.499 }
    allowed_triggers = { (join("", [for number in range(100) : "i"])) = { service = "sns", source_arn = "arn:aws:sns:eu-central-1:123456789012:orders" } }
    processor        = null
    queue = {
      batch_size                         = 10000
      maximum_batching_window_in_seconds = 300
      dead_letter_queue                  = { message_retention_seconds = 1209600 }
      delay_seconds                      = 900
      max_receive_count                  = 3
      maximum_concurrency                = 1000
      max_message_size_bytes             = 262144
      receive_wait_time_seconds          = 20
      message_retention_seconds          = 1209599
      visibility_timeout_seconds         = 43200
    }
    streams = { c = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", batch_size = 10000, maximum_batching_window_in_seconds = 300, maximum_record_age_seconds = 604800, maximum_retry_attempts = 10000, parallelization_factor = 10 } }
  }

  assert {
    condition     = length(aws_lambda_alias.consumer[0].name) == 128 && length(aws_lambda_function.consumer[0].function_name) == 64 && length(aws_lambda_function.consumer[0].handler) == 128 && length(aws_iam_role.function[0].name_prefix) == 38
    error_message = "The longest names."
  }

  assert {
    condition     = length(aws_lambda_function.consumer[0].layers) == 5 && length(one(aws_lambda_function.consumer[0].vpc_config).subnet_ids) == 16 && length(one(aws_lambda_function.consumer[0].vpc_config).security_group_ids) == 5
    error_message = "The longest lists."
  }

  assert {
    condition     = aws_sqs_queue.source[0].visibility_timeout_seconds == 43200 && aws_sqs_queue.source[0].max_message_size == 262144 && aws_lambda_event_source_mapping.stream["c"].parallelization_factor == 10 && aws_lambda_event_source_mapping.stream["c"].maximum_retry_attempts == 10000
    error_message = "The largest numbers."
  }
}

run "the_longest_name_fits_everything" {
  command = plan

  variables {
    alarms = {}
    name   = "consumer-of-all-the-orders-that-ever-come-in-from-every-shop-123"
  }

  assert {
    condition     = length(aws_lambda_function.consumer[0].function_name) == 64 && length(aws_sqs_queue.dead_letter[0].name) <= 80 && length(aws_iam_role.function[0].name_prefix) <= 38
    error_message = "A name of 64 characters stays within the limits of functions, queues and role prefixes."
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.alarm : length(alarm.alarm_description) <= 1024 && length(alarm.alarm_name) <= 255])
    error_message = "CloudWatch takes the names and the descriptions of the alarms."
  }
}

# The text fills the 4,096 bytes with the module's variables: é has two bytes, and Lambda does not escape & and <.
run "an_environment_of_4096_bytes_is_accepted" {
  command = plan

  variables {
    function = { environment = { TEXT = "é&<xyz${join("", [for number in range(867) : "wxyz"])}" } }
  }

  assert {
    condition     = length(replace(replace(jsonencode(one(aws_lambda_function.consumer[0].environment).variables), "\\u0026", "&"), "\\u003c", "<")) == 4095
    error_message = "The text fills the environment to the last byte: ${length(replace(replace(jsonencode(one(aws_lambda_function.consumer[0].environment).variables), "\\u0026", "&"), "\\u003c", "<"))}."
  }
}

run "a_byte_more_is_not" {
  command         = plan
  expect_failures = [aws_lambda_function.consumer]

  variables {
    function = { environment = { TEXT = "é&<xyz!${join("", [for number in range(867) : "wxyz"])}" } }
  }
}

run "policies_of_the_largest_size_are_accepted" {
  command = plan

  variables {
    function = {
      policy_statements = [for number in range(60) : { actions = ["dynamodb:PutItem"], resources = ["arn:aws:dynamodb:eu-central-1:123456789012:table/t${number}"] }]
      role              = { managed_policy_arns = { for number in range(10) : "p${number}" => "arn:aws:iam::123456789012:policy/team/p${number}" } }
    }
    queue = {
      allowed_senders = [for service in ["events", "sns"] : { service = service, source_arn = { events = "arn:aws:events:eu-central-1:123456789012:rule/r", sns = "arn:aws:sns:eu-central-1:123456789012:t" }[service] }]
      dead_letter_queue = {
        policy_statements = [for number in range(19) : { principals = { AWS = ["arn:aws:iam::123456789012:root"] }, actions = ["sqs:SendMessage"] }]
      }
      filters = [for number in range(10) : jsonencode({ body = [join("", concat(["abc"], [for part in range(number == 0 ? 1020 : 1) : "abcd"]))] })]
      policy_statements = concat(
        [for number in range(16) : { principals = { AWS = ["arn:aws:iam::123456789012:root"] }, actions = ["sqs:SendMessage"] }],
        [{
          principals = { AWS = [for number in range(50) : "arn:aws:iam::${100000000000 + number}:root"] }
          actions    = [for action in ["SendMessage", "ReceiveMessage", "DeleteMessage", "PurgeQueue", "GetQueueUrl", "GetQueueAttributes", "ListQueueTags"] : "sqs:${action}"]
          conditions = { StringLikeIfExists = { for number in range(10) : "aws:PrincipalTag/a${number}" => ["x", "y"] } }
        }],
      )
    }
    tags = { for number in range(50) : (number == 0 ? join("", [for part in range(128) : "é"]) : "tag ${number}_.:/=+-@") => join("", [for part in range(256) : "v"]) }
  }

  assert {
    condition     = length(jsondecode(aws_sqs_queue.source[0].policy).Statement) == 20 && length(jsondecode(aws_sqs_queue.dead_letter[0].policy).Statement) == 20 && length(aws_sqs_queue.source[0].policy) <= 8192
    error_message = "SQS takes 20 statements."
  }

  assert {
    condition     = length(aws_iam_role_policy.function[0].policy) + length(aws_iam_role_policy.processor[0].policy) <= 10240 && length(aws_iam_role_policy_attachment.managed) == 10
    error_message = "IAM takes these policies."
  }
}

run "the_longest_name_of_a_fifo_queue_fits_too" {
  command = plan

  variables {
    name  = "consumer-of-all-the-orders-that-ever-come-in-from-every-shop-1"
    queue = { fifo = true }
  }

  assert {
    condition     = length(aws_sqs_queue.dead_letter[0].name) == 80
    error_message = "A name of 62 characters, -dead-letters and .fifo are what SQS takes."
  }
}

run "null_objects_mean_their_defaults" {
  command = plan

  variables {
    function         = null
    idempotency      = null
    allowed_triggers = null
    logs             = null
    streams          = null
    table            = null
    tags             = null
  }

  assert {
    condition     = aws_sqs_queue.source[0].visibility_timeout_seconds == 180
    error_message = "6 × 30 s, as without the arguments."
  }
}

run "the_limits_of_alarms_are_accepted" {
  command = plan

  variables {
    alarms = {
      evaluation_periods   = { dead_letters = 1440, errors = 288, iterator_age = 1, message_age = 1440 }
      iterator_age_seconds = 59.5
      message_age_seconds  = 345599
      table_unavailable    = 0.5
    }
    streams = { c = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", maximum_record_age_seconds = 60 } }
  }

  assert {
    condition     = { for name, alarm in aws_cloudwatch_metric_alarm.alarm : name => alarm.period * alarm.evaluation_periods if alarm.evaluation_periods > 1 } == { dead_letters = 86400, errors = 86400, message_age = 86400 }
    error_message = "An alarm may look back one day."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.alarm["iterator_age"].threshold == 59500 && aws_cloudwatch_metric_alarm.alarm["message_age"].threshold == 345599
    error_message = "A threshold may be just below the age that nothing reaches."
  }
}

run "the_shortest_given_names" {
  command = plan

  variables {
    function = { role = { name = "r", path = "/" } }
    queue    = { name = "q", dead_letter_queue = { name = "d" } }
    table    = { name = "t.b" }
  }

  assert {
    condition     = [aws_iam_role.function[0].name, aws_sqs_queue.source[0].name, aws_sqs_queue.dead_letter[0].name, aws_dynamodb_table.records[0].name] == ["r", "q", "d", "t.b"]
    error_message = "One character, and three of a table."
  }
}

run "the_longest_given_names" {
  command = plan

  variables {
    function = { role = { name = join("", [for number in range(64) : "r"]), path = "/${join("", [for number in range(510) : "p"])}/" } }
    queue    = { name = join("", [for number in range(80) : "q"]), dead_letter_queue = { name = join("", [for number in range(80) : "d"]) } }
    table    = { name = join("", [for number in range(255) : "t"]) }
  }

  assert {
    condition     = [length(aws_iam_role.function[0].name), length(aws_iam_role.function[0].path), length(aws_sqs_queue.source[0].name), length(aws_sqs_queue.dead_letter[0].name), length(aws_dynamodb_table.records[0].name)] == [64, 512, 80, 80, 255]
    error_message = "What IAM, SQS and DynamoDB take."
  }
}

run "the_longest_given_names_of_fifo_queues" {
  command = plan

  variables {
    queue = { fifo = true, name = join("", [for number in range(75) : "q"]), dead_letter_queue = { name = join("", [for number in range(75) : "d"]) } }
  }

  assert {
    condition     = [length(aws_sqs_queue.source[0].name), length(aws_sqs_queue.dead_letter[0].name)] == [80, 80]
    error_message = "SQS counts .fifo."
  }
}
