# What a user gets from the three arguments that are required, and what follows from the others.

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

run "the_queues_are_encrypted_and_refuse_plain_http" {
  command = plan

  assert {
    condition     = aws_sqs_queue.source[0].sqs_managed_sse_enabled && aws_sqs_queue.dead_letter[0].sqs_managed_sse_enabled
    error_message = "Both queues are encrypted."
  }

  assert {
    condition = jsondecode(aws_sqs_queue.source[0].policy) == {
      Version = "2012-10-17"
      Statement = [{
        Sid       = "DenyInsecureTransport"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = "arn:aws:sqs:eu-central-1:123456789012:orders"
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      }]
    }
    error_message = "The queue's policy denies what does not come over TLS, and nothing else."
  }

  assert {
    condition = jsondecode(aws_sqs_queue.dead_letter[0].policy) == {
      Version = "2012-10-17"
      Statement = [{
        Sid       = "DenyInsecureTransport"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = "arn:aws:sqs:eu-central-1:123456789012:orders-dead-letters"
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      }]
    }
    error_message = "The dead-letter queue's policy does the same for itself."
  }
}

run "failing_messages_go_to_the_dead_letter_queue_only_from_their_queue" {
  command = plan

  assert {
    condition = jsondecode(aws_sqs_queue.source[0].redrive_policy) == {
      deadLetterTargetArn = "arn:aws:sqs:eu-central-1:123456789012:orders-dead-letters"
      maxReceiveCount     = 5
    }
    error_message = "After five receives a message goes to the dead-letter queue."
  }

  assert {
    condition = jsondecode(aws_sqs_queue.dead_letter[0].redrive_allow_policy) == {
      redrivePermission = "byQueue"
      sourceQueueArns   = ["arn:aws:sqs:eu-central-1:123456789012:orders"]
    }
    error_message = "The dead-letter queue takes messages of its own queue only."
  }

  assert {
    condition     = aws_sqs_queue.source[0].message_retention_seconds == 345600 && aws_sqs_queue.dead_letter[0].message_retention_seconds == 1209600
    error_message = "The dead-letter queue keeps messages longer than the queue."
  }
}

run "the_function_is_small_traced_and_logs_json" {
  command = plan

  assert {
    condition     = aws_lambda_function.consumer[0].function_name == "orders" && aws_lambda_function.consumer[0].handler == "idempotent_lambda.entrypoint.handler" && aws_lambda_function.consumer[0].runtime == "python3.13"
    error_message = "The built-in entry point runs on Python 3.13."
  }

  assert {
    condition     = one(aws_lambda_function.consumer[0].architectures) == "arm64" && aws_lambda_function.consumer[0].memory_size == 256 && aws_lambda_function.consumer[0].timeout == 30
    error_message = "arm64, 256 MB, 30 s."
  }

  assert {
    condition     = one(aws_lambda_function.consumer[0].logging_config).log_format == "JSON" && one(aws_lambda_function.consumer[0].logging_config).log_group == "/aws/lambda/orders"
    error_message = "The function logs JSON to its own log group."
  }

  assert {
    condition     = aws_cloudwatch_log_group.function[0].retention_in_days == 30
    error_message = "Log lines are kept for 30 days."
  }

  assert {
    condition     = one(aws_lambda_function.consumer[0].tracing_config).mode == "Active"
    error_message = "Traces are on."
  }

  assert {
    condition     = length(aws_lambda_function.consumer[0].dead_letter_config) == 0 && length(aws_lambda_permission.invoker) == 0 && length(aws_lambda_event_source_mapping.stream) == 0
    error_message = "Nothing but the queue invokes it."
  }

  assert {
    condition     = aws_lambda_function.consumer[0].role == "arn:aws:iam::123456789012:role/orders-20250101000000000000000001"
    error_message = "The function has the module's role."
  }

  assert {
    condition = one(aws_lambda_function.consumer[0].environment).variables == tomap({
      IDEMPOTENCY_CONCURRENCY              = "1"
      IDEMPOTENCY_DEAD_LETTER_QUEUE_URL    = "https://sqs.eu-central-1.amazonaws.com/123456789012/orders-dead-letters"
      IDEMPOTENCY_LEASE_MARGIN_MILLIS      = "5000"
      IDEMPOTENCY_LOG_KEYS                 = "plain"
      IDEMPOTENCY_MAX_RECEIVE_COUNT        = "5"
      IDEMPOTENCY_METRICS                  = "off"
      IDEMPOTENCY_MINIMUM_REMAINING_MILLIS = "1000"
      IDEMPOTENCY_MODE                     = "enforce"
      IDEMPOTENCY_NAMESPACE                = "orders"
      IDEMPOTENCY_ON_INTERRUPTED           = "retry"
      IDEMPOTENCY_PROCESSOR                = "orders.process"
      IDEMPOTENCY_RETENTION_SECONDS        = "1900800"
      IDEMPOTENCY_TABLE                    = "orders-idempotency"
    })
    error_message = "The settings are complete, without a key: that comes from each source; a record outlives two lives in the queue and one in the dead-letter queue."
  }
}

