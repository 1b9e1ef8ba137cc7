# The function: its settings, environment, network, alias and code.

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
      IDEMPOTENCY_LOG                      = "all"
      IDEMPOTENCY_LOG_KEYS                 = "plain"
      IDEMPOTENCY_MANAGED_INSTANCES        = "refuse"
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
    error_message = "The function has the user's variables and the module's."
  }

  assert {
    condition = jsonencode(jsondecode(aws_iam_role_policy.processor[0].policy).Statement) == jsonencode([
      { Action = ["dynamodb:PutItem"], Effect = "Allow", Resource = ["arn:aws:dynamodb:eu-central-1:123456789012:table/ledger"] },
      { Action = ["ses:SendEmail"], Effect = "Allow", Resource = ["*"], Sid = "Mail" },
    ])
    error_message = "The user's statements are a separate policy."
  }

  assert {
    condition     = one(aws_lambda_function.consumer[0].tracing_config).mode == "PassThrough" && !strcontains(aws_iam_role_policy.function[0].policy, "xray")
    error_message = "Without tracing there is no permission for it."
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
    error_message = "The log group and the role have the function's name."
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
    error_message = "Your handler needs no processor."
  }
}
