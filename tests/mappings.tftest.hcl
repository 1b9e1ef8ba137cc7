# What invokes the function: the mappings of the queue and of streams, and triggers.

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

run "the_mapping_reports_partial_failures" {
  command = plan

  assert {
    condition     = one(aws_lambda_event_source_mapping.queue[0].function_response_types) == "ReportBatchItemFailures"
    error_message = "Partial batch responses are on."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.queue[0].event_source_arn == "arn:aws:sqs:eu-central-1:123456789012:orders" && aws_lambda_event_source_mapping.queue[0].function_name == "arn:aws:lambda:eu-central-1:123456789012:function:orders"
    error_message = "The mapping joins this queue and this function."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.queue[0].batch_size == 10 && aws_lambda_event_source_mapping.queue[0].maximum_batching_window_in_seconds == 0 && length(aws_lambda_event_source_mapping.queue[0].scaling_config) == 0 && length(aws_lambda_event_source_mapping.queue[0].provisioned_poller_config) == 0
    error_message = "Ten messages, no waiting, no limit, no pollers kept ready."
  }
}

run "the_queues_options_reach_its_mapping" {
  command = plan

  variables {
    queue = {
      batch_size                         = 11
      maximum_batching_window_in_seconds = 1
      enabled                            = false
      filters                            = [jsonencode({ body = { kind = ["buy"] } }), jsonencode({ body = { kind = ["sell"] } })]
      maximum_concurrency                = 2
      metrics                            = true
    }
  }

  assert {
    condition     = aws_lambda_event_source_mapping.queue[0].batch_size == 11 && aws_lambda_event_source_mapping.queue[0].maximum_batching_window_in_seconds == 1 && one(aws_lambda_event_source_mapping.queue[0].scaling_config).maximum_concurrency == 2
    error_message = "Batch, window and concurrency."
  }

  assert {
    condition     = !aws_lambda_event_source_mapping.queue[0].enabled && one(one(aws_lambda_event_source_mapping.queue[0].metrics_config).metrics) == "EventCount"
    error_message = "The switches."
  }

  assert {
    condition     = toset(one(aws_lambda_event_source_mapping.queue[0].filter_criteria).filter[*].pattern) == toset(["{\"body\":{\"kind\":[\"buy\"]}}", "{\"body\":{\"kind\":[\"sell\"]}}"])
    error_message = "Every filter."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.queue[0].kms_key_arn == null && aws_sqs_queue.source[0].visibility_timeout_seconds == 181
    error_message = "Without a key of the user's the filters have none; the visibility timeout follows the window."
  }
}

run "pollers_are_those_of_aws_by_default" {
  command = plan

  variables {
    queue = { provisioned_poller_config = {} }
  }

  assert {
    condition     = aws_lambda_event_source_mapping.queue[0].provisioned_poller_config == tolist([{ maximum_pollers = 200, minimum_pollers = 2 }]) && output.settings.queue.provisioned_poller_config == { maximum_pollers = 200, minimum_pollers = 2 }
    error_message = "Lambda keeps 2 to 200 pollers."
  }
}

run "pollers_fit_the_reserved_concurrency" {
  command = plan

  variables {
    queue    = { fifo = true, provisioned_poller_config = { maximum_pollers = 3, minimum_pollers = 3 } }
    function = { reserved_concurrency = 30 }
  }

  assert {
    condition     = aws_lambda_event_source_mapping.queue[0].provisioned_poller_config == tolist([{ maximum_pollers = 3, minimum_pollers = 3 }]) && length(aws_lambda_event_source_mapping.queue[0].scaling_config) == 0
    error_message = "Each invokes the function up to ten times at a time."
  }
}

