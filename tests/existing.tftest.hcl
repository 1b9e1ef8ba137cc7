# Parts that exist already, each alone and all together, and no queue at all.

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

# Region and account come from the table; this stack is elsewhere, so that each ARN shows it.
run "a_table_that_exists" {
  command = plan

  override_data {
    target = data.aws_region.current
    values = { id = "us-gov-west-1" }
  }

  override_resource {
    override_during = plan
    target          = aws_iam_role.function
    values          = { arn = "arn:aws-us-gov:iam::210987654321:role/orders", id = "orders", name = "orders" }
  }

  override_resource {
    override_during = plan
    target          = aws_sqs_queue.dead_letter
    values          = { arn = "arn:aws-us-gov:sqs:us-gov-west-1:210987654321:orders-dead-letters", url = "https://sqs.us-gov-west-1.amazonaws.com/210987654321/orders-dead-letters" }
  }

  variables {
    table = { existing = { arn = "arn:aws-us-gov:dynamodb:us-gov-west-1:210987654321:table/shared.records" } }
  }

  assert {
    condition     = length(aws_dynamodb_table.records) == 0 && output.table == { arn = "arn:aws-us-gov:dynamodb:us-gov-west-1:210987654321:table/shared.records", name = "shared.records" }
    error_message = "No table is made; the output is the existing one."
  }

  assert {
    condition     = output.environment.IDEMPOTENCY_TABLE == "shared.records" && one(aws_lambda_function.consumer[0].environment).variables["IDEMPOTENCY_TABLE"] == "shared.records" && output.environment.IDEMPOTENCY_NAMESPACE == "orders"
    error_message = "The function gets the table's name, and keeps its namespace."
  }

  assert {
    condition = jsonencode([for statement in jsondecode(aws_iam_role_policy.function[0].policy).Statement : statement if startswith(statement.Sid, "Claim")]) == jsonencode([
      {
        Action    = ["dynamodb:UpdateItem", "dynamodb:DeleteItem"]
        Condition = { "ForAllValues:StringLike" = { "dynamodb:LeadingKeys" = "orders#*" }, Null = { "dynamodb:LeadingKeys" = "false" } }
        Effect    = "Allow"
        Resource  = "arn:aws-us-gov:dynamodb:us-gov-west-1:210987654321:table/shared.records"
        Sid       = "ClaimAndSettle"
      },
      {
        Action    = ["dynamodb:BatchGetItem", "dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate", "dynamodb:PartiQLDelete"]
        Condition = { "ForAllValues:StringLike" = { "dynamodb:LeadingKeys" = "orders#*" }, Null = { "dynamodb:LeadingKeys" = "false" } }
        Effect    = "Allow"
        Resource  = "arn:aws-us-gov:dynamodb:us-gov-west-1:210987654321:table/shared.records"
        Sid       = "ClaimAndSettleTogether"
      },
    ])
    error_message = "The role reaches only records of its namespace."
  }

  assert {
    condition     = output.queue.arn == "arn:aws-us-gov:sqs:us-gov-west-1:210987654321:orders" && output.dead_letter_queue.arn == "arn:aws-us-gov:sqs:us-gov-west-1:210987654321:orders-dead-letters" && one(jsondecode(aws_sqs_queue.source[0].policy).Statement).Resource == output.queue.arn && one(jsondecode(aws_sqs_queue.dead_letter[0].policy).Statement).Resource == output.dead_letter_queue.arn
    error_message = "Queues are made where the table is."
  }

  assert {
    condition     = length(aws_lambda_function.consumer) == 1 && length(aws_sqs_queue.source) == 1 && length(aws_sqs_queue.dead_letter) == 1 && length(aws_lambda_event_source_mapping.queue) == 1
    error_message = "Everything else is made."
  }
}

