# Each option and the argument that it reaches. What follows from defaults stands in defaults.tftest.hcl.

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
    condition     = aws_sqs_queue.dead_letter[0].message_retention_seconds == 1209600 && aws_sqs_queue.dead_letter[0].delay_seconds == null && aws_sqs_queue.dead_letter[0].receive_wait_time_seconds == null && aws_sqs_queue.dead_letter[0].max_message_size == null
    error_message = "The dead-letter queue has its own retention and takes every message at once."
  }

  assert {
    condition     = one(aws_lambda_function.consumer[0].environment).variables["IDEMPOTENCY_MAX_RECEIVE_COUNT"] == "1000" && one(aws_lambda_function.consumer[0].environment).variables["IDEMPOTENCY_RETENTION_SECONDS"] == "3209600"
    error_message = "The package is told the receives, and a record outlives two lives in the queue and one in the dead-letter queue."
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
    condition     = [for statement in jsondecode(aws_sqs_queue.source[0].policy).Statement : try(statement.Sid, "")] == ["DenyInsecureTransport", "FromSns1", "Shop", "", ""] && length(jsondecode(aws_sqs_queue.dead_letter[0].policy).Statement) == 1
    error_message = "They stand behind the module's own, and not in the dead-letter queue's policy."
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

run "the_functions_options_reach_it" {
  command = plan

  variables {
    processor = null
    function = {
      architecture             = "x86_64"
      ephemeral_storage_mb     = 10240
      environment              = { LEDGER_TABLE = "ledger" }
      handler                  = "shop.consumer.handler"
      layers                   = ["arn:aws:lambda:eu-central-1:123456789012:layer:first:1", "arn:aws:lambda:eu-central-1:123456789012:layer:second:2"]
      memory_size_mb           = 1769
      name                     = "charge-orders"
      permissions_boundary_arn = "arn:aws:iam::123456789012:policy/boundary"
      policy_statements        = [{ sid = "Ledger", actions = ["dynamodb:PutItem"], resources = ["arn:aws:dynamodb:eu-central-1:123456789012:table/ledger"], conditions = { StringEquals = { "aws:ResourceTag/team" = ["shop"] }, Bool = { "aws:SecureTransport" = ["true"] } } }]
      reserved_concurrency     = 5
      runtime                  = "python3.12"
      timeout_seconds          = 60
      tracing                  = false
    }
    idempotency      = { lease_margin_seconds = 300 }
    queue            = { maximum_concurrency = 5 }
    allowed_triggers = { topic = { service = "sns", source_arn = "arn:aws:sns:eu-central-1:123456789012:orders" } }
    logs             = { retention_days = 3653 }
  }

  assert {
    condition     = one(aws_lambda_function.consumer[0].architectures) == "x86_64" && one(aws_lambda_function.consumer[0].ephemeral_storage).size == 10240 && aws_lambda_function.consumer[0].memory_size == 1769 && aws_lambda_function.consumer[0].timeout == 60
    error_message = "Processor, storage, memory and time."
  }

  assert {
    condition     = aws_lambda_function.consumer[0].runtime == "python3.12" && aws_lambda_function.consumer[0].handler == "shop.consumer.handler" && one(aws_lambda_function.consumer[0].environment).variables["LEDGER_TABLE"] == "ledger" && one(aws_lambda_function.consumer[0].tracing_config).mode == "PassThrough"
    error_message = "Runtime, handler, environment and tracing."
  }

  assert {
    condition     = aws_lambda_function.consumer[0].layers == tolist(["arn:aws:lambda:eu-central-1:123456789012:layer:first:1", "arn:aws:lambda:eu-central-1:123456789012:layer:second:2"])
    error_message = "The layers, in their order, by which they are laid over each other."
  }

  assert {
    condition     = aws_lambda_function.consumer[0].reserved_concurrent_executions == 5 && one(aws_lambda_event_source_mapping.queue[0].scaling_config).maximum_concurrency == 5
    error_message = "The reserved concurrency may be the queue's maximum."
  }

  assert {
    condition     = aws_iam_role.function[0].permissions_boundary == "arn:aws:iam::123456789012:policy/boundary"
    error_message = "The boundary is the role's."
  }

  assert {
    condition     = jsonencode(jsondecode(aws_iam_role_policy.processor[0].policy).Statement) == jsonencode([{ Action = ["dynamodb:PutItem"], Condition = { Bool = { "aws:SecureTransport" = ["true"] }, StringEquals = { "aws:ResourceTag/team" = ["shop"] } }, Effect = "Allow", Resource = ["arn:aws:dynamodb:eu-central-1:123456789012:table/ledger"], Sid = "Ledger" }])
    error_message = "A statement keeps its conditions."
  }

  assert {
    condition     = aws_lambda_function.consumer[0].function_name == "charge-orders" && aws_cloudwatch_log_group.function[0].name == "/aws/lambda/charge-orders" && aws_iam_role.function[0].name_prefix == "charge-orders-" && aws_lambda_permission.invoker["topic"].function_name == "charge-orders" && output.function.name == "charge-orders"
    error_message = "The function's name is also that of its log group and of its role."
  }

  assert {
    condition     = aws_sqs_queue.source[0].name == "orders" && aws_dynamodb_table.records[0].name == "orders-idempotency" && one(aws_lambda_function.consumer[0].environment).variables["IDEMPOTENCY_NAMESPACE"] == "orders"
    error_message = "Queue, table and namespace keep the module's name."
  }

  assert {
    condition     = aws_sqs_queue.source[0].visibility_timeout_seconds == 361 && aws_cloudwatch_log_group.function[0].retention_in_days == 3653
    error_message = "The longest lease and a second more is above 6 × 60."
  }
}

run "a_function_in_a_vpc" {
  command = plan

  variables {
    function = { vpc = { security_group_ids = ["sg-1"], subnet_ids = ["subnet-1", "subnet-2"] } }
  }

  assert {
    condition     = one(aws_lambda_function.consumer[0].vpc_config).security_group_ids == toset(["sg-1"]) && one(aws_lambda_function.consumer[0].vpc_config).subnet_ids == toset(["subnet-1", "subnet-2"])
    error_message = "Groups and subnets."
  }

  assert {
    condition = jsonencode([for statement in jsondecode(aws_iam_role_policy.function[0].policy).Statement : statement if strcontains(jsonencode(statement.Action), "ec2:")]) == jsonencode([
      {
        Action   = ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:UnassignPrivateIpAddresses"]
        Effect   = "Allow"
        Resource = "*"
        Sid      = "AttachToVpc"
      },
      {
        Action    = ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:UnassignPrivateIpAddresses", "ec2:DetachNetworkInterface"]
        Condition = { ArnLike = { "lambda:SourceFunctionArn" = ["arn:aws:lambda:eu-central-1:123456789012:function:orders", "arn:aws:lambda:eu-central-1:123456789012:function:orders:*"] } }
        Effect    = "Deny"
        Resource  = "*"
        Sid       = "DenyVpcActionsToCode"
      },
    ])
    error_message = "Lambda may attach the function to it, the function's code may not."
  }

  assert {
    condition     = !strcontains(output.policy, "ec2:") && !strcontains(output.policy, "xray:") && !strcontains(output.policy, "logs:")
    error_message = "None of what Lambda needs for its runtime is in the policy for existing functions."
  }
}

run "an_alias_points_to_the_newest_version" {
  command = plan

  variables {
    function         = { alias = "live" }
    allowed_triggers = { topic = { service = "sns", source_arn = "arn:aws:sns:eu-central-1:123456789012:orders" } }
    streams          = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed" } }
  }

  assert {
    condition     = aws_lambda_function.consumer[0].publish && aws_lambda_alias.consumer[0].name == "live" && aws_lambda_alias.consumer[0].function_name == "orders" && aws_lambda_alias.consumer[0].function_version == "7"
    error_message = "Every change is published, and the alias follows."
  }

  assert {
    condition     = alltrue([for mapping in [aws_lambda_event_source_mapping.queue[0], aws_lambda_event_source_mapping.stream["clicks"]] : mapping.function_name == "arn:aws:lambda:eu-central-1:123456789012:function:orders:live"])
    error_message = "The mappings invoke the alias."
  }

  assert {
    condition     = aws_lambda_permission.invoker["topic"].function_name == "orders" && aws_lambda_permission.invoker["topic"].qualifier == "live"
    error_message = "So may the allowed_triggers, and nothing else."
  }

  assert {
    condition     = output.function.target_arn == "arn:aws:lambda:eu-central-1:123456789012:function:orders:live" && output.function.arn == "arn:aws:lambda:eu-central-1:123456789012:function:orders"
    error_message = "The output has both ARNs."
  }
}

run "code_from_a_bucket" {
  command = plan

  variables {
    code = { s3 = { bucket = "artifacts", key = "orders.zip", object_version = "v1" } }
  }

  assert {
    condition     = aws_lambda_function.consumer[0].s3_bucket == "artifacts" && aws_lambda_function.consumer[0].s3_key == "orders.zip" && aws_lambda_function.consumer[0].s3_object_version == "v1"
    error_message = "Bucket, key and version."
  }

  assert {
    condition     = aws_lambda_function.consumer[0].package_type == "Zip" && aws_lambda_function.consumer[0].filename == null && aws_lambda_function.consumer[0].image_uri == null && length(terraform_data.package) == 0 && aws_lambda_function.consumer[0].handler == "idempotent_lambda.entrypoint.handler" && aws_lambda_function.consumer[0].runtime == "python3.13"
    error_message = "It is a zip like any other, and nothing is packed."
  }
}

run "code_from_a_bucket_in_any_version" {
  command = plan

  variables {
    code     = { s3 = { bucket = "artifacts", key = "orders.zip" } }
    function = { layers = ["arn:aws:lambda:eu-central-1:123456789012:layer:first:1"] }
  }

  assert {
    condition     = aws_lambda_function.consumer[0].s3_key == "orders.zip" && aws_lambda_function.consumer[0].s3_object_version == null && one(aws_lambda_function.consumer[0].layers) == "arn:aws:lambda:eu-central-1:123456789012:layer:first:1"
    error_message = "A version is not needed, and layers go with it."
  }
}

run "code_from_an_image" {
  command = plan

  variables {
    code = { image = { uri = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/orders@sha256:1" } }
  }

  assert {
    condition     = aws_lambda_function.consumer[0].image_uri == "123456789012.dkr.ecr.eu-central-1.amazonaws.com/orders@sha256:1" && aws_lambda_function.consumer[0].package_type == "Image"
    error_message = "The function is an image."
  }

  assert {
    condition     = one(aws_lambda_function.consumer[0].image_config).command == tolist(["idempotent_lambda.entrypoint.handler"]) && aws_lambda_function.consumer[0].handler == null && aws_lambda_function.consumer[0].runtime == null
    error_message = "The handler is its command; it brings its own runtime."
  }

  assert {
    condition     = aws_lambda_function.consumer[0].filename == null && aws_lambda_function.consumer[0].s3_bucket == null && length(terraform_data.package) == 0 && one(aws_lambda_function.consumer[0].architectures) == "arm64"
    error_message = "Nothing is packed; the image is built for arm64, too."
  }
}

run "code_from_a_bucket_with_its_hash" {
  command = plan

  variables {
    code = { s3 = { bucket = "artifacts", key = "orders.zip", source_code_hash = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=" } }
  }

  assert {
    condition     = terraform_data.code[0].input == "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=" && terraform_data.code[0].triggers_replace == jsonencode(var.code.s3)
    error_message = "The hash is what the function has to run, and any change of the object deploys it."
  }
}

run "what_is_excluded_is_the_users_to_say" {
  command = plan

  variables {
    code      = { source_dir = "tests/module/sources/junk", exclude = ["*.html", "./shop/tests/", "**/test_*", "shop/**/*~"] }
    processor = "shop.orders.process"
  }

  assert {
    condition     = join(" ", local.source_files) == "orders.py~ shop/orders.py"
    error_message = "A name is left out anywhere, a path from the top: ${join(" ", local.source_files)}"
  }
}

run "a_monitoring_service_wraps_the_entry_point" {
  command = plan

  variables {
    function = { wrapper = "datadog_lambda.handler.handler", layers = ["arn:aws:lambda:eu-central-1:123456789012:layer:datadog:1"], environment = { DD_SITE = "datadoghq.eu", DD_LAMBDA_HANDLER = "orders.process" } }
  }

  assert {
    condition     = aws_lambda_function.consumer[0].handler == "datadog_lambda.handler.handler" && one(aws_lambda_function.consumer[0].environment).variables["DD_LAMBDA_HANDLER"] == "idempotent_lambda.entrypoint.handler" && one(aws_lambda_function.consumer[0].environment).variables["DD_SITE"] == "datadoghq.eu"
    error_message = "Lambda calls the wrapper, which calls the entry point, whatever else the environment says."
  }
}

run "another_wrapper_wraps_it_in_an_image" {
  command = plan

  variables {
    code     = { image = { uri = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/orders@sha256:1" } }
    function = { wrapper = "company.traces.handler", environment = { TRACED_HANDLER = "idempotent_lambda.entrypoint.handler" } }
  }

  assert {
    condition     = one(aws_lambda_function.consumer[0].image_config).command == tolist(["company.traces.handler"]) && one(aws_lambda_function.consumer[0].environment).variables["TRACED_HANDLER"] == "idempotent_lambda.entrypoint.handler"
    error_message = "The wrapper is the command."
  }
}

run "a_key_of_the_users_encrypts_everything" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/1"
    queue       = { filters = [jsonencode({ body = { kind = ["buy"] } })] }
    streams = {
      clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", filters = [jsonencode({ data = { kind = ["buy"] } })], kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/2", metrics = true }
      views  = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/views", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed" }
    }
  }

  assert {
    condition = alltrue([
      for key in [
        aws_cloudwatch_log_group.function[0].kms_key_id,
        one(aws_dynamodb_table.records[0].server_side_encryption).kms_key_arn,
        aws_lambda_event_source_mapping.queue[0].kms_key_arn,
        aws_lambda_event_source_mapping.stream["clicks"].kms_key_arn,
        aws_lambda_function.consumer[0].kms_key_arn,
        aws_sqs_queue.dead_letter[0].kms_master_key_id,
        aws_sqs_queue.source[0].kms_master_key_id,
      ] : key == "arn:aws:kms:eu-central-1:123456789012:key/1"
    ])
    error_message = "Table, both queues, log group, environment and filters."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.stream["views"].kms_key_arn == null && one(one(aws_lambda_event_source_mapping.stream["clicks"].metrics_config).metrics) == "EventCount" && length(aws_lambda_event_source_mapping.stream["views"].metrics_config) == 0
    error_message = "A mapping without filters has nothing to encrypt."
  }

  assert {
    condition     = aws_sqs_queue.source[0].sqs_managed_sse_enabled != true && aws_sqs_queue.dead_letter[0].sqs_managed_sse_enabled != true
    error_message = "SQS's own encryption gives way."
  }

  assert {
    condition = jsonencode([for statement in jsondecode(aws_iam_role_policy.function[0].policy).Statement : statement if strcontains(jsonencode(statement.Action), "kms:")]) == jsonencode([
      {
        Action    = ["kms:Decrypt"]
        Condition = { StringEquals = { "kms:ViaService" = ["dynamodb.eu-central-1.amazonaws.com", "sqs.eu-central-1.amazonaws.com", "kinesis.eu-central-1.amazonaws.com"] } }
        Effect    = "Allow"
        Resource  = ["arn:aws:kms:eu-central-1:123456789012:key/1", "arn:aws:kms:eu-central-1:123456789012:key/2"]
        Sid       = "ReadWithKeys"
      },
      {
        Action    = ["kms:GenerateDataKey"]
        Condition = { StringEquals = { "kms:ViaService" = ["sqs.eu-central-1.amazonaws.com"] } }
        Effect    = "Allow"
        Resource  = "arn:aws:kms:eu-central-1:123456789012:key/1"
        Sid       = "EncryptDeadLetters"
      },
      {
        Action    = ["kms:Decrypt"]
        Condition = { ArnLike = { "kms:EncryptionContext:aws:lambda:FunctionArn" = ["arn:aws:lambda:eu-central-1:123456789012:function:orders", "arn:aws:lambda:eu-central-1:123456789012:function:orders:*"] } }
        Effect    = "Allow"
        Resource  = "arn:aws:kms:eu-central-1:123456789012:key/1"
        Sid       = "DecryptEnvironment"
      },
    ])
    error_message = "The role uses the keys through these services only, and the function's environment's."
  }
}

run "tags_are_on_everything_that_takes_them" {
  command = plan

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed" } }
    tags    = { team = "payments", stage = "test" }
  }

  assert {
    condition = alltrue([
      for tags in [
        aws_cloudwatch_log_group.function[0].tags,
        aws_dynamodb_table.records[0].tags,
        aws_iam_role.function[0].tags,
        aws_lambda_event_source_mapping.queue[0].tags,
        aws_lambda_event_source_mapping.stream["clicks"].tags,
        aws_lambda_function.consumer[0].tags,
        aws_sqs_queue.dead_letter[0].tags,
        aws_sqs_queue.source[0].tags,
      ] : tags == tomap({ stage = "test", team = "payments" })
    ])
    error_message = "Each has both."
  }
}

run "the_least_of_every_option_is_accepted" {
  command = plan

  variables {
    function = {
      alias                = "a"
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
    condition     = aws_lambda_alias.consumer[0].name == "a" && aws_lambda_function.consumer[0].reserved_concurrent_executions == 0 && aws_lambda_function.consumer[0].timeout == 3 && aws_lambda_function.consumer[0].memory_size == 128
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
      ephemeral_storage_mb = 10240
      handler              = "${join("", [for number in range(120) : "m"])}.handler"
      layers               = [for number in range(5) : "arn:aws:lambda:eu-central-1:123456789012:layer:layer:${number}"]
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