run "a_fifo_queue_has_a_fifo_dead_letter_queue" {
  command = plan

  variables {
    queue = { fifo = true }
  }

  assert {
    condition     = aws_sqs_queue.source[0].fifo_queue && aws_sqs_queue.dead_letter[0].fifo_queue && aws_sqs_queue.source[0].name == "orders.fifo" && aws_sqs_queue.dead_letter[0].name == "orders-dead-letters.fifo"
    error_message = "Both queues are FIFO, and so named."
  }

  assert {
    condition     = !aws_sqs_queue.source[0].content_based_deduplication
    error_message = "Two messages of the same body are two, unless asked for otherwise."
  }

  assert {
    condition     = one(jsondecode(aws_sqs_queue.source[0].policy).Statement).Resource == "arn:aws:sqs:eu-central-1:123456789012:orders.fifo" && jsondecode(aws_sqs_queue.dead_letter[0].redrive_allow_policy).sourceQueueArns == ["arn:aws:sqs:eu-central-1:123456789012:orders.fifo"]
    error_message = "The policies name the FIFO queues."
  }

  assert {
    condition     = { for statement in jsondecode(aws_iam_role_policy.function[0].policy).Statement : statement.Sid => statement.Resource if strcontains(jsonencode(statement.Action), "sqs:") } == { ChangeMessageVisibility = "arn:aws:sqs:eu-central-1:123456789012:orders.fifo", ReceiveMessages = "arn:aws:sqs:eu-central-1:123456789012:orders.fifo", SendToDeadLetterQueue = "arn:aws:sqs:eu-central-1:123456789012:orders-dead-letters.fifo" }
    error_message = "So does the role's policy."
  }
}

run "sqs_may_drop_messages_of_the_same_body" {
  command = plan

  variables {
    queue = { fifo = true, content_based_deduplication = true }
  }

  assert {
    condition     = aws_sqs_queue.source[0].content_based_deduplication && aws_sqs_queue.dead_letter[0].content_based_deduplication != true
    error_message = "In the queue only: what is set aside must arrive."
  }
}

