# Six consumers of the same orders, each with another existing part. The parts are in existing.tf.
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

variable "renamed" {
  description = "Whether the owner's function, and the sharer and the queueless with all that is theirs, have other names."
  type        = bool
  default     = false
}

locals {
  # Short leases: some duplicates meet a live one, and wait for its end.
  idempotency = { key = "body.order_id", lease_margin_seconds = 1 }
  timeout     = 6
  code        = { source_dir = "${path.module}/src" }
  processor   = "effects.process"
  notes       = [{ actions = ["dynamodb:PutItem"], resources = [aws_dynamodb_table.effects.arn] }]
}

# Uses no existing part. Its function has all that a new name of it concerns: an alias, and who invokes that.
module "owner" {
  source = "MODULE_SOURCE"

  name             = "owner"
  code             = local.code
  processor        = local.processor
  idempotency      = local.idempotency
  table            = { shared = true }
  allowed_triggers = { topic = { service = "sns", source_arn = aws_sns_topic.orders.arn } }

  function = {
    name              = var.renamed ? "owner-2" : null
    alias             = "live"
    timeout_seconds   = local.timeout
    environment       = { CONSUMER = "owner", EFFECTS_TABLE = aws_dynamodb_table.effects.name }
    policy_statements = local.notes
  }
}

# Uses the owner's table, which does not exist yet when Terraform plans. The namespace is set, so it
# stays when the name changes.
module "sharer" {
  source = "MODULE_SOURCE"

  name        = var.renamed ? "sharer-2" : "sharer"
  code        = local.code
  processor   = local.processor
  idempotency = merge(local.idempotency, { namespace = "sharing" })
  table       = { existing = { arn = module.owner.table.arn } }

  function = {
    timeout_seconds   = local.timeout
    environment       = { CONSUMER = "sharer", EFFECTS_TABLE = aws_dynamodb_table.effects.name }
    policy_statements = local.notes
  }
}

module "fed" {
  source = "MODULE_SOURCE"

  name        = "fed"
  code        = local.code
  processor   = local.processor
  idempotency = local.idempotency

  queue = {
    existing = {
      arn                        = aws_sqs_queue.fed.arn
      max_receive_count          = jsondecode(aws_sqs_queue.fed.redrive_policy).maxReceiveCount
      message_retention_seconds  = aws_sqs_queue.fed.message_retention_seconds
      visibility_timeout_seconds = aws_sqs_queue.fed.visibility_timeout_seconds

      dead_letter_queue = {
        arn                       = aws_sqs_queue.fed_dead_letters.arn
        message_retention_seconds = aws_sqs_queue.fed_dead_letters.message_retention_seconds
        url                       = aws_sqs_queue.fed_dead_letters.url
      }
    }
  }

  function = {
    timeout_seconds   = local.timeout
    environment       = { CONSUMER = "fed", EFFECTS_TABLE = aws_dynamodb_table.effects.name }
    policy_statements = local.notes
  }
}

module "worker" {
  source = "MODULE_SOURCE"

  name        = "worker"
  processor   = local.processor
  idempotency = local.idempotency

  function = {
    existing = {
      arn             = aws_lambda_function.worker.arn
      role            = { name = aws_iam_role.worker.name }
      timeout_seconds = aws_lambda_function.worker.timeout
    }
  }
}

module "unattached" {
  source = "MODULE_SOURCE"

  name        = "unattached"
  processor   = local.processor
  idempotency = local.idempotency

  function = {
    existing = {
      arn             = aws_lambda_function.unattached.arn
      timeout_seconds = aws_lambda_function.unattached.timeout
    }
  }
}

module "queueless" {
  source = "MODULE_SOURCE"

  name             = var.renamed ? "queueless-2" : "queueless"
  code             = local.code
  processor        = local.processor
  idempotency      = local.idempotency
  queue            = null
  allowed_triggers = { topic = { service = "sns", source_arn = aws_sns_topic.orders.arn } }

  function = {
    timeout_seconds   = local.timeout
    environment       = { CONSUMER = "queueless", EFFECTS_TABLE = aws_dynamodb_table.effects.name }
    policy_statements = local.notes
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

resource "aws_sns_topic" "orders" {
  name = "orders"
}

resource "aws_sns_topic_subscription" "owner" {
  topic_arn = aws_sns_topic.orders.arn
  protocol  = "lambda"
  endpoint  = module.owner.function.target_arn
}

resource "aws_sns_topic_subscription" "queueless" {
  topic_arn = aws_sns_topic.orders.arn
  protocol  = "lambda"
  endpoint  = module.queueless.function.target_arn
}

output "stack" {
  description = "The names of its parts, by consumer where each has one."
  value = {
    effects = aws_dynamodb_table.effects.name
    topic   = aws_sns_topic.orders.arn

    dead_letter_queues = {
      fed       = module.fed.dead_letter_queue.url
      queueless = module.queueless.dead_letter_queue.url
    }
    invoked = {
      owner     = module.owner.function.target_arn
      queueless = module.queueless.function.target_arn
    }
    queues = {
      owner      = module.owner.queue.url
      sharer     = module.sharer.queue.url
      fed        = aws_sqs_queue.fed.url
      worker     = module.worker.queue.url
      unattached = module.unattached.queue.url
    }
    tables = {
      owner      = module.owner.table.name
      sharer     = module.sharer.table.name
      fed        = module.fed.table.name
      worker     = module.worker.table.name
      unattached = module.unattached.table.name
      queueless  = module.queueless.table.name
    }
  }
}