run "a_namespace_that_looks_like_a_pattern" {
  command = plan

  variables {
    idempotency = { namespace = "a*b?c$d$${aws:username}" }
    table       = { shared = true }
  }

  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.function[0].policy).Statement : jsonencode(statement.Condition) if startswith(statement.Sid, "Claim")] == [for number in range(2) : jsonencode({ "ForAllValues:StringLike" = { "dynamodb:LeadingKeys" = "a$${*}b$${?}c$${$}d$${$}{aws:username}#*" }, Null = { "dynamodb:LeadingKeys" = "false" } })]
    error_message = "In the policy of a table that is made here and shared, its characters stand for themselves."
  }

  assert {
    condition     = length(aws_dynamodb_table.records) == 1 && output.environment.IDEMPOTENCY_NAMESPACE == "a*b?c$d$${aws:username}" && output.policy == jsonencode({ Version = "2012-10-17", Statement = [for statement in jsondecode(aws_iam_role_policy.function[0].policy).Statement : statement if !contains(["WriteLogs", "SendTraces"], statement.Sid)] })
    error_message = "The package gets them as they are."
  }
}

run "a_queue_that_exists" {
  command = plan

  variables {
    queue = {
      batch_size                         = 100
      maximum_batching_window_in_seconds = 5
      existing = {
        arn                        = "arn:aws:sqs:eu-central-1:123456789012:shop"
        dead_letter_queue          = { arn = "arn:aws:sqs:eu-central-1:123456789012:shop-failed", message_retention_seconds = 1000000, url = "https://sqs.eu-central-1.amazonaws.com/123456789012/shop-failed" }
        max_receive_count          = 7
        message_retention_seconds  = 86400
        visibility_timeout_seconds = 185
      }
      filters = ["{}"]
    }
  }

  assert {
    condition     = length(aws_sqs_queue.source) == 0 && length(aws_sqs_queue.dead_letter) == 0
    error_message = "No queue is made."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.queue[0].event_source_arn == "arn:aws:sqs:eu-central-1:123456789012:shop" && aws_lambda_event_source_mapping.queue[0].batch_size == 100 && length(aws_lambda_event_source_mapping.queue[0].filter_criteria) == 1
    error_message = "It is read as one that is made here."
  }

  assert {
    condition     = output.queue.arn == "arn:aws:sqs:eu-central-1:123456789012:shop" && output.queue.name == "shop" && output.queue.url == null && output.dead_letter_queue == { arn = "arn:aws:sqs:eu-central-1:123456789012:shop-failed", name = "shop-failed", url = "https://sqs.eu-central-1.amazonaws.com/123456789012/shop-failed" }
    error_message = "The outputs are the existing parts; the URL of the queue is unknown."
  }

  assert {
    condition     = [for name in ["DEAD_LETTER_QUEUE_URL", "MAX_RECEIVE_COUNT", "RETENTION_SECONDS"] : output.environment["IDEMPOTENCY_${name}"]] == ["https://sqs.eu-central-1.amazonaws.com/123456789012/shop-failed", "7", "1172800"]
    error_message = "The package parks into its dead-letter queue, and a record outlives two lives in the queue and one there."
  }

  assert {
    condition     = jsonencode([for statement in jsondecode(output.policy).Statement : [statement.Sid, statement.Resource] if strcontains(jsonencode(statement.Action), "sqs:")]) == jsonencode([["ReceiveMessages", "arn:aws:sqs:eu-central-1:123456789012:shop"], ["ChangeMessageVisibility", "arn:aws:sqs:eu-central-1:123456789012:shop"], ["SendToDeadLetterQueue", "arn:aws:sqs:eu-central-1:123456789012:shop-failed"]])
    error_message = "The role may use these two queues."
  }

  assert {
    condition     = !strcontains(output.policy, "LeadingKeys") && length(aws_dynamodb_table.records) == 1 && length(aws_lambda_function.consumer) == 1
    error_message = "A table that nobody shares needs no condition."
  }

  assert {
    condition     = !contains(keys(output.environment), "IDEMPOTENCY_UNWRAP")
    error_message = "Nothing is unwrapped unless the user asks for it: the module does not know who sends to this queue."
  }
}

