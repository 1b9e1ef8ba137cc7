resource "aws_sns_topic" "orders" {
  name              = "${var.name}-orders"
  kms_master_key_id = "alias/aws/sns"
}

# Gets each order in SNS's envelope. The package removes the envelope: message.body is the order.
module "billing" {
  # checkov:skip=CKV_AWS_28:Recovery is on by default, but checkov does not see the default of an optional attribute.
  source = "../.."

  name        = "${var.name}-billing"
  code        = { source_dir = "${path.module}/src" }
  processor   = "billing.process"
  idempotency = { key = "body.order_id" }
  queue       = { allowed_senders = [{ service = "sns", source_arn = aws_sns_topic.orders.arn }] }

  function = {
    environment       = { WORK_TABLE = aws_dynamodb_table.work.name }
    policy_statements = [{ actions = ["dynamodb:PutItem"], resources = [aws_dynamodb_table.work.arn] }]
  }
}

resource "aws_sns_topic_subscription" "billing" {
  topic_arn = aws_sns_topic.orders.arn
  protocol  = "sqs"
  endpoint  = module.billing.queue.arn
}

# Gets each order without an envelope, because raw_message_delivery is on.
module "shipping" {
  # checkov:skip=CKV_AWS_28:Recovery is on by default, but checkov does not see the default of an optional attribute.
  source = "../.."

  name        = "${var.name}-shipping"
  code        = { source_dir = "${path.module}/src" }
  processor   = "shipping.process"
  idempotency = { key = "body.order_id" }
  queue       = { allowed_senders = [{ service = "sns", source_arn = aws_sns_topic.orders.arn }] }

  function = {
    environment       = { WORK_TABLE = aws_dynamodb_table.work.name }
    policy_statements = [{ actions = ["dynamodb:PutItem"], resources = [aws_dynamodb_table.work.arn] }]
  }
}

resource "aws_sns_topic_subscription" "shipping" {
  topic_arn            = aws_sns_topic.orders.arn
  protocol             = "sqs"
  endpoint             = module.shipping.queue.arn
  raw_message_delivery = true
}

# This table takes the place of invoices and parcels. Each call adds a row, so you see if an order is billed twice.
resource "aws_dynamodb_table" "work" {
  # checkov:skip=CKV_AWS_119:AWS owns the key that encrypts this table. examples/complete uses a customer managed key.
  # checkov:skip=CKV_AWS_28:This table replaces a real service in the example, so it holds nothing to recover.
  name         = "${var.name}-work"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "work_id"

  attribute {
    name = "work_id"
    type = "S"
  }
}
