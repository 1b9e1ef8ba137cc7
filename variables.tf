variable "allowed_triggers" {
  description = <<-EOT
    What may invoke the function directly, without the queue, by a name of your choice (1 to 100 letters,
    digits, - and _). Events that fail to the end of Lambda's retries go to the dead-letter queue; so none
    with a FIFO queue, and none with an existing function.
    - `service` (`events`, `s3` or `sns`): who invokes.
    - `source_arn` (of the EventBridge rule, S3 bucket or standard SNS topic): for what. A bucket must be of
      this account.
  EOT
  nullable    = false
  default     = {}

  type = map(object({
    service    = string
    source_arn = string
  }))

  validation {
    condition     = alltrue([for name in keys(var.allowed_triggers) : can(regex("^[A-Za-z0-9_-]{1,100}$", name))])
    error_message = "allowed_triggers has the names ${jsonencode([for name in keys(var.allowed_triggers) : name if !can(regex("^[A-Za-z0-9_-]{1,100}$", name))])}; Lambda takes 1 to 100 letters, digits, - and _. Rename them."
  }

  validation {
    condition     = alltrue([for trigger in var.allowed_triggers : contains(local.services, coalesce(trigger.service, "null"))])
    error_message = "allowed_triggers has the services ${jsonencode([for trigger in var.allowed_triggers : trigger.service if !contains(local.services, coalesce(trigger.service, "null"))])}, not ${join(", ", local.services)}. For others, add an aws_lambda_permission of your own."
  }

  validation {
    condition     = alltrue([for trigger in var.allowed_triggers : can(regex(local.source_arns[trigger.service], trigger.source_arn)) || !contains(local.services, coalesce(trigger.service, "null"))])
    error_message = "allowed_triggers has the source_arns ${jsonencode([for trigger in var.allowed_triggers : trigger.source_arn if !can(regex(local.source_arns[trigger.service], trigger.source_arn))])}, which are not of their services. Give the ARN of the EventBridge rule, the S3 bucket or the SNS topic."
  }

  # https://docs.aws.amazon.com/sns/latest/dg/fifo-topic-message-delivery.html
  validation {
    condition     = !anytrue([for trigger in var.allowed_triggers : coalesce(trigger.service, "null") == "sns" && endswith(coalesce(trigger.source_arn, "null"), ".fifo")])
    error_message = "allowed_triggers has FIFO topics, ${jsonencode([for trigger in var.allowed_triggers : trigger.source_arn if endswith(coalesce(trigger.source_arn, "null"), ".fifo")])}, which deliver to queues only. Use queue.allowed_senders."
  }
}

variable "dashboard" {
  description = <<-EOT
    Whether there is a CloudWatch dashboard of the queues, the function, the table and the messages, named
    `name`-Region. It costs about $3 a month if the account has three already, and needs
    `idempotency.metrics`. Limit: true or false.
  EOT
  type        = bool
  nullable    = false
  default     = false
}

variable "kms_key_arn" {
  description = <<-EOT
    A KMS key of yours for everything that the module creates: table, both queues, logs, the function's
    environment, filters. When null, DynamoDB and SQS use keys that AWS manages. The role gets what it needs
    of the key; what its own policy must allow stands in docs/security.md, and docs/upgrading.md how to change
    or remove it: a table keeps the key that it had. Limit: the ARN of a symmetric key, not of an alias.
  EOT
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null ? true : can(regex(local.kms_key_arn, var.kms_key_arn))
    error_message = "kms_key_arn = \"${var.kms_key_arn == null ? "null" : var.kms_key_arn}\" is not the ARN of a KMS key; aliases can be moved to another key. Give the arn of aws_kms_key, or null for keys that AWS manages."
  }
}

variable "logs" {
  description = <<-EOT
    The log group that is created with the function:
    - `retention_days` (one of the values CloudWatch Logs takes: 1, 3, 5, 7, 14, 30, 60, 90 … 3653 days; 0
      keeps them for ever): how long log lines are kept.
  EOT
  nullable    = false
  default     = {}

  type = object({
    retention_days = optional(number, 30)
  })

  validation {
    condition     = contains(local.log_retention_days, var.logs.retention_days)
    error_message = "logs.retention_days = ${var.logs.retention_days} is not one of ${join(", ", local.log_retention_days)} (days; 0 is for ever). Choose the next larger."
  }
}

variable "name" {
  description = <<-EOT
    Names everything the module creates. Changing it creates everything anew; what was in queues and table
    stays behind, so read docs/upgrading.md first. Limit: 1 to 64 letters, digits, - and _; 62 with a FIFO
    queue that the module creates.
  EOT
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]*$", var.name))
    error_message = "name = \"${var.name}\" holds other characters than letters, digits, - and _, which names of functions and queues do not take. Replace them with -; for a FIFO queue set queue.fifo, which adds .fifo."
  }

  validation {
    condition     = length(var.name) >= 1 && length(var.name) <= 64
    error_message = "name = \"${var.name}\" has ${length(var.name)} characters; a function's name takes 1 to 64. Shorten it or set one."
  }
}

variable "processor" {
  description = <<-EOT
    Your code, as `"module.function"` (dots in the module's path are fine); called as `function(message)` once
    per idempotency key. Returning means done; raising an Exception means not done: the message is delivered
    again. Null only with a `function.handler` or `function.existing` of your own. Limit: `module.function`,
    its module in `code.source_dir` if that is set.
  EOT
  type        = string
  default     = null

  validation {
    condition     = var.processor == null ? true : can(regex("^[A-Za-z_][A-Za-z0-9_]*(\\.[A-Za-z_][A-Za-z0-9_]*)+$", var.processor)) && !endswith(var.processor, ".py")
    error_message = "processor = \"${coalesce(var.processor, "null")}\" is not \"module.function\". For process() in orders.py write \"orders.process\"."
  }
}

variable "tags" {
  description = "Tags for everything that takes them, beside the provider's default tags. Limit: 50 in all, as AWS takes."
  type        = map(string)
  nullable    = false
  default     = {}
}