run "a_queue_that_exists_with_wrapped_messages" {
  command = plan

  variables {
    queue = {
      existing = {
        arn                        = "arn:aws:sqs:eu-central-1:123456789012:shop"
        dead_letter_queue          = { arn = "arn:aws:sqs:eu-central-1:123456789012:shop-failed", message_retention_seconds = 1000000, url = "https://sqs.eu-central-1.amazonaws.com/123456789012/shop-failed" }
        max_receive_count          = 7
        message_retention_seconds  = 86400
        visibility_timeout_seconds = 185
      }
      unwrap = ["sns", "pipes"]
    }
  }

  assert {
    condition     = output.environment.IDEMPOTENCY_UNWRAP == "pipes,sns" && one(aws_lambda_function.consumer[0].environment).variables["IDEMPOTENCY_UNWRAP"] == "pipes,sns"
    error_message = "The function unwraps what these services send."
  }
}

run "a_queue_that_exists_and_triggers" {
  command = plan

  variables {
    allowed_triggers = { topic = { service = "sns", source_arn = "arn:aws:sns:eu-central-1:123456789012:orders" } }
    queue = {
      existing = {
        arn                        = "arn:aws:sqs:eu-central-1:123456789012:shop"
        dead_letter_queue          = { arn = "arn:aws:sqs:eu-central-1:123456789012:shop-failed", message_retention_seconds = 1000000, url = "https://sqs.eu-central-1.amazonaws.com/123456789012/shop-failed" }
        max_receive_count          = 7
        message_retention_seconds  = 86400
        visibility_timeout_seconds = 185
      }
    }
  }

  assert {
    condition     = output.environment.IDEMPOTENCY_UNWRAP == "sns"
    error_message = "The function unwraps the topic's notifications, which a redrive may bring into the queue."
  }
}

run "the_least_that_is_said_of_a_fifo_queue_is_accepted" {
  command = plan

  variables {
    function = { timeout_seconds = 3 }
    name     = "consumer-of-all-the-orders-that-ever-come-in-from-every-shop-123"
    queue = {
      existing = {
        arn                        = "arn:aws:sqs:eu-central-1:123456789012:shop.fifo"
        dead_letter_queue          = { arn = "arn:aws:sqs:eu-central-1:123456789012:shop-failed.fifo", message_retention_seconds = 61, url = "http://localhost:4566/123456789012/shop-failed.fifo" }
        max_receive_count          = 3
        message_retention_seconds  = 60
        visibility_timeout_seconds = 18
      }
    }
  }

  assert {
    condition     = output.queue.name == "shop.fifo" && output.dead_letter_queue.name == "shop-failed.fifo" && output.environment.IDEMPOTENCY_RETENTION_SECONDS == "181" && output.function.name == "consumer-of-all-the-orders-that-ever-come-in-from-every-shop-123"
    error_message = "It keeps its name, and the module's name may be as long as a function's."
  }
}

run "the_most_that_is_said_of_a_queue_is_accepted" {
  command = plan

  variables {
    function = { timeout_seconds = 900 }
    queue = {
      existing = {
        arn                        = "arn:aws:sqs:eu-central-1:123456789012:shop"
        dead_letter_queue          = { arn = "arn:aws:sqs:eu-central-1:123456789012:shop-failed", message_retention_seconds = 1209600, url = "https://sqs.eu-central-1.amazonaws.com/123456789012/shop-failed" }
        max_receive_count          = 27
        message_retention_seconds  = 1209599
        visibility_timeout_seconds = 43200
      }
    }
  }

  assert {
    condition     = output.environment.IDEMPOTENCY_RETENTION_SECONDS == "3628798" && output.environment.IDEMPOTENCY_MAX_RECEIVE_COUNT == "27"
    error_message = "All receives fit into its retention."
  }
}