run "only_the_named_senders_may_send" {
  command = plan

  variables {
    queue = {
      allowed_senders = [
        { service = "sns", source_arn = "arn:aws:sns:eu-central-1:123456789012:orders" },
        { service = "events", source_arn = "arn:aws:events:eu-central-1:123456789012:rule/orders" },
        { service = "s3", source_arn = "arn:aws:s3:::orders" },
      ]
    }
  }

  assert {
    condition = jsonencode(slice(jsondecode(aws_sqs_queue.source[0].policy).Statement, 1, 4)) == jsonencode([
      {
        Action    = "sqs:SendMessage"
        Condition = { ArnEquals = { "aws:SourceArn" = "arn:aws:sns:eu-central-1:123456789012:orders" } }
        Effect    = "Allow"
        Principal = { Service = "sns.amazonaws.com" }
        Resource  = "arn:aws:sqs:eu-central-1:123456789012:orders"
        Sid       = "FromSns1"
      },
      {
        Action    = "sqs:SendMessage"
        Condition = { ArnEquals = { "aws:SourceArn" = "arn:aws:events:eu-central-1:123456789012:rule/orders" } }
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Resource  = "arn:aws:sqs:eu-central-1:123456789012:orders"
        Sid       = "FromEvents2"
      },
      {
        Action    = "sqs:SendMessage"
        Condition = { ArnEquals = { "aws:SourceArn" = "arn:aws:s3:::orders" }, StringEquals = { "aws:SourceAccount" = "123456789012" } }
        Effect    = "Allow"
        Principal = { Service = "s3.amazonaws.com" }
        Resource  = "arn:aws:sqs:eu-central-1:123456789012:orders"
        Sid       = "FromS33"
      },
    ])
    error_message = "Each sender is allowed by its service and its own ARN, a bucket also by its account."
  }

  assert {
    condition     = jsondecode(aws_sqs_queue.source[0].policy).Statement[0].Sid == "DenyInsecureTransport" && jsondecode(aws_sqs_queue.source[0].policy).Statement[0].Effect == "Deny" && length(jsondecode(aws_sqs_queue.source[0].policy).Statement) == 4
    error_message = "What does not come over TLS stays denied, and nobody else is allowed."
  }

  assert {
    condition     = length(jsondecode(aws_sqs_queue.dead_letter[0].policy).Statement) == 1
    error_message = "Nobody may send to the dead-letter queue."
  }

  assert {
    condition     = one(aws_lambda_function.consumer[0].environment).variables["IDEMPOTENCY_UNWRAP"] == "events,s3,sns"
    error_message = "The function unwraps what these services send."
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
    }
  }

  assert {
    condition     = { for name, mapping in aws_lambda_event_source_mapping.stream : name => mapping.event_source_arn } == { accounts = "arn:aws:dynamodb:eu-central-1:123456789012:table/accounts/stream/2025-01-01T00:00:00.000", clicks = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks" }
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
    condition     = { for name, mapping in aws_lambda_event_source_mapping.stream : name => one(one(mapping.destination_config).on_failure).destination_arn } == { accounts = "arn:aws:sns:eu-central-1:123456789012:accounts-failed", clicks = "arn:aws:sqs:eu-central-1:123456789012:clicks-failed" }
    error_message = "Then its failure destination is told."
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
        Resource = ["arn:aws:kinesis:eu-central-1:123456789012:stream/clicks"]
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
    ])
    error_message = "The role may read each stream and write to each destination, by its service, and no other."
  }

  assert {
    condition     = keys(output.streams) == ["accounts", "clicks"] && output.streams.clicks.uuid == "7a1c1f2e-0000-4000-8000-000000000000" && endswith(output.streams.clicks.arn, output.streams.clicks.uuid)
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
    condition     = aws_lambda_event_source_mapping.queue[0].batch_size == 10 && aws_lambda_event_source_mapping.queue[0].maximum_batching_window_in_seconds == 0 && length(aws_lambda_event_source_mapping.queue[0].scaling_config) == 0
    error_message = "Ten messages, no waiting, no limit."
  }
}

