terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.80, < 7"
    }
  }
}

variable "emulator_url" {
  description = "Where effects and faults are written to."
  type        = string
}

variable "dynamodb_url" {
  description = "Where the package finds AWS: behind a proxy that breaks its calls to DynamoDB."
  type        = string
}

module "soak" {
  source = "MODULE_SOURCE"

  name        = "soak"
  code        = { source_dir = "${path.module}/src" }
  processor   = "chaos.process"
  idempotency = { key = "body.order_id", lease_margin_seconds = 1 }
  # A kill costs all its batch-mates a receive, and two messages that kill come in the same batch.
  queue = { max_receive_count = 12, maximum_concurrency = 3 }

  function = {
    timeout_seconds = 4

    environment = {
      AWS_ENDPOINT_URL    = var.dynamodb_url
      DIRECT_ENDPOINT_URL = var.emulator_url
      EFFECTS_TABLE       = aws_dynamodb_table.effects.name
      FAULTS_TABLE        = aws_dynamodb_table.faults.name
    }

    # The queue is named by pattern: its ARN comes from the module that gets these statements.
    policy_statements = [
      { actions = ["dynamodb:PutItem"], resources = [aws_dynamodb_table.effects.arn] },
      { actions = ["dynamodb:PutItem", "dynamodb:UpdateItem"], resources = [aws_dynamodb_table.faults.arn] },
      { actions = ["sqs:ChangeMessageVisibility", "sqs:GetQueueUrl"], resources = ["arn:*:sqs:*:*:soak"] },
    ]
  }
}

# One row per effect, whoever asks for it and how often.
resource "aws_dynamodb_table" "effects" {
  name         = "soak-effects"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "effect_id"

  attribute {
    name = "effect_id"
    type = "S"
  }
}

# What is to happen to which order: one row is one fault, which strikes once.
resource "aws_dynamodb_table" "faults" {
  name         = "soak-faults"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "fault_id"

  attribute {
    name = "fault_id"
    type = "S"
  }
}

output "dead_letter_queue_url" {
  description = "Holds what can never take effect."
  value       = module.soak.dead_letter_queue.url
}

output "effects_table_name" {
  description = "The table of effects."
  value       = aws_dynamodb_table.effects.name
}

output "faults_table_name" {
  description = "The table that says what happens to which order."
  value       = aws_dynamodb_table.faults.name
}

output "log_group_name" {
  description = "The function's log."
  value       = module.soak.function.log_group_name
}

output "queue_url" {
  description = "Takes the messages."
  value       = module.soak.queue.url
}