run "a_function_that_exists" {
  command = plan

  variables {
    code        = null
    function    = { existing = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:charge", timeout_seconds = 5400 } }
    idempotency = { managed_instances = "accept_overlapping_runs" }
    processor   = "charge.process"
    queue       = { maximum_batching_window_in_seconds = 300 }
    streams     = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed" } }
  }

  assert {
    condition     = length(aws_lambda_function.consumer) + length(aws_lambda_alias.consumer) + length(aws_iam_role.function) + length(aws_iam_role_policy.function) + length(aws_iam_role_policy.processor) + length(aws_cloudwatch_log_group.function) + length(terraform_data.package) + length(aws_lambda_permission.invoker) == 0
    error_message = "No function, role, policy, log group or package is made."
  }

  assert {
    condition     = alltrue([for mapping in [aws_lambda_event_source_mapping.queue[0], aws_lambda_event_source_mapping.stream["clicks"]] : mapping.function_name == "arn:aws:lambda:eu-central-1:123456789012:function:charge"]) && aws_sqs_queue.source[0].visibility_timeout_seconds == 32700
    error_message = "The mappings invoke it, and the visibility timeout is six times its timeout, with the batching window."
  }

  assert {
    condition     = output.function.arn == "arn:aws:lambda:eu-central-1:123456789012:function:charge" && output.function.target_arn == output.function.arn && output.function.name == "charge" && output.function.log_group_name == null && output.function.role_arn == null && output.function.role_name == null
    error_message = "A value that the module does not know is null."
  }

  assert {
    condition = output.environment == {
      IDEMPOTENCY_CONCURRENCY              = "1"
      IDEMPOTENCY_DEAD_LETTER_QUEUE_URL    = "https://sqs.eu-central-1.amazonaws.com/123456789012/orders-dead-letters"
      IDEMPOTENCY_LEASE_MARGIN_MILLIS      = "5000"
      IDEMPOTENCY_LOG                      = "all"
      IDEMPOTENCY_LOG_KEYS                 = "plain"
      IDEMPOTENCY_MANAGED_INSTANCES        = "accept_overlapping_runs"
      IDEMPOTENCY_MAX_RECEIVE_COUNT        = "5"
      IDEMPOTENCY_METRICS                  = "off"
      IDEMPOTENCY_MINIMUM_REMAINING_MILLIS = "1000"
      IDEMPOTENCY_MODE                     = "enforce"
      IDEMPOTENCY_NAMESPACE                = "orders"
      IDEMPOTENCY_ON_INTERRUPTED           = "retry"
      IDEMPOTENCY_PROCESSOR                = "charge.process"
      IDEMPOTENCY_RETENTION_SECONDS        = "1900800"
      IDEMPOTENCY_TABLE                    = "orders-idempotency"
    }
    error_message = "The output has every setting that a function made here has."
  }

  assert {
    condition     = jsonencode([for statement in jsondecode(output.policy).Statement : statement.Sid]) == jsonencode(["ReceiveMessages", "ChangeMessageVisibility", "SendToDeadLetterQueue", "ClaimAndSettle", "ClaimAndSettleTogether", "ReadKinesisStreams", "SendToFailureDestination"])
    error_message = "The policy for its role leaves out only what its own runtime needs."
  }
}

run "a_function_that_exists_with_its_role" {
  command = plan

  variables {
    code      = null
    function  = { existing = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:charge:live", role = { name = "charge" }, timeout_seconds = 3 } }
    processor = null
  }

  assert {
    condition     = length(aws_lambda_function.consumer) + length(aws_lambda_alias.consumer) + length(aws_iam_role.function) + length(aws_iam_role_policy.processor) + length(aws_cloudwatch_log_group.function) + length(terraform_data.package) == 0
    error_message = "No function, role, log group or package is made."
  }

  assert {
    condition     = aws_iam_role_policy.function[0].role == "charge" && aws_iam_role_policy.function[0].name == "idempotent-lambda-eu-central-1-orders-a4456a8f" && aws_iam_role_policy.function[0].policy == output.policy
    error_message = "Its role gets the policy that the output has, by a name that leaves room for other instances' policies."
  }

  assert {
    condition     = jsonencode([for statement in jsondecode(output.policy).Statement : statement.Sid]) == jsonencode(["ReceiveMessages", "ChangeMessageVisibility", "SendToDeadLetterQueue", "ClaimAndSettle", "ClaimAndSettleTogether"]) && !strcontains(output.policy, "*")
    error_message = "It names what is used, and no pattern."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.queue[0].function_name == "arn:aws:lambda:eu-central-1:123456789012:function:charge:live" && output.function.target_arn == "arn:aws:lambda:eu-central-1:123456789012:function:charge:live" && output.function.name == "charge" && output.function.role_name == "charge" && output.function.role_arn == null && output.function.log_group_name == null
    error_message = "Its alias is invoked; the output has the given values."
  }

  assert {
    condition     = aws_sqs_queue.source[0].visibility_timeout_seconds == 18 && !contains(keys(output.environment), "IDEMPOTENCY_PROCESSOR")
    error_message = "It needs no processor."
  }
}

run "everything_exists" {
  command = plan

  variables {
    code        = null
    function    = { existing = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:charge", role = { name = "charge" }, timeout_seconds = 30 } }
    kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/module"
    processor   = null
    queue = {
      existing = {
        arn                        = "arn:aws:sqs:eu-central-1:123456789012:shop"
        dead_letter_queue          = { arn = "arn:aws:sqs:eu-central-1:123456789012:shop-failed", message_retention_seconds = 1000000, url = "https://sqs.eu-central-1.amazonaws.com/123456789012/shop-failed" }
        kms_key_arn                = "arn:aws:kms:eu-central-1:123456789012:key/queue"
        max_receive_count          = 7
        message_retention_seconds  = 86400
        visibility_timeout_seconds = 180
      }
      filters = ["{}"]
    }
    streams = { accounts = { source = "dynamodb", arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/accounts/stream/2025-01-01T00:00:00.000", failure_destination_arn = "arn:aws:sns:eu-central-1:123456789012:failed", kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/stream" } }
    table   = { existing = { arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/records", kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/table" } }
  }

  assert {
    condition     = length(aws_lambda_function.consumer) + length(aws_lambda_alias.consumer) + length(aws_iam_role.function) + length(aws_iam_role_policy.processor) + length(aws_cloudwatch_log_group.function) + length(terraform_data.package) + length(aws_lambda_permission.invoker) + length(aws_sqs_queue.source) + length(aws_sqs_queue.dead_letter) + length(aws_dynamodb_table.records) == 0
    error_message = "No part is made."
  }

  assert {
    condition     = length(aws_lambda_event_source_mapping.queue) == 1 && keys(aws_lambda_event_source_mapping.stream) == ["accounts"] && aws_iam_role_policy.function[0].role == "charge" && aws_iam_role_policy.function[0].policy == output.policy
    error_message = "Only the mappings and the policy are."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.queue[0].kms_key_arn == "arn:aws:kms:eu-central-1:123456789012:key/module"
    error_message = "The module's key encrypts the filters."
  }

  assert {
    condition     = [for statement in jsondecode(output.policy).Statement : jsonencode([statement.Sid, statement.Action, statement.Effect, statement.Resource, statement.Condition]) if startswith(statement.Sid, "ReadWithKeys")] == [jsonencode(["ReadWithKeysDynamodb", ["kms:Decrypt"], "Allow", ["arn:aws:kms:eu-central-1:123456789012:key/stream", "arn:aws:kms:eu-central-1:123456789012:key/table"], { StringLike = { "kms:ViaService" = ["dynamodb.eu-central-1.*"] } }]), jsonencode(["ReadWithKeysSqs", ["kms:Decrypt"], "Allow", ["arn:aws:kms:eu-central-1:123456789012:key/queue"], { StringLike = { "kms:ViaService" = ["sqs.eu-central-1.*"] } }])]
    error_message = "The role uses each key of the existing parts through its service, and not the module's, which encrypts nothing that it reads."
  }

  assert {
    condition     = output.table.name == "records" && output.queue.name == "shop" && output.dead_letter_queue.name == "shop-failed" && output.function.name == "charge" && output.environment.IDEMPOTENCY_TABLE == "records" && output.environment.IDEMPOTENCY_DEAD_LETTER_QUEUE_URL == "https://sqs.eu-central-1.amazonaws.com/123456789012/shop-failed"
    error_message = "The outputs are the existing parts."
  }
}

run "the_keys_of_existing_parts_and_of_the_module" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/module"
    queue = {
      existing = {
        arn                        = "arn:aws:sqs:eu-central-1:123456789012:shop"
        dead_letter_queue          = { arn = "arn:aws:sqs:eu-central-1:123456789012:shop-failed", message_retention_seconds = 1000000, url = "https://sqs.eu-central-1.amazonaws.com/123456789012/shop-failed" }
        kms_key_arn                = "arn:aws:kms:eu-central-1:123456789012:key/queue"
        max_receive_count          = 7
        message_retention_seconds  = 86400
        visibility_timeout_seconds = 180
      }
    }
  }

  assert {
    condition     = [for statement in jsondecode(output.policy).Statement : jsonencode([statement.Sid, statement.Action, statement.Effect, statement.Resource, statement.Condition]) if startswith(statement.Sid, "ReadWithKeys")] == [jsonencode(["ReadWithKeysDynamodb", ["kms:Decrypt"], "Allow", ["arn:aws:kms:eu-central-1:123456789012:key/module"], { StringLike = { "kms:ViaService" = ["dynamodb.eu-central-1.*"] } }]), jsonencode(["ReadWithKeysSqs", ["kms:Decrypt"], "Allow", ["arn:aws:kms:eu-central-1:123456789012:key/queue"], { StringLike = { "kms:ViaService" = ["sqs.eu-central-1.*"] } }])]
    error_message = "The table that is made here has the module's key, the queue its own; Kinesis is not among the services."
  }
}

run "one_key_for_everything_is_named_once" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/1"
    streams     = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/1" } }
    table       = { existing = { arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/records", kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/1" } }
  }

  assert {
    condition     = [for statement in jsondecode(output.policy).Statement : jsonencode([statement.Resource, statement.Condition]) if statement.Sid == "ReadWithKeys"] == [jsonencode([["arn:aws:kms:eu-central-1:123456789012:key/1"], { StringLike = { "kms:ViaService" = ["dynamodb.eu-central-1.*", "sqs.eu-central-1.*", "kinesis.eu-central-1.*"] } }])]
    error_message = "With a Kinesis stream, Kinesis may ask for it, too."
  }
}

