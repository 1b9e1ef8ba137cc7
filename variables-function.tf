variable "function" {
  description = <<-EOT
    The Lambda function. The module's event source mappings invoke it, and so do `allowed_triggers`.
    - `alias` (1 to 128 letters, digits, - and _, not only digits): the name of an alias. With it, the module
      publishes a version at each change of the function, and the alias points to the newest one. Mappings and
      `allowed_triggers` then use the alias.
    - `alias_weights` (one version number with its share, above 0 and at most 1): the share of `alias` that an older
      version keeps, such as `{ "7" = 0.9 }`, while you try the newest one. docs/deployments.md has the steps.
    - `architecture` (`arm64` or `x86_64`): the architecture of the processor.
    - `environment` (4 KB in all, with the module's own variables): environment variables for your code. Lambda
      reserves some names, and the module those that start with `IDEMPOTENCY_`.
    - `ephemeral_storage_mb` (512 to 10240 MB): the size of `/tmp`.
    - `existing.arn` (ARN of a function in this account and Region, or of its alias): an existing function,
      which the module uses instead of creating one. Give it the output `environment`; it must run the package
      `idempotent_lambda`.
    - `existing.role.name`: the name of the function's role. The module adds its policy to that role. Without
      it, attach the output `policy` before you create the function, because Lambda refuses mappings until the
      role may read.
    - `existing.timeout_seconds` (3 to 5400 s): the function's timeout, which the module cannot look up.
    - `handler` (`module.function`, up to 128 characters): the entry point. The default calls `processor` once
      per idempotency key. If you set another one, set `processor` to null; its module must be in `code.source_dir`
      if that is set, in your packages or in a layer.
    - `kms_key_arn` (ARN of a KMS key): your key for the environment, and for the filters of the mappings. When
      null, the module's `kms_key_arn`.
    - `layers` (up to 5 ARNs of layer versions, each layer once): the function's layers. Lambda adds none to an image.
    - `memory_size_mb` (128 to 10240 MB): the memory. The CPU grows with it.
    - `name` (1 to 64 letters, digits, - and _): the function's name; when null, the module's `name`. If you
      change it, Terraform replaces the function, its role and its log group; queues and table stay.
    - `permissions_boundary_arn` (ARN of an IAM policy): the permissions boundary of the function's role.
    - `policy_statements.effect` (`Allow` or `Deny`): whether your code may take the actions.
    - `policy_statements.sid` (letters and digits, each once): the name of a statement. The module adds the
      statements to the policy of the function's role.
    - `policy_statements.actions` (at least one, as `service:Action`): the actions that the statement is about.
    - `policy_statements.resources` (at least one ARN, or `*`): the resources that it is about.
    - `policy_statements.conditions`: the conditions, as IAM has them: operators, then condition keys, then
      values. IAM takes 10240 characters in all statements of a role, the module's own included.
    - `provisioned_concurrency` (1 or more, at most `reserved_concurrency`): the instances of `alias` that Lambda keeps
      initialized, at a price. It excludes `alias_weights` and `snap_start`.
    - `reserved_concurrency` (0 or more): the most instances at a time, which Lambda reserves for this function.
      While the queue is enabled, this must cover `queue.maximum_concurrency` or the invocations of
      `queue.provisioned_poller_config`. When null, the function shares the account's concurrency.
    - `role.managed_policy_arns` (up to 10 ARNs of IAM policies, or 20 if AWS raises your quota; each once): managed
      policies that the module attaches to the function's role, each under a name of your choice.
    - `role.name` (1 to 64 letters, digits and +=,.@_-): the role's name, which must be free in the account, in all
      Regions. When null, IAM adds a unique end to the function's name.
    - `role.path` (begins and ends with /, up to 512 characters): the role's path, for naming policies.
    - `runtime` (`python3.11` or newer; `python3.14`: hashicorp/aws 6.20): the Python runtime. An image does not use it.
    - `snap_start`: whether instances start from a snapshot of the initialized function, at a price. It needs `alias`,
      `python3.12` or newer, and `ephemeral_storage_mb` of 512.
    - `tags`: tags of the function and its role, in addition to the module's `tags`. In the keys of a role, IAM
      does not distinguish upper and lower case.
    - `timeout_seconds` (3 to 1800 s; above 900: hashicorp/aws after 6.69.1): the timeout of an invocation, which
      processes a whole batch.
    - `tracing`: whether the function sends traces to X-Ray.
    - `vpc.security_group_ids` (1 to 5): the function's security groups. They must let it reach DynamoDB and
      SQS, through VPC endpoints or a NAT gateway.
    - `vpc.subnet_ids` (1 to 16): the subnets to which Lambda attaches the function.
    - `wrapper` (`module.function`, up to 128 characters): the handler of a monitoring service, from a layer
      or from your packages. It calls the built-in entry point. For Datadog, New Relic and Sentry, the module
      sets the environment variable that names the entry point; for another wrapper, set it in `environment`.
  EOT
  nullable    = false
  default     = {}

  type = object({
    alias                = optional(string)
    alias_weights        = optional(map(number), {})
    architecture         = optional(string, "arm64")
    environment          = optional(map(string), {})
    ephemeral_storage_mb = optional(number, 512)
    existing = optional(object({
      arn             = string
      role            = optional(object({ name = string }))
      timeout_seconds = number
    }))
    handler                  = optional(string, "idempotent_lambda.entrypoint.handler")
    kms_key_arn              = optional(string)
    layers                   = optional(list(string), [])
    memory_size_mb           = optional(number, 256)
    name                     = optional(string)
    permissions_boundary_arn = optional(string)
    policy_statements = optional(list(object({
      sid        = optional(string)
      effect     = optional(string, "Allow")
      actions    = list(string)
      resources  = list(string)
      conditions = optional(map(map(list(string))), {})
    })), [])
    provisioned_concurrency = optional(number)
    reserved_concurrency    = optional(number)
    role = optional(object({
      managed_policy_arns = optional(map(string), {})
      name                = optional(string)
      path                = optional(string, "/")
    }), {})
    runtime         = optional(string, "python3.13")
    snap_start      = optional(bool, false)
    tags            = optional(map(string), {})
    timeout_seconds = optional(number, 30)
    tracing         = optional(bool, true)
    vpc = optional(object({
      security_group_ids = list(string)
      subnet_ids         = list(string)
    }))
    wrapper = optional(string)
  })

  validation {
    condition = var.function.alias == null ? true : (
      can(regex("^[A-Za-z0-9_-]*[A-Za-z_-][A-Za-z0-9_-]*$", var.function.alias)) &&
      length(var.function.alias) <= 128
    )
    error_message = nonsensitive(join("", [for part in [
      "function.alias = ", jsonencode(var.function.alias), " is not 1 to 128 letters, digits, - and _, not only ",
      "digits. Set for example \"live\", or null for no alias.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = var.function.alias != null || (
      length(var.function.alias_weights) == 0 &&
      var.function.provisioned_concurrency == null &&
      !var.function.snap_start
    )
    error_message = join(" ", [
      "function.alias is null, and alias_weights, provisioned_concurrency and snap_start concern its versions. Set for",
      "example alias = \"live\", or leave the others of function unset.",
    ])
  }

  # https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html
  validation {
    condition = length(var.function.alias_weights) <= 1 && alltrue([
      for version, share in var.function.alias_weights :
      can(regex("^[1-9][0-9]*$", version)) && coalesce(share, 0) > 0 && coalesce(share, 0) <= 1
    ])
    error_message = nonsensitive(join("", [for part in [
      "function.alias_weights = ", jsonencode(var.function.alias_weights), " is not the number of one older version ",
      "with its share, above 0 and at most 1. Set for example { \"7\" = 0.9 }; the newest version gets the rest.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = contains(["arm64", "x86_64"], var.function.architecture)
    error_message = nonsensitive(join("", [for part in [
      "function.architecture = \"", var.function.architecture, "\" is not one of arm64, x86_64. Choose arm64 unless a ",
      "dependency is built for x86_64 only.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = alltrue([
      for name in keys(var.function.environment) : can(regex("^[A-Za-z][A-Za-z0-9_]+$", name)) &&
      !startswith(name, "IDEMPOTENCY_") && !contains(local.reserved_environment, name)
    ])
    error_message = nonsensitive(join("", [for part in [
      "function.environment has the names ", jsonencode(keys(var.function.environment)), "; each must have two or ",
      "more letters, digits and _, and start with a letter. The module sets those that start with IDEMPOTENCY_ from ",
      "the inputs idempotency and processor, and Lambda reserves ${join(", ", local.reserved_environment)}. Rename or ",
      "remove the others.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = alltrue([
      for name, range in local.function_ranges : var.function[name] % 1 == 0 &&
      var.function[name] >= range[0] && var.function[name] <= range[1]
    ])
    error_message = nonsensitive(join(" ", [
      for name, range in local.function_ranges : join("", [for part in [
        "function.${name} = ", var.function[name], " is not a whole number from ${range[0]} to ${range[1]} ",
        "(${range[2]}). Set one in that range.",
      ] : issensitive(part) ? "(sensitive)" : part])
      if nonsensitive(
        var.function[name] % 1 != 0 || var.function[name] < range[0] || var.function[name] > range[1]
      )
    ]))
  }

  validation {
    condition = var.function.existing == null ? true : (
      try(var.function.existing.role.name, "no role") != null && can(regex(
        "^arn:[^:]+:lambda:[^:]+:[0-9]{12}:function:[A-Za-z0-9_-]+(:[A-Za-z0-9_-]+)?$",
        var.function.existing.arn,
      ))
    )
    error_message = nonsensitive(join("", [for part in [
      "function.existing.arn = ", jsonencode(try(var.function.existing.arn, null)), " is not the ARN of a function or ",
      "of its alias, or role.name is null. Give the function's arn, and the name of its role or no role.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  # Arithmetic fails on null, so a null timeout counts as 0.
  validation {
    condition = var.function.existing == null ? true : (
      floor(coalesce(var.function.existing.timeout_seconds, 0)) == var.function.existing.timeout_seconds &&
      coalesce(var.function.existing.timeout_seconds, 0) >= 3 &&
      coalesce(var.function.existing.timeout_seconds, 0) <= 5400
    )
    error_message = nonsensitive(join("", [for part in [
      "function.existing.timeout_seconds = ", jsonencode(try(var.function.existing.timeout_seconds, null)), " is not ",
      "a whole number from 3 to 5400 (seconds). Give the function's own timeout; raise that if it is less.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = var.function.existing == null ? true : alltrue([
      for name, value in local.function_defaults : jsonencode(var.function[name]) == jsonencode(value)
    ])
    error_message = join(" ", [
      "function.existing is set; then ${join(", ", keys(local.function_defaults))} of function must keep their",
      "defaults, because only a function that the module creates takes them.",
      "Set them where the function is declared, or remove function.existing.",
    ])
  }

  validation {
    condition = can(regex(local.handler_pattern, var.function.handler)) && length(var.function.handler) <= 128
    error_message = nonsensitive(join("", [for part in [
      "function.handler = \"", var.function.handler, "\" is not \"module.function\" of at most 128 characters. Leave ",
      "it unset to use the built-in entry point with processor.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = var.function.kms_key_arn == null ? true : can(regex(local.kms_key_arn, var.function.kms_key_arn))
    error_message = nonsensitive(join("", [for part in [
      "function.kms_key_arn = ", jsonencode(var.function.kms_key_arn), " is not the ARN of a KMS key. Give the arn of ",
      "aws_kms_key, or null for the module's kms_key_arn.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = length(var.function.layers) <= 5
    error_message = nonsensitive(join("", [for part in [
      "function.layers has ", length(var.function.layers), " layers; Lambda takes 5. Remove some, or merge their ",
      "contents into one.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = alltrue([
      for layer in var.function.layers :
      can(regex("^arn:[^:]+:lambda:[^:]+:[0-9]{12}:layer:[A-Za-z0-9_-]+:[0-9]+$", layer))
    ])
    error_message = nonsensitive(join("", [for part in [
      "function.layers = ", jsonencode(var.function.layers), "; each must be the ARN of a layer version. Give the arn ",
      "of aws_lambda_layer_version, which ends in the version's number.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = (
      length(distinct([for layer in var.function.layers : try(regex("^.+:layer:[^:]+", layer), layer)])) ==
      length(var.function.layers)
    )
    error_message = nonsensitive(join("", [for part in [
      "function.layers = ", jsonencode(var.function.layers), "; Lambda takes one version of each layer. Remove all ",
      "but one version of the same layer.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = var.function.name == null ? true : can(regex("^[A-Za-z0-9_-]{1,64}$", var.function.name))
    error_message = nonsensitive(join("", [for part in [
      "function.name = ", jsonencode(var.function.name), " is not 1 to 64 letters, digits, - and _. Correct it, or ",
      "leave it unset for the module's name.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = var.function.permissions_boundary_arn == null ? true : (
      can(regex(local.iam_policy_arn, var.function.permissions_boundary_arn))
    )
    error_message = nonsensitive(join("", [for part in [
      "function.permissions_boundary_arn = ", jsonencode(var.function.permissions_boundary_arn), " is not the ARN of ",
      "an IAM policy. Give the policy's arn, or null for no boundary.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = alltrue([for statement in var.function.policy_statements : statement != null])
    error_message = join(" ", [
      "function.policy_statements has a null; each must be an object. Remove it, or write",
      "[for statement in [...] : statement if statement != null].",
    ])
  }

  # https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html
  validation {
    condition = var.function.provisioned_concurrency == null ? true : (
      var.function.provisioned_concurrency % 1 == 0 &&
      var.function.provisioned_concurrency >= 1 &&
      var.function.provisioned_concurrency <=
      coalesce(var.function.reserved_concurrency, var.function.provisioned_concurrency)
    )
    error_message = nonsensitive(join("", [for part in [
      "function.provisioned_concurrency = ", jsonencode(var.function.provisioned_concurrency), " is not a whole ",
      "number of at least 1 and at most reserved_concurrency = ", jsonencode(var.function.reserved_concurrency),
      " (instances). Set one, or null for none.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  # "Alias with weights can not be used with Provisioned Concurrency", says Lambda when the number is set or changed:
  # https://github.com/hashicorp/terraform-provider-aws/pull/48116
  validation {
    condition = var.function.provisioned_concurrency == null || (
      length(var.function.alias_weights) == 0 && !var.function.snap_start
    )
    error_message = nonsensitive(join("", [for part in [
      "function.provisioned_concurrency = ", jsonencode(var.function.provisioned_concurrency), " is set together with ",
      "alias_weights or snap_start; Lambda refuses it with either. Remove one of them.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = var.function.reserved_concurrency == null ? true : (
      floor(var.function.reserved_concurrency) == var.function.reserved_concurrency &&
      var.function.reserved_concurrency >= 0
    )
    error_message = nonsensitive(join("", [for part in [
      "function.reserved_concurrency = ", jsonencode(var.function.reserved_concurrency), " is not a whole number of ",
      "at least 0 (instances). Set one, or null to share the account's concurrency.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = length(var.function.role.managed_policy_arns) <= 20
    error_message = nonsensitive(join("", [for part in [
      "function.role.managed_policy_arns has ", length(var.function.role.managed_policy_arns), " policies; IAM takes ",
      "20 for a role at most. Remove some, or merge their statements into one policy.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = (
      alltrue([for arn in values(var.function.role.managed_policy_arns) : can(regex(local.iam_policy_arn, arn))]) &&
      length(distinct(values(var.function.role.managed_policy_arns))) == length(var.function.role.managed_policy_arns)
    )
    error_message = nonsensitive(join("", [for part in [
      "function.role.managed_policy_arns = ", jsonencode(var.function.role.managed_policy_arns), "; each must be the ",
      "ARN of an IAM policy, and a policy is in it once. Give the policies' arns, or remove the repeated ones.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = var.function.role.name == null ? true : can(regex("^[A-Za-z0-9+=,.@_-]{1,64}$", var.function.role.name))
    error_message = nonsensitive(join("", [for part in [
      "function.role.name = ", jsonencode(var.function.role.name), " is not 1 to 64 letters, digits and +=,.@_-, as ",
      "IAM takes. Correct it, or leave it unset for a name that IAM completes.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  # https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
  validation {
    condition = (
      can(regex("^/([!-~]+/)?$", var.function.role.path)) && length(coalesce(var.function.role.path, "/")) <= 512
    )
    error_message = nonsensitive(join("", [for part in [
      "function.role.path = ", jsonencode(var.function.role.path), " does not begin and end with / or has more than ",
      "512 characters without spaces, as IAM takes. Set for example \"/teams/shop/\", or \"/\" for none.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = (
      can(regex("^python3\\.[0-9]+$", var.function.runtime))
      ? tonumber(split(".", var.function.runtime)[1]) >= 11
      : false
    )
    error_message = nonsensitive(join("", [for part in [
      "function.runtime = \"", var.function.runtime, "\" is not python3.11 or newer, which the package ",
      "idempotent_lambda needs. Set for example \"python3.13\".",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  # https://docs.aws.amazon.com/lambda/latest/api/API_VpcConfig.html
  validation {
    condition = alltrue([
      for vpc in var.function.vpc[*] : try(
        contains(range(1, 6), length(vpc.security_group_ids)) && contains(range(1, 17), length(vpc.subnet_ids)) &&
        alltrue([for id in concat(vpc.security_group_ids, vpc.subnet_ids) : id != null]), false
      )
    ])
    error_message = nonsensitive(join("", [for part in [
      "function.vpc has ", try(length(var.function.vpc.security_group_ids), 0), " security_group_ids and ",
      try(length(var.function.vpc.subnet_ids), 0), " subnet_ids, not 1 to 5 and 1 to 16. Name a group that lets the ",
      "function reach DynamoDB and SQS, and two or more subnets in different zones.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = var.function.wrapper == null ? true : (
      can(regex(local.handler_pattern, var.function.wrapper)) && length(var.function.wrapper) <= 128
    )
    error_message = nonsensitive(join("", [for part in [
      "function.wrapper = ", jsonencode(var.function.wrapper), " is not \"module.function\" of at most 128 ",
      "characters. Give the handler that the monitoring service documents, such as \"datadog_lambda.handler.handler\".",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = var.function.wrapper == null || var.function.handler == local.builtin_handler
    error_message = nonsensitive(join("", [for part in [
      "function.wrapper = ", jsonencode(var.function.wrapper), " is set, and so is function.handler = \"",
      var.function.handler, "\"; a wrapper calls the built-in entry point only. Remove one of the two.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }
}

locals {
  # As in "module.function"; the module may be a path.
  handler_pattern = "^[^.\\s]\\S*\\.[A-Za-z_][A-Za-z0-9_]*$"

  iam_policy_arn = "^arn:[^:]+:iam::([0-9]{12}|aws):policy/.+$"

  # The least and the most of each number, with its unit.
  function_ranges = {
    ephemeral_storage_mb = [512, 10240, "MB"]
    memory_size_mb       = [128, 10240, "MB"]
    timeout_seconds      = [3, 1800, "seconds; a slow claim needs 3"]
  }

  # Only a function that the module creates takes these attributes. With `function.existing`, they must keep
  # the defaults above (a test compares both).
  function_defaults = {
    alias                    = null
    alias_weights            = {}
    architecture             = "arm64"
    environment              = {}
    ephemeral_storage_mb     = 512
    handler                  = local.builtin_handler
    layers                   = []
    memory_size_mb           = 256
    name                     = null
    permissions_boundary_arn = null
    policy_statements        = []
    provisioned_concurrency  = null
    reserved_concurrency     = null
    role                     = { managed_policy_arns = {}, name = null, path = "/" }
    runtime                  = "python3.13"
    snap_start               = false
    tags                     = {}
    timeout_seconds          = 30
    tracing                  = true
    vpc                      = null
    wrapper                  = null
  }
}
