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

variable "max_receive_count" {
  description = "So many receives that no injected fault uses them up for a good message."
  type        = number
}

variable "proxy_url" {
  description = "Where the package finds DynamoDB: behind a proxy that breaks its calls."
  type        = string
}

module "soak" {
  source = "MODULE_SOURCE"

  name        = "soak"
  code        = { source_dir = "${path.module}/src" }
  processor   = "chaos.process"
  idempotency = { key = "body.order_id", lease_margin_seconds = 1 }
  queue       = { max_receive_count = var.max_receive_count, maximum_concurrency = 3 }

  function = {
    timeout_seconds = 4

    environment = {
      AWS_ENDPOINT_URL    = var.proxy_url
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

output "stack" {
  description = "The names of its parts."
  value = {
    dead_letter_queue_url = module.soak.dead_letter_queue.url
    effects_table         = aws_dynamodb_table.effects.name
    faults_table          = aws_dynamodb_table.faults.name
    log_group_name        = module.soak.function.log_group_name
    queue_url             = module.soak.queue.url
  }
}
