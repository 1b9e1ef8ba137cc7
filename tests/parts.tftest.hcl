# Keys and tags of each part, and policies of the role.

mock_provider "aws" {
  source = "./tests/mocks"
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
  streams   = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", filters = ["{}"], kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/clicks" } }
}

run "each_part_has_its_own_key" {
  command = plan

  variables {
    function = { kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/function" }
    logs     = { kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/logs" }
    queue    = { filters = ["{}"], kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/queue" }
    table    = { kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/table" }
  }

  assert {
    condition = [
      aws_cloudwatch_log_group.function[0].kms_key_id,
      one(aws_dynamodb_table.records[0].server_side_encryption).kms_key_arn,
      aws_lambda_event_source_mapping.queue[0].kms_key_arn,
      aws_lambda_event_source_mapping.stream["clicks"].kms_key_arn,
      aws_lambda_function.consumer[0].kms_key_arn,
      aws_sqs_queue.dead_letter[0].kms_master_key_id,
      aws_sqs_queue.source[0].kms_master_key_id,
    ] == [for part in ["logs", "table", "function", "function", "function", "queue", "queue"] : "arn:aws:kms:eu-central-1:123456789012:key/${part}"]
    error_message = "Each key encrypts its part, and the function's key the filters, too."
  }

  assert {
    condition     = aws_sqs_queue.source[0].sqs_managed_sse_enabled != true && aws_sqs_queue.dead_letter[0].sqs_managed_sse_enabled != true
    error_message = "SQS's own encryption gives way."
  }

  assert {
    condition = jsonencode([for statement in jsondecode(aws_iam_role_policy.function[0].policy).Statement : [statement.Sid, statement.Action, flatten([statement.Resource]), statement.Condition] if strcontains(jsonencode(statement.Action), "kms:")]) == jsonencode([
      ["ReadWithKeysDynamodb", ["kms:Decrypt"], ["arn:aws:kms:eu-central-1:123456789012:key/table"], { StringLike = { "kms:ViaService" = ["dynamodb.eu-central-1.*"] } }],
      ["ReadWithKeysKinesis", ["kms:Decrypt"], ["arn:aws:kms:eu-central-1:123456789012:key/clicks"], { StringLike = { "kms:ViaService" = ["kinesis.eu-central-1.*"] } }],
      ["ReadWithKeysSqs", ["kms:Decrypt"], ["arn:aws:kms:eu-central-1:123456789012:key/queue"], { StringLike = { "kms:ViaService" = ["sqs.eu-central-1.*"] } }],
      ["EncryptDeadLetters", ["kms:GenerateDataKey"], ["arn:aws:kms:eu-central-1:123456789012:key/queue"], { StringLike = { "kms:ViaService" = ["sqs.eu-central-1.*"] } }],
      ["DecryptEnvironment", ["kms:Decrypt"], ["arn:aws:kms:eu-central-1:123456789012:key/function"], { ArnLike = { "kms:EncryptionContext:aws:lambda:FunctionArn" = ["arn:aws:lambda:eu-central-1:123456789012:function:orders", "arn:aws:lambda:eu-central-1:123456789012:function:orders:*"] } }],
    ])
    error_message = "The role uses each key through its service only, and never the key of the log group."
  }
}

run "a_part_without_its_own_key_has_the_modules" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/module"
    table       = { kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/table" }
    queue       = null
  }

  assert {
    condition     = [aws_cloudwatch_log_group.function[0].kms_key_id, aws_sqs_queue.dead_letter[0].kms_master_key_id, aws_lambda_function.consumer[0].kms_key_arn, one(aws_dynamodb_table.records[0].server_side_encryption).kms_key_arn] == [for key in ["module", "module", "module", "table"] : "arn:aws:kms:eu-central-1:123456789012:key/${key}"]
    error_message = "Only the table has another key."
  }
}

run "each_part_adds_its_tags" {
  command = plan

  variables {
    alarms   = { tags = { team = "alarms" } }
    function = { tags = { team = "function", cost = "high" } }
    logs     = { tags = { team = "logs" } }
    queue    = { tags = { team = "queue" } }
    table    = { tags = { team = "table" } }
    tags     = { team = "payments", stage = "test" }
  }

  assert {
    condition = { for part, tags in {
      alarm        = aws_cloudwatch_metric_alarm.alarm["errors"].tags
      dead_letters = aws_sqs_queue.dead_letter[0].tags
      function     = aws_lambda_function.consumer[0].tags
      logs         = aws_cloudwatch_log_group.function[0].tags
      mapping      = aws_lambda_event_source_mapping.queue[0].tags
      queue        = aws_sqs_queue.source[0].tags
      role         = aws_iam_role.function[0].tags
      stream       = aws_lambda_event_source_mapping.stream["clicks"].tags
      table        = aws_dynamodb_table.records[0].tags
      } : part => "${tags["team"]} ${tags["stage"]} ${length(tags)}" } == {
      alarm        = "alarms test 2"
      dead_letters = "queue test 2"
      function     = "function test 3"
      logs         = "logs test 2"
      mapping      = "queue test 2"
      queue        = "queue test 2"
      role         = "function test 3"
      stream       = "payments test 2"
      table        = "table test 2"
    }
    error_message = "A part's own tag replaces the module's of the same key, and the others stay."
  }
}

run "the_role_gets_managed_policies_and_deny_statements" {
  command = plan

  variables {
    function = {
      policy_statements = [
        { actions = ["dynamodb:PutItem"], resources = ["*"] },
        { sid = "NeverDelete", effect = "Deny", actions = ["dynamodb:DeleteTable"], resources = ["*"] },
      ]
      role = { managed_policy_arns = { insights = "arn:aws:iam::aws:policy/CloudWatchLambdaInsightsExecutionRolePolicy", read = "arn:aws:iam::123456789012:policy/team/read" } }
    }
  }

  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.processor[0].policy).Statement : statement.Effect] == ["Allow", "Deny"]
    error_message = "Allow is the default."
  }

  assert {
    condition     = { for name, attachment in aws_iam_role_policy_attachment.managed : name => "${attachment.role} ${attachment.policy_arn}" } == { insights = "orders-20250101000000000000000001 arn:aws:iam::aws:policy/CloudWatchLambdaInsightsExecutionRolePolicy", read = "orders-20250101000000000000000001 arn:aws:iam::123456789012:policy/team/read" }
    error_message = "Each is attached to the function's role, under its name: another one does not move it."
  }
}

