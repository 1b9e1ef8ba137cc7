# Orders come in three ways: as events through a queue, as new rows in the old shop's table, and directly from a topic.
# The function charges each order once, however often it comes.
module "orders" {
  source = "../.."

  name        = var.name
  code        = { source_dir = "${path.module}/src" }
  processor   = "orders.process"
  kms_key_arn = aws_kms_key.shop.arn

  idempotency = {
    # In a row of the table, order_id is in another place than in an event.
    key                       = "body.order_id || dynamodb.NewImage.order_id.S"
    namespace                 = "charge"
    concurrency               = 2
    lease_margin_seconds      = 5
    log                       = "sampled:100"
    log_keys                  = "hashed"
    metrics                   = true
    metrics_by_decorated_name = false
    minimum_remaining_seconds = 2
    mode                      = "enforce"
    on_interrupted            = "park"
    retention_seconds         = 2592000 # 30 days
  }

  function = {
    name                     = "${var.name}-charge"
    alias                    = "live"
    architecture             = "arm64"
    runtime                  = "python3.13"
    memory_size_mb           = 512
    ephemeral_storage_mb     = 1024
    timeout_seconds          = 20
    provisioned_concurrency  = 1
    reserved_concurrency     = 20
    tracing                  = true
    layers                   = [aws_lambda_layer_version.receipts.arn]
    permissions_boundary_arn = aws_iam_policy.boundary.arn
    environment              = { LEDGER_TABLE = aws_dynamodb_table.ledger.name }

    policy_statements = [
      {
        sid        = "WriteTheLedger"
        actions    = ["dynamodb:PutItem"]
        resources  = [aws_dynamodb_table.ledger.arn]
        conditions = { StringEquals = { "aws:ResourceAccount" = [local.arn_parts.account] } }
      },
      {
        sid       = "NeverChangeACharge"
        effect    = "Deny"
        actions   = ["dynamodb:DeleteItem", "dynamodb:UpdateItem"]
        resources = [aws_dynamodb_table.ledger.arn]
      },
    ]

    role = {
      managed_policy_arns = { guard_rails = aws_iam_policy.guard_rails.arn }
      name                = "${var.name}-charge"
      path                = "/${var.name}/"
    }
    tags = { tier = "processing" }

    vpc = {
      subnet_ids         = aws_subnet.private[*].id
      security_group_ids = [aws_security_group.function.id]
    }
  }

  queue = {
    batch_size                         = 20
    maximum_batching_window_in_seconds = 1
    delay_seconds                      = 1
    enabled                            = true
    filters                            = [local.positive_amount]
    max_receive_count                  = 6
    maximum_concurrency                = 10
    max_message_size_bytes             = 65536
    metrics                            = true
    name                               = "${var.name}-placed"
    receive_wait_time_seconds          = 20
    message_retention_seconds          = 604800 # 7 days
    allowed_senders                    = [{ service = "events", source_arn = aws_cloudwatch_event_rule.orders.arn }]
    visibility_timeout_seconds         = 180

    tags = { data = "orders" }

    dead_letter_queue = {
      message_retention_seconds = 1209600 # 14 days
      name                      = "${var.name}-failed"

      policy_statements = [
        {
          sid        = "PurgeOnlyWithMfa"
          effect     = "Deny"
          principals = { AWS = ["*"] }
          actions    = ["sqs:PurgeQueue"]
          conditions = { BoolIfExists = { "aws:MultiFactorAuthPresent" = ["false"] } }
        },
      ]
    }

    # The rule sends no envelope. Express orders keep SNS's envelope when you redrive them from the dead-letter queue.
    unwrap = ["sns"]

    policy_statements = [
      {
        sid        = "OnlyFromThisAccount"
        effect     = "Deny"
        principals = { AWS = ["*"] }
        actions    = ["sqs:SendMessage"]
        conditions = {
          Bool            = { "aws:PrincipalIsAWSService" = ["false"] }
          StringNotEquals = { "aws:PrincipalAccount" = [local.arn_parts.account] }
        }
      },
    ]
  }