run "the_mappings_are_plain_by_default" {
  command = plan

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed" } }
  }

  assert {
    condition     = alltrue([for mapping in [aws_lambda_event_source_mapping.queue[0], aws_lambda_event_source_mapping.stream["clicks"]] : mapping.enabled && length(mapping.filter_criteria) == 0 && length(mapping.metrics_config) == 0 && mapping.kms_key_arn == null])
    error_message = "They read, everything, and count nothing."
  }

  assert {
    condition     = aws_sqs_queue.source[0].delay_seconds == 0 && aws_sqs_queue.source[0].receive_wait_time_seconds == 0 && aws_sqs_queue.source[0].max_message_size == 262144 && !aws_sqs_queue.source[0].fifo_queue
    error_message = "The queue is standard, and takes and gives every message at once."
  }

  assert {
    condition     = aws_lambda_function.consumer[0].reserved_concurrent_executions == null && one(aws_lambda_function.consumer[0].ephemeral_storage).size == 512 && length(aws_lambda_function.consumer[0].vpc_config) == 0 && length(aws_lambda_function.consumer[0].layers) == 0 && !aws_lambda_function.consumer[0].publish && length(aws_lambda_alias.consumer) == 0
    error_message = "The function shares the account's concurrency, is in no VPC, has no layers and publishes no versions."
  }

  assert {
    condition     = length(aws_dynamodb_table.records[0].on_demand_throughput) == 0 && aws_dynamodb_table.records[0].table_class == "STANDARD" && aws_iam_role.function[0].permissions_boundary == null
    error_message = "The table has no limits, the role no boundary."
  }

  assert {
    condition     = output.function.target_arn == "arn:aws:lambda:eu-central-1:123456789012:function:orders" && output.policy == jsonencode({ Version = "2012-10-17", Statement = [for statement in jsondecode(aws_iam_role_policy.function[0].policy).Statement : statement if !contains(["WriteLogs", "SendTraces"], statement.Sid)] }) && tomap(output.environment) == one(aws_lambda_function.consumer[0].environment).variables
    error_message = "The mappings invoke the function itself; the outputs are what it has."
  }
}

run "the_triggers_may_invoke_and_their_failed_events_are_kept" {
  command = plan

  variables {
    allowed_triggers = {
      bucket = { service = "s3", source_arn = "arn:aws:s3:::orders" }
      rule   = { service = "events", source_arn = "arn:aws:events:eu-central-1:123456789012:rule/orders" }
      topic  = { service = "sns", source_arn = "arn:aws:sns:eu-central-1:123456789012:orders" }
    }
  }

  assert {
    condition = jsonencode({ for name, permission in aws_lambda_permission.invoker : name => [permission.statement_id, permission.action, permission.function_name, permission.principal, permission.source_arn, permission.source_account] }) == jsonencode({
      bucket = ["bucket", "lambda:InvokeFunction", "orders", "s3.amazonaws.com", "arn:aws:s3:::orders", "123456789012"]
      rule   = ["rule", "lambda:InvokeFunction", "orders", "events.amazonaws.com", "arn:aws:events:eu-central-1:123456789012:rule/orders", null]
      topic  = ["topic", "lambda:InvokeFunction", "orders", "sns.amazonaws.com", "arn:aws:sns:eu-central-1:123456789012:orders", null]
    })
    error_message = "Each may invoke by its service and its own ARN, a bucket also by its account."
  }

  assert {
    condition     = one(aws_lambda_function.consumer[0].dead_letter_config).target_arn == "arn:aws:sqs:eu-central-1:123456789012:orders-dead-letters"
    error_message = "Events that Lambda gives up on go to the dead-letter queue."
  }

  assert {
    condition     = aws_sqs_queue.source[0].max_message_size == 262144 && aws_sqs_queue.dead_letter[0].max_message_size == (contains(keys(data.aws_region.current), "region") ? 1048576 : 262144)
    error_message = "The dead-letter queue takes the largest event, if the provider can set that."
  }

  assert {
    condition     = one(aws_lambda_function.consumer[0].environment).variables["IDEMPOTENCY_UNWRAP"] == "events,s3,sns"
    error_message = "The function unwraps their events after a redrive."
  }
}