run "an_existing_queue_takes_the_tags_of_its_mapping" {
  command = plan

  variables {
    queue = {
      existing = {
        arn                        = "arn:aws:sqs:eu-central-1:123456789012:shop"
        dead_letter_queue          = { arn = "arn:aws:sqs:eu-central-1:123456789012:shop-failed", message_retention_seconds = 1000000, url = "https://sqs.eu-central-1.amazonaws.com/123456789012/shop-failed" }
        max_receive_count          = 7
        message_retention_seconds  = 86400
        visibility_timeout_seconds = 180
      }
      tags = { team = "queue" }
    }
  }

  assert {
    condition     = aws_lambda_event_source_mapping.queue[0].tags["team"] == "queue"
    error_message = "The module makes the mapping in any case."
  }
}

run "an_existing_function_takes_a_key_for_filters" {
  command = plan

  variables {
    code      = null
    processor = null
    function  = { existing = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:charge", timeout_seconds = 30 }, kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/function" }
  }

  assert {
    condition     = aws_lambda_event_source_mapping.stream["clicks"].kms_key_arn == "arn:aws:kms:eu-central-1:123456789012:key/function"
    error_message = "Lambda encrypts the filters with it."
  }
}

# Only with the ARNs of the module's statements is this above 10240 characters.
run "a_role_policy_that_the_modules_own_arns_make_too_large" {
  command         = plan
  expect_failures = [aws_iam_role_policy.processor]

  variables {
    function = { policy_statements = [for number in range(77) : { actions = ["dynamodb:PutItem"], resources = ["arn:aws:dynamodb:eu-central-1:123456789012:table/t${number}"] }] }
  }
}
