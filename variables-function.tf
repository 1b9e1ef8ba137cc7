variable "function" {
  description = <<-EOT
    The Lambda function. It is invoked by the module's mappings, and by `allowed_triggers`.
    - `alias` (1 to 128 letters, digits, - and _, not only digits): publishes a version at every change of the
      function, and has an alias of this name point to the newest; mappings and allowed_triggers then use the alias.
    - `architecture` (`arm64` or `x86_64`): of the processor.
    - `environment` (names not of Lambda, nor starting with `IDEMPOTENCY_`; 4 KB in all): variables for your
      code.
    - `ephemeral_storage_mb` (512 to 10240 MB): size of `/tmp`.
    - `existing.arn` (of a function in this account and Region, or of its alias): a function that exists,
      instead of one that the module creates. Give it the output `environment`; it must run the package
      `idempotent_lambda`.
    - `existing.role.name` (of the function's role): where the module adds its policy. Without it, attach the
      output `policy` before the function is created, because Lambda refuses mappings until the role may read.
    - `existing.timeout_seconds` (3 to 900 s): the function's own timeout; it cannot be looked up.
    - `handler` (`module.function`, up to 128 characters): the entry point; the default calls `processor` once
      per idempotency key. Another one is on its own: set `processor` to null.
    - `layers` (up to 5 ARNs of layer versions): not for an image.
    - `memory_size_mb` (128 to 10240 MB): the CPU grows with it.
    - `name` (1 to 64 letters, digits, - and _): `name` when null. Changing it creates the function anew, with
      its role and log group; queues and table stay.
    - `permissions_boundary_arn` (of an IAM policy): the boundary of the function's role.
    - `policy_statements.sid` (letters and digits, each once): a name for the statement.
    - `policy_statements.actions` (at least one): what your code may do, added to the role.
    - `policy_statements.resources` (at least one): on which resources.
    - `policy_statements.conditions` (operators, then condition keys, then values): when, as in IAM.
    - `reserved_concurrency` (0 or more; at least `queue.maximum_concurrency`, which it needs while the queue
      is enabled): the most instances at a time, kept free for this function. When null, it shares the
      account's.
    - `runtime` (`python3.11` or newer): not for an image.
    - `timeout_seconds` (3 to 900 s): for a whole batch.
    - `tracing` (true or false): whether X-Ray traces are sent.
    - `vpc.security_group_ids` (1 to 5): the function's. It must reach DynamoDB and SQS: through VPC endpoints
      or a NAT gateway.
    - `vpc.subnet_ids` (1 to 16): the subnets to attach it to.
    - `wrapper` (`module.function`, up to 128 characters): the handler of a monitoring service, from a layer
      or from your packages, which then calls the built-in entry point. The module sets the variable that
      tells Datadog, New Relic or Sentry which handler to call; for another wrapper, set it in `environment`.
  EOT
  nullable    = false
  default     = {}

  type = object({
    alias                = optional(string)
    architecture         = optional(string, "arm64")
    environment          = optional(map(string), {})
    ephemeral_storage_mb = optional(number, 512)
    existing = optional(object({
      arn             = string
      role            = optional(object({ name = string }))
      timeout_seconds = number
    }))
    handler                  = optional(string, "idempotent_lambda.entrypoint.handler")
    layers                   = optional(list(string), [])
    memory_size_mb           = optional(number, 256)
    name                     = optional(string)
    permissions_boundary_arn = optional(string)
    policy_statements = optional(list(object({
      sid        = optional(string)
      actions    = list(string)
      resources  = list(string)
      conditions = optional(map(map(list(string))), {})
    })), [])
    reserved_concurrency = optional(number)
    runtime              = optional(string, "python3.13")
    timeout_seconds      = optional(number, 30)
    tracing              = optional(bool, true)
    vpc = optional(object({
      security_group_ids = list(string)
      subnet_ids         = list(string)
    }))
    wrapper = optional(string)
  })

  validation {
    condition     = var.function.alias == null ? true : can(regex("^[A-Za-z0-9_-]*[A-Za-z_-][A-Za-z0-9_-]*$", var.function.alias)) && length(var.function.alias) <= 128
    error_message = "function.alias = \"${var.function.alias == null ? "null" : var.function.alias}\" is not 1 to 128 letters, digits, - and _, not only digits. Set for example \"live\", or null for no alias."
  }

  validation {
    condition     = contains(["arm64", "x86_64"], var.function.architecture)
    error_message = "function.architecture = \"${var.function.architecture}\" is not one of arm64, x86_64. Choose arm64 unless a dependency is built for x86_64 only."
  }

  validation {
    condition     = alltrue([for name in keys(var.function.environment) : can(regex("^[A-Za-z][A-Za-z0-9_]+$", name))])
    error_message = "function.environment has the names ${jsonencode([for name in keys(var.function.environment) : name if !can(regex("^[A-Za-z][A-Za-z0-9_]+$", name))])}; Lambda takes two or more letters, digits and _, a letter first. Rename them."
  }

  validation {
    condition     = !anytrue([for name in keys(var.function.environment) : startswith(name, "IDEMPOTENCY_")])
    error_message = "function.environment sets ${join(", ", [for name in keys(var.function.environment) : name if startswith(name, "IDEMPOTENCY_")])}; names starting with IDEMPOTENCY_ are the module's. Use the variables idempotency and processor instead."
  }

  validation {
    condition     = length(setintersection(keys(var.function.environment), local.reserved_environment)) == 0
    error_message = "function.environment sets ${join(", ", setintersection(keys(var.function.environment), local.reserved_environment))}, which Lambda reserves and sets itself. Remove or rename it."
  }

  validation {
    condition     = floor(var.function.ephemeral_storage_mb) == var.function.ephemeral_storage_mb && var.function.ephemeral_storage_mb >= 512 && var.function.ephemeral_storage_mb <= 10240
    error_message = "function.ephemeral_storage_mb = ${var.function.ephemeral_storage_mb} is not a whole number from 512 to 10240 (MB). Set one in that range."
  }

  validation {
    condition     = var.function.existing == null ? true : can(regex("^arn:[^:]+:lambda:[^:]+:[0-9]{12}:function:[A-Za-z0-9_-]+(:[A-Za-z0-9_-]+)?$", var.function.existing.arn))
    error_message = "function.existing.arn = \"${try(coalesce(var.function.existing.arn), "null")}\" is not the ARN of a function or of its alias. Give the function's arn."
  }

  validation {
    condition     = try(floor(var.function.existing.timeout_seconds) == var.function.existing.timeout_seconds && var.function.existing.timeout_seconds >= 3 && var.function.existing.timeout_seconds <= 900, var.function.existing == null)
    error_message = "function.existing.timeout_seconds = ${try(var.function.existing.timeout_seconds, 0)} is not a whole number from 3 to 900 (seconds). Give the function's own timeout; raise that if it is less."
  }

  validation {
    condition     = var.function.existing == null ? true : alltrue([for name, value in local.function_defaults : jsonencode(var.function[name]) == jsonencode(value)])
    error_message = "function.existing stands beside ${join(", ", [for name, value in local.function_defaults : "function.${name}" if jsonencode(var.function[name]) != jsonencode(value)])}, which only a function that the module creates takes. Set that where the function is declared, or remove function.existing."
  }

  validation {
    condition     = can(regex("^[^.\\s]\\S*\\.[A-Za-z_][A-Za-z0-9_]*$", var.function.handler)) && length(var.function.handler) <= 128
    error_message = "function.handler = \"${var.function.handler}\" is not \"module.function\" of at most 128 characters. Leave it unset to use the built-in entry point with processor."
  }

  validation {
    condition     = length(var.function.layers) <= 5
    error_message = "function.layers has ${length(var.function.layers)} layers; Lambda takes 5. Remove some, or put what they hold into one."
  }

  validation {
    condition     = alltrue([for layer in var.function.layers : can(regex("^arn:[^:]+:lambda:[^:]+:[0-9]{12}:layer:[A-Za-z0-9_-]+:[0-9]+$", layer))])
    error_message = "function.layers has ${jsonencode([for layer in var.function.layers : layer if !can(regex("^arn:[^:]+:lambda:[^:]+:[0-9]{12}:layer:[A-Za-z0-9_-]+:[0-9]+$", layer))])}, not ARNs of layer versions. Give the arn of aws_lambda_layer_version, which ends in the version's number."
  }

  validation {
    condition     = floor(var.function.memory_size_mb) == var.function.memory_size_mb && var.function.memory_size_mb >= 128 && var.function.memory_size_mb <= 10240
    error_message = "function.memory_size_mb = ${var.function.memory_size_mb} is not a whole number from 128 to 10240 (MB). Set one in that range."
  }

  validation {
    condition     = var.function.name == null ? true : can(regex("^[A-Za-z0-9_-]{1,64}$", var.function.name))
    error_message = "function.name = \"${var.function.name == null ? "null" : var.function.name}\" is not 1 to 64 letters, digits, - and _. Correct it, or leave it unset for the module's name."
  }

  validation {
    condition     = var.function.permissions_boundary_arn == null ? true : can(regex("^arn:[^:]+:iam::([0-9]{12}|aws):policy/.+$", var.function.permissions_boundary_arn))
    error_message = "function.permissions_boundary_arn = \"${var.function.permissions_boundary_arn == null ? "null" : var.function.permissions_boundary_arn}\" is not the ARN of an IAM policy. Give the policy's arn, or null for no boundary."
  }

  validation {
    condition     = alltrue([for statement in var.function.policy_statements : length(statement.actions) > 0])
    error_message = "function.policy_statements has a statement without actions (number ${join(", ", [for index, statement in var.function.policy_statements : index + 1 if length(statement.actions) == 0])}); each needs at least one. Name the actions that your code uses, or remove the statement."
  }

  validation {
    condition     = alltrue([for statement in var.function.policy_statements : length(statement.resources) > 0])
    error_message = "function.policy_statements has a statement without resources (number ${join(", ", [for index, statement in var.function.policy_statements : index + 1 if length(statement.resources) == 0])}); each needs at least one. Name the ARNs that your code uses, or remove the statement."
  }

  validation {
    condition     = alltrue([for statement in var.function.policy_statements : can(regex("^[A-Za-z0-9]+$", coalesce(statement.sid, "none")))])
    error_message = "function.policy_statements has the sids ${jsonencode([for statement in var.function.policy_statements : statement.sid if !can(regex("^[A-Za-z0-9]+$", coalesce(statement.sid, "none")))])}; IAM takes letters and digits only. Rename or remove them."
  }

  validation {
    condition     = length(distinct([for statement in var.function.policy_statements : statement.sid if statement.sid != null])) == length([for statement in var.function.policy_statements : statement.sid if statement.sid != null])
    error_message = "function.policy_statements has the sids ${jsonencode([for statement in var.function.policy_statements : statement.sid if statement.sid != null])}; IAM takes each only once in a policy. Rename or remove the repeated ones."
  }

  validation {
    condition     = var.function.reserved_concurrency == null ? true : floor(var.function.reserved_concurrency) == var.function.reserved_concurrency && var.function.reserved_concurrency >= 0
    error_message = "function.reserved_concurrency = ${coalesce(var.function.reserved_concurrency, "null")} is not a whole number of at least 0 (instances). Set one, or null to share the account's."
  }

  validation {
    condition     = can(regex("^python3\\.[0-9]+$", var.function.runtime)) ? tonumber(split(".", var.function.runtime)[1]) >= 11 : false
    error_message = "function.runtime = \"${var.function.runtime}\" is not python3.11 or newer, which the package idempotent_lambda needs. Set for example \"python3.13\"."
  }

  validation {
    condition     = floor(var.function.timeout_seconds) == var.function.timeout_seconds && var.function.timeout_seconds >= 3 && var.function.timeout_seconds <= 900
    error_message = "function.timeout_seconds = ${var.function.timeout_seconds} is not a whole number from 3 to 900 (seconds): less would not hold a slow claim, and Lambda takes no more. Set one in that range."
  }

  # https://docs.aws.amazon.com/lambda/latest/api/API_VpcConfig.html
  validation {
    condition     = try(length(var.function.vpc.security_group_ids) >= 1 && length(var.function.vpc.security_group_ids) <= 5, var.function.vpc == null)
    error_message = "function.vpc.security_group_ids has ${try(length(var.function.vpc.security_group_ids), 0)} groups, not 1 to 5. Name at least one, which lets the function reach DynamoDB and SQS."
  }

  validation {
    condition     = try(length(var.function.vpc.subnet_ids) >= 1 && length(var.function.vpc.subnet_ids) <= 16, var.function.vpc == null)
    error_message = "function.vpc.subnet_ids has ${try(length(var.function.vpc.subnet_ids), 0)} subnets, not 1 to 16. Name two or more in different zones."
  }

  validation {
    condition     = var.function.wrapper == null ? true : can(regex("^[^.\\s]\\S*\\.[A-Za-z_][A-Za-z0-9_]*$", var.function.wrapper)) && length(var.function.wrapper) <= 128
    error_message = "function.wrapper = \"${var.function.wrapper == null ? "null" : var.function.wrapper}\" is not \"module.function\" of at most 128 characters. Give the handler that the monitoring service documents, such as \"datadog_lambda.handler.handler\"."
  }

  validation {
    condition     = var.function.wrapper == null || var.function.handler == local.builtin_handler
    error_message = "function.wrapper = \"${var.function.wrapper == null ? "null" : var.function.wrapper}\" is set together with function.handler = \"${var.function.handler}\", and a wrapper calls the built-in entry point. Remove one of the two."
  }
}

# What only a part takes that the module creates, with the defaults above (a test compares them): with
# `function.existing`, these must keep their defaults.
locals {
  function_defaults = {
    alias                    = null
    architecture             = "arm64"
    environment              = {}
    ephemeral_storage_mb     = 512
    handler                  = local.builtin_handler
    layers                   = []
    memory_size_mb           = 256
    name                     = null
    permissions_boundary_arn = null
    policy_statements        = []
    reserved_concurrency     = null
    runtime                  = "python3.13"
    timeout_seconds          = 30
    tracing                  = true
    vpc                      = null
    wrapper                  = null
  }
}