run "streams_have_finite_retries_and_a_failure_destination" {
  command = plan

  variables {
    streams = {
      clicks = {
        source                  = "kinesis"
        arn                     = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks"
        failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:clicks-failed"
      }
      accounts = {
        source                  = "dynamodb"
        arn                     = "arn:aws:dynamodb:eu-central-1:123456789012:table/accounts/stream/2025-01-01T00:00:00.000"
        failure_destination_arn = "arn:aws:sns:eu-central-1:123456789012:accounts-failed"
      }
      views = {
        source                  = "kinesis"
        arn                     = "arn:aws:kinesis:eu-central-1:123456789012:stream/views"
        failure_destination_arn = "arn:aws:s3:::views.fifo"
      }
    }
  }

  assert {
    condition     = { for name, mapping in aws_lambda_event_source_mapping.stream : name => mapping.event_source_arn } == { accounts = "arn:aws:dynamodb:eu-central-1:123456789012:table/accounts/stream/2025-01-01T00:00:00.000", clicks = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", views = "arn:aws:kinesis:eu-central-1:123456789012:stream/views" }
    error_message = "Each stream has a mapping."
  }

  assert {
    condition     = alltrue([for mapping in aws_lambda_event_source_mapping.stream : one(mapping.function_response_types) == "ReportBatchItemFailures" && mapping.function_name == "arn:aws:lambda:eu-central-1:123456789012:function:orders"])
    error_message = "Partial batch responses are on."
  }

  assert {
    condition     = alltrue([for mapping in aws_lambda_event_source_mapping.stream : mapping.maximum_retry_attempts == 10 && mapping.maximum_record_age_in_seconds == 86400 && mapping.bisect_batch_on_function_error])
    error_message = "Lambda gives up on a record some time, and narrows down which."
  }

  assert {
    condition     = { for name, mapping in aws_lambda_event_source_mapping.stream : name => one(one(mapping.destination_config).on_failure).destination_arn } == { accounts = "arn:aws:sns:eu-central-1:123456789012:accounts-failed", clicks = "arn:aws:sqs:eu-central-1:123456789012:clicks-failed", views = "arn:aws:s3:::views.fifo" }
    error_message = "Then its failure destination is notified."
  }

  assert {
    condition     = alltrue([for mapping in aws_lambda_event_source_mapping.stream : mapping.starting_position == "TRIM_HORIZON" && mapping.batch_size == 100 && mapping.maximum_batching_window_in_seconds == 0 && mapping.parallelization_factor == 1 && mapping.enabled && length(mapping.filter_criteria) == 0])
    error_message = "From the oldest record, 100 at a time, without waiting, none left out."
  }

  assert {
    condition = jsonencode([for statement in jsondecode(aws_iam_role_policy.function[0].policy).Statement : statement if strcontains(statement.Sid, "Stream") || strcontains(statement.Sid, "FailureDestination")]) == jsonencode([
      {
        Action   = ["kinesis:DescribeStream", "kinesis:DescribeStreamSummary", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards", "kinesis:ListStreams", "kinesis:SubscribeToShard"]
        Effect   = "Allow"
        Resource = ["arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", "arn:aws:kinesis:eu-central-1:123456789012:stream/views"]
        Sid      = "ReadKinesisStreams"
      },
      {
        Action   = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"]
        Effect   = "Allow"
        Resource = ["arn:aws:dynamodb:eu-central-1:123456789012:table/accounts/stream/2025-01-01T00:00:00.000"]
        Sid      = "ReadDynamoDBStreams"
      },
      {
        Action   = ["sqs:SendMessage"]
        Effect   = "Allow"
        Resource = ["arn:aws:sqs:eu-central-1:123456789012:clicks-failed"]
        Sid      = "SendToFailureDestination"
      },
      {
        Action   = ["sns:Publish"]
        Effect   = "Allow"
        Resource = ["arn:aws:sns:eu-central-1:123456789012:accounts-failed"]
        Sid      = "PublishToFailureDestination"
      },
      {
        Action    = ["s3:ListBucket", "s3:PutObject"]
        Condition = { StringEquals = { "aws:ResourceAccount" = "123456789012" } }
        Effect    = "Allow"
        Resource  = ["arn:aws:s3:::views.fifo", "arn:aws:s3:::views.fifo/*"]
        Sid       = "StoreInFailureDestination"
      },
    ])
    error_message = "The role may read each stream and write to each destination, by its service, and no other."
  }

  assert {
    condition     = keys(output.streams) == ["accounts", "clicks", "views"] && output.streams.clicks.uuid == "7a1c1f2e-0000-4000-8000-000000000000" && endswith(output.streams.clicks.arn, output.streams.clicks.uuid)
    error_message = "The output has each stream's mapping."
  }
}

run "a_streams_options_reach_its_mapping" {
  command = plan

  variables {
    streams = {
      clicks = {
        source                             = "kinesis"
        arn                                = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks/consumer/orders:1735689600"
        batch_size                         = 10000
        maximum_batching_window_in_seconds = 300
        bisect_batch_on_function_error     = false
        enabled                            = false
        failure_destination_arn            = "arn:aws:sqs:eu-central-1:123456789012:failed"
        filters                            = [jsonencode({ data = { kind = ["buy"] } }), jsonencode({ data = { kind = ["sell"] } })]
        maximum_record_age_seconds         = 604800
        maximum_retry_attempts             = 0
        parallelization_factor             = 10
        starting_position                  = "AT_TIMESTAMP"
        starting_position_timestamp        = "2025-01-31T12:00:00Z"
      }
      views = {
        source                     = "kinesis"
        arn                        = "arn:aws:kinesis:eu-central-1:123456789012:stream/views"
        batch_size                 = 1
        failure_destination_arn    = "arn:aws:sqs:eu-central-1:123456789012:failed"
        maximum_record_age_seconds = 60
        maximum_retry_attempts     = 10000
        starting_position          = "LATEST"
      }
    }
    tags = { team = "payments" }
  }

  assert {
    condition     = aws_lambda_event_source_mapping.stream["clicks"].batch_size == 10000 && aws_lambda_event_source_mapping.stream["clicks"].maximum_batching_window_in_seconds == 300 && aws_lambda_event_source_mapping.stream["clicks"].parallelization_factor == 10
    error_message = "Batches and parallel ones."
  }

  assert {
    condition     = !aws_lambda_event_source_mapping.stream["clicks"].bisect_batch_on_function_error && !aws_lambda_event_source_mapping.stream["clicks"].enabled && aws_lambda_event_source_mapping.stream["clicks"].maximum_retry_attempts == 0 && aws_lambda_event_source_mapping.stream["views"].maximum_retry_attempts == 10000
    error_message = "The switches and the retries."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.stream["clicks"].starting_position == "AT_TIMESTAMP" && aws_lambda_event_source_mapping.stream["clicks"].starting_position_timestamp == "2025-01-31T12:00:00Z" && aws_lambda_event_source_mapping.stream["views"].starting_position == "LATEST"
    error_message = "Where it starts."
  }

  assert {
    condition     = toset(one(aws_lambda_event_source_mapping.stream["clicks"].filter_criteria).filter[*].pattern) == toset(["{\"data\":{\"kind\":[\"buy\"]}}", "{\"data\":{\"kind\":[\"sell\"]}}"])
    error_message = "Every filter."
  }

  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.function[0].policy).Statement : statement.Resource if statement.Sid == "ReadKinesisStreams"][0] == ["arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", "arn:aws:kinesis:eu-central-1:123456789012:stream/views", "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks/consumer/orders:1735689600"]
    error_message = "Of a registered consumer the stream may be described, too."
  }

  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.function[0].policy).Statement : statement.Resource if statement.Sid == "SendToFailureDestination"][0] == ["arn:aws:sqs:eu-central-1:123456789012:failed"] && !strcontains(aws_iam_role_policy.function[0].policy, "sns:")
    error_message = "A destination that two streams share is named once, and no topic's permission is granted without one."
  }

  assert {
    condition     = one(aws_lambda_function.consumer[0].environment).variables["IDEMPOTENCY_RETENTION_SECONDS"] == "2160000"
    error_message = "A record outlives seven days in the stream, 14 in the dead-letter queue and four in the queue."
  }

  assert {
    condition     = alltrue([for mapping in aws_lambda_event_source_mapping.stream : mapping.tags == tomap({ team = "payments" })])
    error_message = "The mappings have the tags."
  }
}
