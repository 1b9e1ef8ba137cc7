# The queues: encryption, policies, FIFO, senders, options and the visibility timeout.

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
    error_message = "The dead-letter queue takes messages from its queue only."
  }

  assert {
    condition     = aws_sqs_queue.source[0].message_retention_seconds == 345600 && aws_sqs_queue.dead_letter[0].message_retention_seconds == 1209600
    error_message = "The dead-letter queue keeps messages longer than the queue."
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

run "a_fifo_queue_of_high_throughput" {
  command = plan

  variables {
    queue = { fifo = true, deduplication_scope = "messageGroup", fifo_throughput_limit = "perMessageGroupId" }
  }

  assert {
    condition     = aws_sqs_queue.source[0].deduplication_scope == "messageGroup" && aws_sqs_queue.source[0].fifo_throughput_limit == "perMessageGroupId"
    error_message = "Scope and limit are the queue's."
  }
}

run "a_fifo_queue_with_its_scope_named" {
  command = plan

  variables {
    queue = { fifo = true, deduplication_scope = "queue", fifo_throughput_limit = "perQueue" }
  }

  assert {
    condition     = aws_sqs_queue.source[0].deduplication_scope == "queue" && aws_sqs_queue.source[0].fifo_throughput_limit == "perQueue"
    error_message = "What is SQS's default may be named."
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
        Condition = { ArnEquals = { "aws:SourceArn" = ["arn:aws:events:eu-central-1:123456789012:rule/orders"] } }
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Resource  = "arn:aws:sqs:eu-central-1:123456789012:orders"
        Sid       = "FromEvents"
      },
      {
        Action    = "sqs:SendMessage"
        Condition = { ArnEquals = { "aws:SourceArn" = ["arn:aws:s3:::orders"] }, StringEquals = { "aws:SourceAccount" = "123456789012" } }
        Effect    = "Allow"
        Principal = { Service = "s3.amazonaws.com" }
        Resource  = "arn:aws:sqs:eu-central-1:123456789012:orders"
        Sid       = "FromS3"
      },
      {
        Action    = "sqs:SendMessage"
        Condition = { ArnEquals = { "aws:SourceArn" = ["arn:aws:sns:eu-central-1:123456789012:orders"] } }
        Effect    = "Allow"
        Principal = { Service = "sns.amazonaws.com" }
        Resource  = "arn:aws:sqs:eu-central-1:123456789012:orders"
        Sid       = "FromSns"
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

run "a_hundred_senders_make_a_statement_for_each_service" {
  command = plan

  variables {
    queue = {
      allowed_senders = concat(
        [for number in range(60) : { service = "sns", source_arn = "arn:aws:sns:eu-central-1:123456789012:topic-${number % 50}" }],
        [for number in range(40) : { service = "events", source_arn = "arn:aws:events:eu-central-1:123456789012:rule/rule-${number}" }],
      )
    }
  }

  assert {
    condition     = { for statement in jsondecode(aws_sqs_queue.source[0].policy).Statement : statement.Sid => length(statement.Condition.ArnEquals["aws:SourceArn"]) if statement.Effect == "Allow" } == { FromEvents = 40, FromSns = 50 }
    error_message = "Two statements, each with every ARN of its service once."
  }
}

run "the_dead_letter_queue_has_further_statements_too" {
  command = plan

  variables {
    queue = {
      dead_letter_queue = { policy_statements = [{ sid = "Operators", principals = { AWS = ["arn:aws:iam::123456789012:role/operator"] }, actions = ["sqs:ReceiveMessage", "sqs:DeleteMessage"], conditions = { Bool = { "aws:MultiFactorAuthPresent" = ["true"] } } }] }
    }
  }

  assert {
    condition = jsonencode(slice(jsondecode(aws_sqs_queue.dead_letter[0].policy).Statement, 1, 2)) == jsonencode([{
      Action    = ["sqs:ReceiveMessage", "sqs:DeleteMessage"]
      Condition = { Bool = { "aws:MultiFactorAuthPresent" = ["true"] } }
      Effect    = "Allow"
      Principal = { AWS = ["arn:aws:iam::123456789012:role/operator"] }
      Resource  = "arn:aws:sqs:eu-central-1:123456789012:orders-dead-letters"
      Sid       = "Operators"
    }])
    error_message = "The statement is as given, on the dead-letter queue."
  }

  assert {
    condition     = length(jsondecode(aws_sqs_queue.source[0].policy).Statement) == 1
    error_message = "The queue's own policy does not get it."
  }
}

run "further_statements_stand_in_the_queues_policy" {
  command = plan

  variables {
    queue = {
      allowed_senders = [{ service = "sns", source_arn = "arn:aws:sns:eu-central-1:123456789012:orders" }]
      policy_statements = [
        { sid = "Shop", principals = { AWS = ["arn:aws:iam::210987654321:root"] }, actions = ["sqs:SendMessage", "sqs:GetQueueUrl"], conditions = { StringEquals = { "aws:PrincipalTag/team" = ["shop"] } } },
        { effect = "Deny", principals = { AWS = ["*"] }, actions = ["sqs:PurgeQueue"] },
        { principals = { Service = ["scheduler.amazonaws.com"], AWS = ["arn:aws:iam::210987654321:role/night"] }, actions = ["sqs:SendMessage"] },
      ]
    }
  }

  assert {
    condition = jsonencode(slice(jsondecode(aws_sqs_queue.source[0].policy).Statement, 2, 5)) == jsonencode([
      {
        Action    = ["sqs:SendMessage", "sqs:GetQueueUrl"]
        Condition = { StringEquals = { "aws:PrincipalTag/team" = ["shop"] } }
        Effect    = "Allow"
        Principal = { AWS = ["arn:aws:iam::210987654321:root"] }
        Resource  = "arn:aws:sqs:eu-central-1:123456789012:orders"
        Sid       = "Shop"
      },
      {
        Action    = ["sqs:PurgeQueue"]
        Effect    = "Deny"
        Principal = { AWS = ["*"] }
        Resource  = "arn:aws:sqs:eu-central-1:123456789012:orders"
      },
      {
        Action    = ["sqs:SendMessage"]
        Effect    = "Allow"
        Principal = { AWS = ["arn:aws:iam::210987654321:role/night"], Service = ["scheduler.amazonaws.com"] }
        Resource  = "arn:aws:sqs:eu-central-1:123456789012:orders"
      },
    ])
    error_message = "Each statement as it was given, on this queue."
  }

  assert {
    condition     = [for statement in jsondecode(aws_sqs_queue.source[0].policy).Statement : try(statement.Sid, "")] == ["DenyInsecureTransport", "FromSns", "Shop", "", ""] && length(jsondecode(aws_sqs_queue.dead_letter[0].policy).Statement) == 1
    error_message = "They stand behind the module's own, and not in the dead-letter queue's policy."
  }
}

run "the_queues_options_reach_it" {
  command = plan

  variables {
    queue = {
      dead_letter_queue          = { message_retention_seconds = 1209600 }
      delay_seconds              = 900
      max_receive_count          = 1000
      max_message_size_bytes     = 1024
      receive_wait_time_seconds  = 20
      message_retention_seconds  = 1000000
      visibility_timeout_seconds = 400
    }
  }

  assert {
    condition     = aws_sqs_queue.source[0].delay_seconds == 900 && aws_sqs_queue.source[0].receive_wait_time_seconds == 20 && aws_sqs_queue.source[0].max_message_size == 1024
    error_message = "Delay, wait and size are the queue's."
  }

  assert {
    condition     = aws_sqs_queue.source[0].message_retention_seconds == 1000000 && aws_sqs_queue.source[0].visibility_timeout_seconds == 400 && jsondecode(aws_sqs_queue.source[0].redrive_policy).maxReceiveCount == 1000
    error_message = "So are retention, visibility timeout and receives."
  }

  assert {
    condition     = aws_sqs_queue.dead_letter[0].message_retention_seconds == 1209600 && aws_sqs_queue.dead_letter[0].delay_seconds == null && aws_sqs_queue.dead_letter[0].receive_wait_time_seconds == null && aws_sqs_queue.dead_letter[0].max_message_size == 262144
    error_message = "The dead-letter queue has its own retention and takes every message at once."
  }

  assert {
    condition     = one(aws_lambda_function.consumer[0].environment).variables["IDEMPOTENCY_MAX_RECEIVE_COUNT"] == "1000" && one(aws_lambda_function.consumer[0].environment).variables["IDEMPOTENCY_RETENTION_SECONDS"] == "3209600"
    error_message = "The package gets the number of receives, and a record outlives two lives in the queue and one in the dead-letter queue."
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

run "services_that_wrap_are_named_once_and_sorted" {
  command = plan

  variables {
    allowed_triggers = {
      rule  = { service = "events", source_arn = "arn:aws:events:eu-central-1:123456789012:rule/orders" }
      topic = { service = "sns", source_arn = "arn:aws:sns:eu-central-1:123456789012:orders" }
    }
    queue = {
      allowed_senders = [
        { service = "sns", source_arn = "arn:aws:sns:eu-central-1:123456789012:shop" },
        { service = "sns", source_arn = "arn:aws:sns:eu-central-1:123456789012:warehouse" },
      ]
    }
  }

  assert {
    condition     = output.environment.IDEMPOTENCY_UNWRAP == "events,sns"
    error_message = "By default these are the services of the senders and the allowed_triggers."
  }
}

run "services_that_wrap_are_set" {
  command = plan

  variables {
    allowed_triggers = { rule = { service = "events", source_arn = "arn:aws:events:eu-central-1:123456789012:rule/orders" } }
    queue            = { allowed_senders = [{ service = "s3", source_arn = "arn:aws:s3:::orders" }], unwrap = ["sns", "pipes", "events", "sns"] }
  }

  assert {
    condition     = output.environment.IDEMPOTENCY_UNWRAP == "events,pipes,sns"
    error_message = "The list replaces the default."
  }
}

run "nothing_is_unwrapped" {
  command = plan

  variables {
    allowed_triggers = { rule = { service = "events", source_arn = "arn:aws:events:eu-central-1:123456789012:rule/orders" } }
    queue            = { allowed_senders = [{ service = "sns", source_arn = "arn:aws:sns:eu-central-1:123456789012:orders" }], unwrap = [] }
  }

  assert {
    condition     = !contains(keys(output.environment), "IDEMPOTENCY_UNWRAP")
    error_message = "An empty list also replaces the default."
  }
}

# SQS's console writes the first statement, and EventBridge's user guide the last:
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
run "statements_as_aws_writes_them" {
  command = plan

  variables {
    queue = {
      allowed_senders = [{ service = "sns", source_arn = "arn:aws:sns:eu-central-1:123456789012:orders" }]
      dead_letter_queue = {
        policy_statements = [for sid in ["__owner_statement", "FromSns", "FromPartner", "Dead-letter queue permissions"] : { sid = sid, principals = { AWS = ["arn:aws:iam::123456789012:root"] }, actions = ["SQS:*"] }]
      }
      policy_statements = [for sid in ["__owner_statement", "fromsns", "FromPartner", "Queue1_SendMessage"] : { sid = sid, principals = { AWS = ["arn:aws:iam::123456789012:root"] }, actions = ["SQS:SendMessage", "Sqs:receivemessage"] }]
    }
  }

  assert {
    condition = [for queue in [aws_sqs_queue.source[0], aws_sqs_queue.dead_letter[0]] : [for statement in jsondecode(queue.policy).Statement : statement.Sid]] == [
      ["DenyInsecureTransport", "FromSns", "__owner_statement", "fromsns", "FromPartner", "Queue1_SendMessage"],
      ["DenyInsecureTransport", "__owner_statement", "FromSns", "FromPartner", "Dead-letter queue permissions"],
    ]
    error_message = "Each statement keeps its sid."
  }
}