run "without_keys_there_is_no_statement_of_keys" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/module"
    queue = {
      existing = {
        arn                        = "arn:aws:sqs:eu-central-1:123456789012:shop"
        dead_letter_queue          = { arn = "arn:aws:sqs:eu-central-1:123456789012:shop-failed", message_retention_seconds = 1000000, url = "https://sqs.eu-central-1.amazonaws.com/123456789012/shop-failed" }
        max_receive_count          = 7
        message_retention_seconds  = 86400
        visibility_timeout_seconds = 180
      }
    }
    table = { existing = { arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/records" } }
  }

  assert {
    condition     = !strcontains(output.policy, "kms:") && [for statement in jsondecode(aws_iam_role_policy.function[0].policy).Statement : statement.Sid if strcontains(jsonencode(statement.Action), "kms:")] == ["DecryptEnvironment"]
    error_message = "The module's key then encrypts the logs and the environment only."
  }
}

run "no_queue_and_nothing_that_delivers" {
  command = plan

  variables {
    queue = null
  }

  assert {
    condition     = length(aws_sqs_queue.source) == 0 && length(aws_lambda_event_source_mapping.queue) == 0 && length(aws_lambda_event_source_mapping.stream) == 0 && length(aws_lambda_function.consumer) == 1 && length(aws_dynamodb_table.records) == 1
    error_message = "Your mapping may invoke the function."
  }

  assert {
    condition     = aws_sqs_queue.dead_letter[0].name == "orders-dead-letters" && !aws_sqs_queue.dead_letter[0].fifo_queue && aws_sqs_queue.dead_letter[0].message_retention_seconds == 1209600 && aws_sqs_queue.dead_letter[0].redrive_allow_policy == jsonencode({ redrivePermission = "denyAll" })
    error_message = "There is a dead-letter queue, for no queue."
  }

  assert {
    condition     = output.queue == null && output.event_source_mapping == null && output.streams == {} && output.dead_letter_queue == { arn = "arn:aws:sqs:eu-central-1:123456789012:orders-dead-letters", name = "orders-dead-letters", url = "https://sqs.eu-central-1.amazonaws.com/123456789012/orders-dead-letters" }
    error_message = "The outputs say so."
  }

  assert {
    condition = output.environment == {
      IDEMPOTENCY_CONCURRENCY              = "1"
      IDEMPOTENCY_DEAD_LETTER_QUEUE_URL    = "https://sqs.eu-central-1.amazonaws.com/123456789012/orders-dead-letters"
      IDEMPOTENCY_LEASE_MARGIN_MILLIS      = "5000"
      IDEMPOTENCY_LOG                      = "all"
      IDEMPOTENCY_LOG_KEYS                 = "plain"
      IDEMPOTENCY_MANAGED_INSTANCES        = "refuse"
      IDEMPOTENCY_METRICS                  = "off"
      IDEMPOTENCY_MINIMUM_REMAINING_MILLIS = "1000"
      IDEMPOTENCY_MODE                     = "enforce"
      IDEMPOTENCY_NAMESPACE                = "orders"
      IDEMPOTENCY_ON_INTERRUPTED           = "retry"
      IDEMPOTENCY_PROCESSOR                = "orders.process"
      IDEMPOTENCY_RETENTION_SECONDS        = "1209600"
      IDEMPOTENCY_TABLE                    = "orders-idempotency"
    }
    error_message = "No receives are counted, and a record outlives the dead-letter queue's messages."
  }

  assert {
    condition     = jsonencode([for statement in jsondecode(output.policy).Statement : statement.Sid]) == jsonencode(["SendToDeadLetterQueue", "ClaimAndSettle", "ClaimAndSettleTogether"])
    error_message = "The role reads from no queue."
  }
}

