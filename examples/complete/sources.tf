# 1. Events, through the queue. The queue gets the order that the shop sent, without the envelope of the event bus.
resource "aws_cloudwatch_event_rule" "orders" {
  name          = "${var.name}-orders"
  description   = "Selects the orders that were placed."
  event_pattern = jsonencode({ source = [var.name], detail-type = ["order placed"] })
  tags          = local.tags
}

resource "aws_cloudwatch_event_target" "orders" {
  rule       = aws_cloudwatch_event_rule.orders.name
  arn        = module.orders.queue.arn
  input_path = "$.detail"
}

# 2. Rows of the old shop, through the stream of its table.
resource "aws_dynamodb_table" "old_shop" {
  name                        = "${var.name}-old-shop"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "order_id"
  stream_enabled              = true
  stream_view_type            = "NEW_IMAGE"
  deletion_protection_enabled = var.deletion_protection
  tags                        = local.tags

  attribute {
    name = "order_id"
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

# Gets a report for the rows that Lambda gives up on.
resource "aws_sqs_queue" "given_up" {
  name                      = "${var.name}-given-up"
  message_retention_seconds = 1209600
  kms_master_key_id         = aws_kms_key.shop.arn
  tags                      = local.tags
}

# 3. Express orders, from a topic directly to the function.
resource "aws_sns_topic" "express" {
  name              = "${var.name}-express"
  kms_master_key_id = aws_kms_key.shop.arn
  tags              = local.tags
}

resource "aws_sns_topic_subscription" "express" {
  topic_arn = aws_sns_topic.express.arn
  protocol  = "lambda"
  endpoint  = module.orders.function.target_arn
}

# CloudWatch sends the alarms here. Subscribe to it.
resource "aws_sns_topic" "alarms" {
  name              = "${var.name}-alarms"
  kms_master_key_id = aws_kms_key.shop.arn
  tags              = local.tags
}
