# The sources that no example has: each by its own key, and straight to the function by one expression.
terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.80, < 7"
    }
  }
}

provider "aws" {}

# No idempotency.key: events that S3 and EventBridge put into the queue have their own keys.
module "queued" {
  source = "MODULE_SOURCE"

  name      = "queued"
  code      = { source_dir = "${path.module}/src" }
  processor = "effects.process"

  queue = {
    allowed_senders = [
      { service = "events", source_arn = aws_cloudwatch_event_rule.queued.arn },
      { service = "s3", source_arn = aws_s3_bucket.files.arn },
    ]
  }

  function = {
    environment       = { CONSUMER = "queued", EFFECTS_TABLE = aws_dynamodb_table.effects.name }
    policy_statements = [{ actions = ["dynamodb:PutItem"], resources = [aws_dynamodb_table.effects.arn] }]
  }
}

module "straight" {
  source = "MODULE_SOURCE"

  name        = "straight"
  code        = { source_dir = "${path.module}/src" }
  processor   = "effects.process"
  idempotency = { key = "body.order_id || body.detail.order_id", lease_margin_seconds = 1 }

  function = {
    timeout_seconds   = 12
    environment       = { CONSUMER = "straight", EFFECTS_TABLE = aws_dynamodb_table.effects.name }
    policy_statements = [{ actions = ["dynamodb:PutItem"], resources = [aws_dynamodb_table.effects.arn] }]
  }

  allowed_triggers = {
    bus   = { service = "events", source_arn = aws_cloudwatch_event_rule.straight.arn }
    topic = { service = "sns", source_arn = aws_sns_topic.orders.arn }
  }
}

resource "aws_dynamodb_table" "effects" {
  name         = "effects"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "effect_id"

  attribute {
    name = "effect_id"
    type = "S"
  }
}

resource "aws_s3_bucket" "files" {
  bucket_prefix = "files-"
  force_destroy = true
}

resource "aws_s3_bucket_notification" "files" {
  bucket = aws_s3_bucket.files.id

  queue {
    queue_arn = module.queued.queue.arn
    events    = ["s3:ObjectCreated:*"]
  }
}

resource "aws_cloudwatch_event_rule" "queued" {
  name          = "queued"
  event_pattern = jsonencode({ source = ["queued"] })
}

resource "aws_cloudwatch_event_target" "queued" {
  rule = aws_cloudwatch_event_rule.queued.name
  arn  = module.queued.queue.arn
}

resource "aws_cloudwatch_event_rule" "straight" {
  name          = "straight"
  event_pattern = jsonencode({ source = ["straight"] })
}

resource "aws_cloudwatch_event_target" "straight" {
  rule = aws_cloudwatch_event_rule.straight.name
  arn  = module.straight.function.arn
}

resource "aws_sns_topic" "orders" {
  name = "orders"
}

resource "aws_sns_topic_subscription" "straight" {
  topic_arn = aws_sns_topic.orders.arn
  protocol  = "lambda"
  endpoint  = module.straight.function.arn
}

output "stack" {
  description = "The names of its parts."
  value = {
    bucket            = aws_s3_bucket.files.id
    dead_letter_queue = module.straight.dead_letter_queue.url
    effects_table     = aws_dynamodb_table.effects.name
    function          = module.straight.function.name
    log_groups        = [module.queued.function.log_group_name, module.straight.function.log_group_name]
    queue             = module.queued.queue.url
    topic             = aws_sns_topic.orders.arn
  }
}