  streams = {
    old-shop = {
      source                             = "dynamodb"
      arn                                = aws_dynamodb_table.old_shop.stream_arn
      failure_destination_arn            = aws_sqs_queue.given_up.arn
      kms_key_arn                        = aws_kms_key.shop.arn
      filters                            = [jsonencode({ eventName = ["INSERT"] })]
      batch_size                         = 50
      maximum_batching_window_in_seconds = 1
      bisect_batch_on_function_error     = true
      enabled                            = true
      maximum_record_age_seconds         = 86400
      maximum_retry_attempts             = 5
      metrics                            = true
      parallelization_factor             = 2
      starting_position                  = "TRIM_HORIZON"
    }
  }

  allowed_triggers = {
    express = { service = "sns", source_arn = aws_sns_topic.express.arn }
  }

  table = {
    class                   = "STANDARD"
    deletion_protection     = var.deletion_protection
    max_read_request_units  = 1000
    max_write_request_units = 1000
    name                    = "${var.name}-claims"
    point_in_time_recovery  = true
    tags                    = { backup = "continuous" }
  }

  alarms = {
    actions              = [aws_sns_topic.alarms.arn]
    ok_actions           = [aws_sns_topic.alarms.arn]
    dead_letter_errors   = 1
    dead_letters         = 1
    delivery_failures    = 1
    duration_percent     = 90
    errors               = 5
    disabled             = ["takeovers"] # an interrupted order is parked, which has its own alarm
    evaluation_periods   = { iterator_age = 2, table_throttles = 3 }
    iterator_age_seconds = 3600
    lost_leases          = 1
    message_age_seconds  = 1200
    parked               = 1
    table_throttles      = 10
    table_unavailable    = 5
    tags                 = { severity = "page" }
    throttles            = 20
  }

  dashboard = true
  tags      = local.tags

  # Higher levels and the cheaper class would drop the metrics, which the dashboard and the alarms show.
  logs = {
    application_level = "INFO"
    class             = "STANDARD"
    kms_key_arn       = aws_kms_key.logs.arn
    retention_days    = 365
    system_level      = "INFO"
    tags              = { reader = "support" }
  }
}

locals {
  tags = { service = var.name, cost-centre = "payments" }

  # Lambda deletes messages that no filter matches.
  positive_amount = jsonencode({ body = { amount_cents = [{ numeric = [">", 0] }] } })

  # Partition, Region and account come from an ARN, because a data source would make offline plans impossible.
  arn_parts = regex(
    "^arn:(?P<partition>[^:]+):events:(?P<region>[^:]+):(?P<account>[^:]+):",
    aws_cloudwatch_event_rule.orders.arn,
  )
  arn_prefixes = {
    for service in ["dynamodb", "lambda", "logs", "sqs"] :
    service => "arn:${local.arn_parts.partition}:${service}:${local.arn_parts.region}:${local.arn_parts.account}"
  }

  # Most services have one name everywhere. In some partitions, the name of CloudWatch Logs ends with another domain.
  logs_principal = "logs.${local.arn_parts.region}.${data.aws_service_principal.logs.suffix}"
}

# The provider knows the name, and calls nothing for it.
data "aws_service_principal" "logs" {
  service_name = "logs"
}

# This table takes the place of a card processor. Each charge adds a row, so you see if an order is charged twice.
resource "aws_dynamodb_table" "ledger" {
  name                        = "${var.name}-ledger"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "charge_id"
  deletion_protection_enabled = var.deletion_protection
  tags                        = local.tags

  attribute {
    name = "charge_id"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = aws_kms_key.shop.arn
  }
}

# A layer with a library that several functions share.
locals {
  layer_dir = "${path.module}/layer"
  layer_hash = sha256(join("\n", [
    for file in fileset(local.layer_dir, "**/*.py") : "${file} ${filesha256("${local.layer_dir}/${file}")}"
  ]))
  layer_zip = "${path.root}/.terraform/receipts-${local.layer_hash}.zip"
}

resource "terraform_data" "receipts" {
  triggers_replace = local.layer_hash

  provisioner "local-exec" {
    command     = "mkdir -p \"$(dirname \"$ZIP\")\" && cd \"$DIRECTORY\" && python3 -m zipfile -c \"$ZIP\" python"
    environment = { DIRECTORY = local.layer_dir, ZIP = abspath(local.layer_zip) }
  }
}

resource "aws_lambda_layer_version" "receipts" {
  layer_name               = "${var.name}-receipts"
  filename                 = local.layer_zip
  compatible_architectures = ["arm64"]
  compatible_runtimes      = ["python3.13"]

  depends_on = [terraform_data.receipts]
}