run "the_role_may_do_exactly_what_is_used" {
  command = plan

  assert {
    condition = jsondecode(aws_iam_role_policy.function[0].policy) == {
      Version = "2012-10-17"
      Statement = [
        {
          Sid      = "ReceiveMessages"
          Effect   = "Allow"
          Action   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
          Resource = "arn:aws:sqs:eu-central-1:123456789012:orders"
        },
        {
          Sid      = "ChangeMessageVisibility"
          Effect   = "Allow"
          Action   = ["sqs:ChangeMessageVisibility"]
          Resource = "arn:aws:sqs:eu-central-1:123456789012:orders"
        },
        {
          Sid      = "SendToDeadLetterQueue"
          Effect   = "Allow"
          Action   = ["sqs:SendMessage"]
          Resource = "arn:aws:sqs:eu-central-1:123456789012:orders-dead-letters"
        },
        {
          Sid      = "ClaimAndSettle"
          Effect   = "Allow"
          Action   = ["dynamodb:UpdateItem", "dynamodb:DeleteItem"]
          Resource = "arn:aws:dynamodb:eu-central-1:123456789012:table/orders-idempotency"
        },
        {
          Sid      = "ClaimAndSettleTogether"
          Effect   = "Allow"
          Action   = ["dynamodb:BatchGetItem", "dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate", "dynamodb:PartiQLDelete"]
          Resource = "arn:aws:dynamodb:eu-central-1:123456789012:table/orders-idempotency"
        },
        {
          Sid      = "WriteLogs"
          Effect   = "Allow"
          Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
          Resource = "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/orders:*"
        },
        {
          Sid      = "SendTraces"
          Effect   = "Allow"
          Action   = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
          Resource = "*"
        },
      ]
    }
    error_message = "The role's policy names exactly the actions used, on exactly the module's resources."
  }

  assert {
    condition     = length(aws_iam_role_policy.processor) == 0
    error_message = "Without statements of the user there is no second policy."
  }

  assert {
    condition = jsondecode(aws_iam_role.function[0].assume_role_policy).Statement == [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
    error_message = "Only Lambda takes the role."
  }
}

run "the_users_code_gets_its_environment_and_permissions" {
  command = plan

  variables {
    function = {
      environment = { LEDGER_TABLE = "ledger" }
      policy_statements = [
        { actions = ["dynamodb:PutItem"], resources = ["arn:aws:dynamodb:eu-central-1:123456789012:table/ledger"] },
        { sid = "Mail", actions = ["ses:SendEmail"], resources = ["*"] },
      ]
      tracing = false
    }
  }

  assert {
    condition     = one(aws_lambda_function.consumer[0].environment).variables["LEDGER_TABLE"] == "ledger" && one(aws_lambda_function.consumer[0].environment).variables["IDEMPOTENCY_NAMESPACE"] == "orders"
    error_message = "The user's variables stand beside the module's."
  }

  assert {
    condition = jsonencode(jsondecode(aws_iam_role_policy.processor[0].policy).Statement) == jsonencode([
      { Action = ["dynamodb:PutItem"], Effect = "Allow", Resource = ["arn:aws:dynamodb:eu-central-1:123456789012:table/ledger"] },
      { Action = ["ses:SendEmail"], Effect = "Allow", Resource = ["*"], Sid = "Mail" },
    ])
    error_message = "The user's statements are a policy of their own."
  }

  assert {
    condition     = one(aws_lambda_function.consumer[0].tracing_config).mode == "PassThrough" && !strcontains(aws_iam_role_policy.function[0].policy, "xray")
    error_message = "Without tracing there is no permission for it."
  }
}

run "the_visibility_timeout_is_six_timeouts_and_the_window" {
  command = plan

  variables {
    function = { timeout_seconds = 60 }
    queue    = { batch_size = 100, maximum_batching_window_in_seconds = 20, maximum_concurrency = 5 }
  }

  assert {
    condition     = aws_sqs_queue.source[0].visibility_timeout_seconds == 380
    error_message = "6 × 60 + 20."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.queue[0].batch_size == 100 && aws_lambda_event_source_mapping.queue[0].maximum_batching_window_in_seconds == 20
    error_message = "Batch size and window reach the mapping."
  }

  assert {
    condition     = one(aws_lambda_event_source_mapping.queue[0].scaling_config).maximum_concurrency == 5
    error_message = "So does the maximum concurrency."
  }
}

run "the_visibility_timeout_outlasts_a_long_lease" {
  command = plan

  variables {
    function    = { timeout_seconds = 3 }
    idempotency = { lease_margin_seconds = 19.5 }
  }

  assert {
    condition     = aws_sqs_queue.source[0].visibility_timeout_seconds == 24
    error_message = "The lease of 22.5 s and a second, rounded up, is above 6 × 3."
  }

  assert {
    condition     = one(aws_lambda_function.consumer[0].environment).variables["IDEMPOTENCY_LEASE_MARGIN_MILLIS"] == "19500"
    error_message = "The margin is passed in milliseconds."
  }
}

run "every_limit_itself_is_accepted" {
  command = plan

  variables {
    function    = { memory_size_mb = 10240, runtime = "python3.11", timeout_seconds = 900 }
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

run "the_least_of_everything_is_accepted" {
  command = plan

  variables {
    function    = { architecture = "x86_64", memory_size_mb = 128, timeout_seconds = 3 }
    idempotency = { key = "body.id", lease_margin_seconds = 0.1, log_keys = "hashed", minimum_remaining_seconds = 0.1, mode = "observe", on_interrupted = "park", retention_seconds = 60 }
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
    condition     = one(aws_lambda_function.consumer[0].environment).variables["IDEMPOTENCY_LEASE_MARGIN_MILLIS"] == "100" && one(aws_lambda_function.consumer[0].environment).variables["IDEMPOTENCY_LOG_KEYS"] == "hashed" && one(aws_lambda_function.consumer[0].environment).variables["IDEMPOTENCY_KEY"] == "body.id"
    error_message = "A tenth of a second is exactly 100 ms; key and log_keys reach the function."
  }

  assert {
    condition     = one(aws_lambda_function.consumer[0].environment).variables["IDEMPOTENCY_MODE"] == "observe" && one(aws_lambda_function.consumer[0].environment).variables["IDEMPOTENCY_ON_INTERRUPTED"] == "park"
    error_message = "So do mode and on_interrupted."
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

run "the_longest_name_fits_everything" {
  command = plan

  variables {
    name = "consumer-of-all-the-orders-that-ever-come-in-from-every-shop-123"
  }

  assert {
    condition     = length(aws_lambda_function.consumer[0].function_name) == 64 && length(aws_sqs_queue.dead_letter[0].name) <= 80 && length(aws_iam_role.function[0].name_prefix) <= 38
    error_message = "A name of 64 characters stays within the limits of functions, queues and role prefixes."
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

run "a_zip" {
  module {
    source = "./tests/zip"
  }
}

run "a_zip_of_ones_own_is_deployed_as_it_is" {
  command = plan

  variables {
    code      = { filename = run.a_zip.filename }
    processor = null
    function  = { handler = "shop.consumer.handler" }
  }

  assert {
    condition     = aws_lambda_function.consumer[0].filename == run.a_zip.filename && terraform_data.code[0].triggers_replace == filebase64sha256(run.a_zip.filename)
    error_message = "The zip is deployed, and a new zip is a new hash."
  }

  assert {
    condition     = length(terraform_data.package) == 0 && aws_lambda_function.consumer[0].handler == "shop.consumer.handler"
    error_message = "Nothing is packed."
  }

  assert {
    condition     = !contains(keys(one(aws_lambda_function.consumer[0].environment).variables), "IDEMPOTENCY_PROCESSOR")
    error_message = "A handler of one's own needs no processor."
  }
}

run "the_outputs_are_whole" {
  command = plan

  assert {
    condition = output.queue == {
      arn  = "arn:aws:sqs:eu-central-1:123456789012:orders"
      name = "orders"
      url  = "https://sqs.eu-central-1.amazonaws.com/123456789012/orders"
      } && output.dead_letter_queue == {
      arn  = "arn:aws:sqs:eu-central-1:123456789012:orders-dead-letters"
      name = "orders-dead-letters"
      url  = "https://sqs.eu-central-1.amazonaws.com/123456789012/orders-dead-letters"
    }
    error_message = "Each queue has its own ARN, name and URL."
  }

  assert {
    condition = output.function == {
      arn            = "arn:aws:lambda:eu-central-1:123456789012:function:orders"
      log_group_name = "/aws/lambda/orders"
      name           = "orders"
      role_arn       = "arn:aws:iam::123456789012:role/orders-20250101000000000000000001"
      role_name      = "orders-20250101000000000000000001"
      target_arn     = "arn:aws:lambda:eu-central-1:123456789012:function:orders"
    }
    error_message = "The function's output names its role and log group."
  }

  assert {
    condition     = output.table == { arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/orders-idempotency", name = "orders-idempotency" }
    error_message = "The table's output."
  }

  assert {
    condition     = output.event_source_mapping.uuid == "7a1c1f2e-0000-4000-8000-000000000000" && endswith(output.event_source_mapping.arn, output.event_source_mapping.uuid)
    error_message = "The mapping's output."
  }
}