run "no_queue_but_streams" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/module"
    queue       = null
    streams     = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", maximum_record_age_seconds = 604800 } }
    table       = { existing = { arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/records" } }
  }

  assert {
    condition     = keys(aws_lambda_event_source_mapping.stream) == ["clicks"] && keys(output.streams) == ["clicks"] && output.event_source_mapping == null && output.environment.IDEMPOTENCY_RETENTION_SECONDS == "1814400"
    error_message = "A record outlives seven days in the stream and 14 in the dead-letter queue."
  }

  assert {
    condition     = jsonencode([for statement in jsondecode(output.policy).Statement : statement.Sid]) == jsonencode(["SendToDeadLetterQueue", "ClaimAndSettle", "ClaimAndSettleTogether", "ReadWithKeys", "EncryptDeadLetters", "ReadKinesisStreams", "SendToFailureDestination"]) && one([for statement in jsondecode(output.policy).Statement : jsonencode(statement.Resource) if statement.Sid == "ReadWithKeys"]) == "[\"arn:aws:kms:eu-central-1:123456789012:key/module\"]"
    error_message = "The role reads the stream, and uses the key of the dead-letter queue."
  }
}

run "no_queue_but_triggers" {
  command = plan

  variables {
    allowed_triggers = { rule = { service = "events", source_arn = "arn:aws:events:eu-central-1:123456789012:rule/orders" } }
    queue            = null
  }

  assert {
    condition     = aws_lambda_permission.invoker["rule"].principal == "events.amazonaws.com" && aws_lambda_permission.invoker["rule"].qualifier == null && one(aws_lambda_function.consumer[0].dead_letter_config).target_arn == "arn:aws:sqs:eu-central-1:123456789012:orders-dead-letters"
    error_message = "Events that Lambda gives up on go to the dead-letter queue."
  }

  assert {
    condition     = output.queue == null && output.environment.IDEMPOTENCY_RETENTION_SECONDS == "1231200"
    error_message = "A record outlives six hours of retries and 14 days in the dead-letter queue."
  }

  assert {
    condition     = output.environment.IDEMPOTENCY_UNWRAP == "events"
    error_message = "The function unwraps the rule's events, if a queue delivers them after a redrive."
  }
}
