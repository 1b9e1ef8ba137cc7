variable "allowed_triggers" {
  description = <<-EOT
    Services that may invoke the function directly, without the queue, each by a name of your choice (1 to 100 letters,
    digits, - and _). An event that fails until the end of Lambda's retries goes to the dead-letter queue. So a FIFO
    queue and an existing function take no triggers. An event may have 1 MB. With hashicorp/aws 6.8, the dead-letter
    queue takes 1 MiB. With 5.x it takes 256 KiB: Lambda **deletes** a larger event that fails, and the alarm
    `dead_letter_errors` starts. If the dead-letter queue exists already, set its `max_message_size` to 1048576.
    - `service` (`events`, `s3` or `sns`): this service may invoke the function.
    - `source_arn` (of the EventBridge rule, S3 bucket or standard SNS topic): the service may invoke it for this source
      only. A bucket must be in this account.
  EOT
  nullable    = false
  default     = {}

  type = map(object({
    service    = string
    source_arn = string
  }))

  validation {
    condition = alltrue([for name in keys(var.allowed_triggers) : can(regex("^[A-Za-z0-9_-]{1,100}$", name))])
    error_message = nonsensitive(join("", [for part in [
      "allowed_triggers has the names ", jsonencode(keys(var.allowed_triggers)), "; Lambda takes 1 to 100 letters, ",
      "digits, - and _ in each. Rename the others.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  # In the other rules, [*][*] leaves out what is null.
  validation {
    condition = alltrue([for trigger in values(var.allowed_triggers) : trigger != null])
    error_message = nonsensitive(join("", [for part in [
      "allowed_triggers is null at ", join(", ", [for name, trigger in var.allowed_triggers : name if trigger == null]),
      "; each must be an object. Remove the others.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = alltrue([
      for service in flatten(values(var.allowed_triggers)[*][*].service) :
      contains(local.services, coalesce(service, "null"))
    ])
    error_message = nonsensitive(join("", [for part in [
      "allowed_triggers has the services ", jsonencode(flatten(values(var.allowed_triggers)[*][*].service)), "; each ",
      "must be one of ${join(", ", local.services)}. For another service, add an aws_lambda_permission instead.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  # The rule above reports a service that is unknown here.
  validation {
    condition = alltrue([
      for trigger in flatten(values(var.allowed_triggers)[*][*]) :
      contains(local.services, coalesce(trigger.service, "null")) ?
      can(regex(local.source_arns[trigger.service], trigger.source_arn)) : true
    ])
    error_message = nonsensitive(join("", [for part in [
      "allowed_triggers has the source_arns ", jsonencode(flatten(values(var.allowed_triggers)[*][*].source_arn)), "; ",
      "each must be of its service. Give the ARN of the EventBridge rule, the S3 bucket or the SNS topic.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  # https://docs.aws.amazon.com/sns/latest/dg/fifo-topic-message-delivery.html
  validation {
    condition = alltrue([
      for trigger in flatten(values(var.allowed_triggers)[*][*]) :
      coalesce(trigger.service, "null") != "sns" || !endswith(coalesce(trigger.source_arn, "null"), ".fifo")
    ])
    error_message = nonsensitive(join("", [for part in [
      "allowed_triggers has the source_arns ", jsonencode(flatten(values(var.allowed_triggers)[*][*].source_arn)), "; ",
      "a FIFO topic delivers to queues only. Use queue.allowed_senders for it.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }
}

variable "dashboard" {
  description = <<-EOT
    Whether the module creates a CloudWatch dashboard of the queues, the function, the table and the messages, named
    `name`-Region. It costs about $3 a month if the account has three already, and needs `idempotency.metrics`.
  EOT
  type        = bool
  nullable    = false
  default     = false
}

variable "kms_key_arn" {
  description = <<-EOT
    The ARN of a symmetric KMS key of yours, not of an alias. It encrypts everything that the module creates: table,
    both queues, logs, the function's environment and filters. When null, DynamoDB and SQS use keys that AWS manages.
    `table.kms_key_arn`, `queue.kms_key_arn`, `function.kms_key_arn` and `logs.kms_key_arn` name another key for a part.
    The role gets the permissions that it needs for the key. docs/security.md lists the permissions that the key's own
    policy must give, and docs/upgrading.md explains how to change or remove the key: a table keeps the key that it had.
  EOT
  type        = string
  default     = null

  validation {
    condition = var.kms_key_arn == null ? true : can(regex(local.kms_key_arn, var.kms_key_arn))
    error_message = nonsensitive(join("", [for part in [
      "kms_key_arn = ", jsonencode(var.kms_key_arn), " is not the ARN of a KMS key; aliases can be moved to another ",
      "key. Give the arn of aws_kms_key, or null for keys that AWS manages.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }
}

variable "logs" {
  description = <<-EOT
    The log group that the module creates with the function, and what Lambda writes to it:
    - `application_level` (`TRACE`, `DEBUG`, `INFO`, `WARN`, `ERROR` or `FATAL`): Lambda drops lines of your code and of
      the package below this level, but never metrics; docs/logs.md lists what each level drops.
    - `class` (`STANDARD` or `INFREQUENT_ACCESS`): the class of the log group; when null, `STANDARD` for a new one. The
      second costs half as much and has no metrics. If you change it, Terraform replaces the log group with its lines.
    - `kms_key_arn` (ARN of a KMS key): your key for the log group. When null, the module's `kms_key_arn`.
    - `retention_days` (1, 3, 5, 7, 14, 30, 60, 90 … 3653 days, as CloudWatch Logs takes; 0 keeps them forever):
      CloudWatch Logs keeps log lines this long.
    - `system_level` (`DEBUG`, `INFO` or `WARN`): Lambda drops its own lines below this level.
    - `tags`: tags of the log group, in addition to the module's `tags`.
  EOT
  nullable    = false
  default     = {}

  type = object({
    application_level = optional(string, "INFO")
    class             = optional(string)
    kms_key_arn       = optional(string)
    retention_days    = optional(number, 30)
    system_level      = optional(string, "INFO")
    tags              = optional(map(string), {})
  })

  validation {
    condition = contains(local.log_levels, var.logs.application_level)
    error_message = nonsensitive(join("", [for part in [
      "logs.application_level = \"", var.logs.application_level, "\" is not one of ${join(", ", local.log_levels)}. ",
      "Choose INFO unless you want more or fewer lines.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  # A group of the class DELIVERY cannot be queried, and keeps lines for one day, whatever retention_days says:
  # https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html
  validation {
    condition = contains(["STANDARD", "INFREQUENT_ACCESS"], coalesce(var.logs.class, "STANDARD"))
    error_message = nonsensitive(join("", [for part in [
      "logs.class = ", jsonencode(var.logs.class), " is not one of STANDARD, INFREQUENT_ACCESS; a class that nobody ",
      "can query would hide what failed. Choose STANDARD if you want metrics.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = contains(["DEBUG", "INFO", "WARN"], var.logs.system_level)
    error_message = nonsensitive(join("", [for part in [
      "logs.system_level = \"", var.logs.system_level, "\" is not one of DEBUG, INFO, WARN. Choose INFO unless you ",
      "want more or fewer lines of Lambda's own.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = var.logs.kms_key_arn == null ? true : can(regex(local.kms_key_arn, var.logs.kms_key_arn))
    error_message = nonsensitive(join("", [for part in [
      "logs.kms_key_arn = ", jsonencode(var.logs.kms_key_arn), " is not the ARN of a KMS key. Give the arn of ",
      "aws_kms_key, or null for the module's kms_key_arn.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = contains(local.log_retention_days, var.logs.retention_days)
    error_message = nonsensitive(join("", [for part in [
      "logs.retention_days = ", var.logs.retention_days, " is not one of ${join(", ", local.log_retention_days)} ",
      "(days; 0 is forever). Choose the next larger.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }
}

variable "name" {
  description = <<-EOT
    The name of everything that the module creates and that has no name of yours: 1 to 64 letters, digits, - and _, or
    at most 62 with a FIFO queue, unless `queue.dead_letter_queue.name` is set. If you change it, Terraform replaces
    everything, and the content of queues and table does not move, so read docs/upgrading.md first.
  EOT
  type        = string
  nullable    = false

  validation {
    condition = can(regex("^[A-Za-z0-9_-]*$", var.name))
    error_message = nonsensitive(join("", [for part in [
      "name = \"", var.name, "\" holds other characters than letters, digits, - and _, which names of functions and ",
      "queues do not take. Replace them with -; for a FIFO queue set queue.fifo, which adds .fifo.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = length(var.name) >= 1 && length(var.name) <= 64
    error_message = nonsensitive(join("", [for part in [
      "name = \"", var.name, "\" has ", length(var.name), " characters; a function's name takes 1 to 64. Shorten it ",
      "or set one.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }
}

variable "processor" {
  description = <<-EOT
    Your code, as `"module.function"` (the module's path may have dots; if `code.source_dir` is set, the module must be
    there or in your packages, and a module that is there must define the function). The package calls it as
    `function(message)` once per idempotency key. If it returns, the message is done.
    If it raises an Exception, the message is not done and is delivered again. Null only with a `function.handler` or
    `function.existing` of yours.
  EOT
  type        = string
  default     = null

  validation {
    condition = var.processor == null ? true : (
      can(regex("^[A-Za-z_][A-Za-z0-9_]*(\\.[A-Za-z_][A-Za-z0-9_]*)+$", var.processor)) &&
      !endswith(var.processor, ".py")
    )
    error_message = nonsensitive(join("", [for part in [
      "processor = ", jsonencode(var.processor), " is not \"module.function\". For process() in orders.py write ",
      "\"orders.process\".",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }
}

variable "tags" {
  description = <<-EOT
    Tags for everything that takes them, in addition to the provider's default tags. AWS takes at most 50 in all; the
    module checks this without the default tags, which it does not see. A key has 1 to 128 characters and does not start
    with `aws:`, a value has up to 256: letters, digits, spaces and _.:/=+-@. `function.tags`, `queue.tags`,
    `table.tags`, `logs.tags` and `alarms.tags` add to them, or replace a tag with the same key.
  EOT
  type        = map(string)
  nullable    = false
  default     = {}
}
