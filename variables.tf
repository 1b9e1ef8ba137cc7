variable "alarms" {
  description = <<-EOT
    CloudWatch alarms of the queues, the function, the table and the messages; null for none. Each costs about
    $0.10 a month, `table_throttles` twice that; `lost_leases`, `parked` and `takeovers` need
    `idempotency.metrics`. A threshold is what an alarm starts at: its value or more.
    - `actions` (up to 5 ARNs): what is told that an alarm has begun, such as an SNS topic. Without any,
      alarms are seen in the console only.
    - `dead_letters` (more than 0): messages in the dead-letter queue.
    - `duration_percent` (1 to 100 %): the longest invocation in 5 minutes, of the function's timeout.
    - `errors` (more than 0): invocations in 5 minutes that were killed, timed out or raised.
    - `disabled` (`dead_letters`, `duration`, `errors`, `lost_leases`, `message_age`, `parked`,
      `table_throttles`, `takeovers`, `throttles`; not all): alarms that are not wanted.
    - `lost_leases` (more than 0): messages in 5 minutes whose run ended after its lease, when the record was
      another's.
    - `message_age_seconds` (more than 0 s): age of the oldest message in the queue, if there is a queue. When
      null, `max_receive_count` × visibility timeout: by then a message that fails is dead-lettered, so what
      is older was not received.
    - `ok_actions` (up to 5 ARNs, with `actions`): what is told that an alarm is over.
    - `parked` (more than 0): messages in 5 minutes that were set aside for a person.
    - `table_throttles` (more than 0): reads and writes in 5 minutes that the table throttled.
    - `takeovers` (more than 0): messages in 5 minutes whose earlier run was interrupted.
    - `throttles` (more than 0): invocations in 5 minutes that Lambda throttled.
  EOT
  default     = null

  type = object({
    actions             = optional(list(string), [])
    dead_letters        = optional(number, 1)
    duration_percent    = optional(number, 80)
    errors              = optional(number, 1)
    disabled            = optional(set(string), [])
    lost_leases         = optional(number, 1)
    message_age_seconds = optional(number)
    ok_actions          = optional(list(string), [])
    parked              = optional(number, 1)
    table_throttles     = optional(number, 10)
    takeovers           = optional(number, 1)
    throttles           = optional(number, 10)
  })

  validation {
    condition     = var.alarms == null ? true : alltrue([for arn in concat(var.alarms.actions, var.alarms.ok_actions) : can(regex("^arn:[^:]+:[^:]+:[^:]*:[^:]*:.+$", arn))])
    error_message = "alarms.actions and alarms.ok_actions have ${jsonencode([for arn in try(concat(var.alarms.actions, var.alarms.ok_actions), []) : arn if !can(regex("^arn:[^:]+:[^:]+:[^:]*:[^:]*:.+$", arn))])}, which are not ARNs. Give those of SNS topics, or of other alarm actions."
  }

  # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
  validation {
    condition     = var.alarms == null ? true : max(length(var.alarms.actions), length(var.alarms.ok_actions)) <= 5
    error_message = "alarms.actions has ${try(length(var.alarms.actions), 0)} ARNs and alarms.ok_actions ${try(length(var.alarms.ok_actions), 0)}; CloudWatch takes 5 of each. Use one SNS topic with more subscriptions."
  }

  validation {
    condition     = var.alarms == null ? true : length(var.alarms.ok_actions) == 0 || length(var.alarms.actions) > 0
    error_message = "alarms.ok_actions has ${try(length(var.alarms.ok_actions), 0)} ARNs and alarms.actions none: nobody would be told that an alarm has begun, only that it is over. Set alarms.actions, or remove alarms.ok_actions."
  }

  validation {
    condition     = var.alarms == null ? true : var.alarms.duration_percent <= 100 && var.alarms.duration_percent >= 1
    error_message = "alarms.duration_percent = ${try(var.alarms.duration_percent, "null")} is not from 1 to 100 (% of the timeout). Set 80 to be told before messages are interrupted."
  }

  validation {
    condition     = var.alarms == null ? true : alltrue([for name in var.alarms.disabled : contains(local.alarm_names, coalesce(name, "null"))])
    error_message = "alarms.disabled has ${jsonencode([for name in try(var.alarms.disabled, []) : name if !contains(local.alarm_names, coalesce(name, "null"))])}, not only ${join(", ", local.alarm_names)}. Correct or remove them."
  }

  validation {
    condition     = var.alarms == null ? true : length(setsubtract(local.alarm_names, var.alarms.disabled)) > 0
    error_message = "alarms.disabled names all ${length(local.alarm_names)} alarms, so none is left. Remove those that are wanted, or set alarms = null."
  }

  validation {
    condition     = var.alarms == null ? true : alltrue([for name in local.alarm_thresholds : try(var.alarms[name] > 0, true)])
    error_message = "${join(", ", [for name in local.alarm_thresholds : "alarms.${name} = ${var.alarms[name]}" if try(var.alarms[name] <= 0, false)])} is not more than 0: the alarm would ring without a cause. Set at least 1, or name the alarm in alarms.disabled."
  }
}

variable "code" {
  description = <<-EOT
    The function's code, from exactly one source: `source_dir`, `filename`, `s3` or `image`. Null only with
    `function.existing`.
    - `source_dir` (known when terraform plans; no files of Terraform): a directory of Python files that is
      packed at apply, together with the package `idempotent_lambda` (needs `python3` 3.8 or newer on the
      machine that applies). Every file gets the mode 0755, and CRLF becomes LF in text. Hidden files,
      `__pycache__` and `*.pyc` are left out. Write `"$${path.module}/src"`.
    - `exclude` (with `*`, `**` and `?`; not brackets): further files and directories to leave out. A pattern
      with a slash at its start or in its middle starts at `source_dir`; another one matches a name at any
      depth. Your list replaces the default.
    - `requirements` (a complete lock: every package with `==`): the packages to install with `pip` for
      the function's runtime and architecture, from wheels only. When null, `requirements.txt` in
      `source_dir`, if there is one.
    - `build_dir` (writable, outside `source_dir`): the directory for the zip; when null,
      `.terraform/idempotent-lambda` in the root module.
    - `python` (3.8 or newer): the program that packs, such as `python` on Windows.
    - `filename` (ends in `.zip`, exists when terraform plans the function): a zip that you built, with this
      module's `handler/idempotent_lambda` at its top.
    - `s3.bucket` (in the function's Region): where such a zip lies.
    - `s3.key` (of the zip): its name there.
    - `s3.object_version` (of that key): which version; without it a new zip under the same key is not
      noticed.
    - `s3.source_code_hash` (SHA-256 of the zip in base64, 44 characters): the hash of that zip. With it, the
      module notices a failed deployment.
    - `image.uri` (in ECR, in the function's Region): a container image that has an AWS base image for Python,
      your modules and the package `idempotent_lambda`.
  EOT
  default     = null

  type = object({
    build_dir    = optional(string)
    exclude      = optional(list(string), ["/tests", "/venv", "*.egg-info", "/htmlcov", "/coverage.xml", "*~", "*.swp", "*.bak", "*.orig", "*.iml", "Thumbs.db", "desktop.ini"])
    filename     = optional(string)
    image        = optional(object({ uri = string }))
    python       = optional(string, "python3")
    requirements = optional(string)
    s3 = optional(object({
      bucket           = string
      key              = string
      object_version   = optional(string)
      source_code_hash = optional(string)
    }))
    source_dir = optional(string)
  })

  validation {
    condition     = var.code == null ? true : length([for source in [var.code.source_dir, var.code.filename, var.code.s3, var.code.image] : source if source != null]) == 1
    error_message = "code names ${try(length([for source in [var.code.source_dir, var.code.filename, var.code.s3, var.code.image] : source if source != null]), 0)} sources; it takes exactly one. Set source_dir to pack a directory, filename or s3 to use a zip of your own, or image."
  }

  validation {
    condition     = !can(regex("[\\[\\]{}*?]", var.code.source_dir))
    error_message = "code.source_dir = \"${try(coalesce(var.code.source_dir), "null")}\" has one of []{}*?, and Terraform would take it for a pattern of many paths. Rename the directory."
  }

  validation {
    condition     = endswith(try(coalesce(var.code.filename), ".zip"), ".zip")
    error_message = "code.filename = \"${try(coalesce(var.code.filename), "null")}\" does not end in .zip. Give the zip that holds your modules and the package idempotent_lambda, or set code.source_dir to have a directory packed."
  }

  validation {
    condition     = var.code == null ? true : alltrue([for glob in var.code.exclude : trimspace(glob) == glob && glob != "./" && can(regex("^[^\\[\\](){}|^$+\\\\!]*[^\\[\\](){}|^$+\\\\!/][^\\[\\](){}|^$+\\\\!]*$", glob))])
    error_message = "code.exclude has ${jsonencode([for glob in try(var.code.exclude, []) : glob if trimspace(glob) != glob || glob == "./" || !can(regex("^[^\\[\\](){}|^$+\\\\!]*[^\\[\\](){}|^$+\\\\!/][^\\[\\](){}|^$+\\\\!]*$", glob))])}; a pattern is a name or path with *, ** and ?, without brackets, other signs of regular expressions, or spaces at its ends. Use ? for such a sign."
  }

  validation {
    condition     = length(compact([try(var.code.build_dir == "", false) ? "build_dir" : "", try(coalesce(var.code.image.uri, "empty") == "empty", false) ? "image.uri" : "", try(var.code.python == "", false) ? "python" : "", try(var.code.requirements == "", false) ? "requirements" : ""])) == 0
    error_message = "code has an empty ${join(", ", compact([try(var.code.build_dir == "", false) ? "build_dir" : "", try(coalesce(var.code.image.uri, "empty") == "empty", false) ? "image.uri" : "", try(var.code.python == "", false) ? "python" : "", try(var.code.requirements == "", false) ? "requirements" : ""]))}. Give it a value, or leave it out."
  }

  validation {
    condition     = var.code == null ? true : var.code.source_dir != null || var.code.requirements == null && var.code.build_dir == null
    error_message = "code.requirements or code.build_dir is set without code.source_dir, and nothing is built then. Remove it, or set code.source_dir."
  }

  validation {
    condition     = try(coalesce(var.code.s3.source_code_hash), null) == null ? true : can(regex(local.sha256, var.code.s3.source_code_hash))
    error_message = "code.s3.source_code_hash = \"${try(coalesce(var.code.s3.source_code_hash), "null")}\" is not a SHA-256 in base64. Use filebase64sha256() of the zip."
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

variable "idempotency" {
  description = <<-EOT
    What counts as the same operation, and for how long.
    - `concurrency` (1 to 100): how many messages of a batch run at the same time. More than 1 is for
      processors that wait for others, and that are safe for threads; messages then end in any order.
    - `key` (JMESPath): of the idempotency key in the message as it was delivered, with what its producer
      sent, decoded, as `body`. Prefer what names the operation, such as `body.order_id`. When null, the id
      that the source gives: SNS's or EventBridge's, the version of an S3 object, the record of a stream, for
      a plain message its `messageId`, which a producer's retry does not keep.
    - `lease_margin_seconds` (more than 0, at most 300 s): how long after the function's own deadline a claim
      still excludes others. It must be at least the difference between the clocks of any two workers (one may be
      slow and the other one fast) plus the time that Lambda's kill takes.
    - `log_keys` (`plain` or `hashed`): how log lines and errors show keys.
    - `metrics` (true or false): whether the package writes metrics, as one log line a batch. Each metric costs up
      to $0.30 a month, charged only for hours in which it has a value. When null, if `dashboard` or one of the alarms
      `lost_leases`, `parked` and `takeovers` needs them.
    - `minimum_remaining_seconds` (more than 0 s, below the timeout less half a second): no message is started
      with less time left before the function's timeout.
    - `mode` (`enforce` or `observe`): with the second, duplicates are logged and counted, and processed all
      the same; nothing is parked then.
    - `namespace` (1 to 255 characters of printable ASCII without `#`): put before every key; `name` when
      null. Changing it forgets every record. Two consumers of one namespace and table count as one.
    - `on_interrupted` (`retry` or `park`): what becomes of a message whose processor was killed: run again,
      or set aside in the dead-letter queue for a person to decide.
    - `retention_seconds` (at least the retention of every source: the queue's, `maximum_record_age_seconds`
      of a stream, 21600 s with `allowed_triggers`): how long a completed record suppresses duplicates. When null,
      that plus the retentions of the dead-letter queue and the queue: a redrive gives a message a new life.
  EOT
  nullable    = false
  default     = {}

  type = object({
    concurrency               = optional(number, 1)
    key                       = optional(string)
    lease_margin_seconds      = optional(number, 5)
    log_keys                  = optional(string, "plain")
    metrics                   = optional(bool)
    minimum_remaining_seconds = optional(number, 1)
    mode                      = optional(string, "enforce")
    namespace                 = optional(string)
    on_interrupted            = optional(string, "retry")
    retention_seconds         = optional(number)
  })

  validation {
    condition     = floor(var.idempotency.concurrency) == var.idempotency.concurrency && var.idempotency.concurrency >= 1 && var.idempotency.concurrency <= 100
    error_message = "idempotency.concurrency = ${var.idempotency.concurrency} is not a whole number from 1 to 100. Set 1 unless the processor is safe for threads."
  }

  validation {
    condition     = var.idempotency.key == null ? true : trimspace(var.idempotency.key) != "" && !startswith(trimspace(var.idempotency.key), "$")
    error_message = "idempotency.key = \"${var.idempotency.key == null ? "null" : var.idempotency.key}\" is not a JMESPath expression: it is empty, or starts with $ like JSONPath. Name what identifies the operation, such as \"body.order_id\", or set null for the source's id."
  }

  validation {
    condition     = var.idempotency.lease_margin_seconds >= 0.001 && var.idempotency.lease_margin_seconds <= 300
    error_message = "idempotency.lease_margin_seconds = ${var.idempotency.lease_margin_seconds} is not more than 0 and at most 300 (seconds). Set about 5, which covers usual differences between two clocks and the delay of Lambda's kill."
  }

  validation {
    condition     = contains(["plain", "hashed"], var.idempotency.log_keys)
    error_message = "idempotency.log_keys = \"${var.idempotency.log_keys}\" is not one of plain, hashed. Choose hashed when keys are personal data."
  }

  validation {
    condition     = var.idempotency.minimum_remaining_seconds >= 0.001
    error_message = "idempotency.minimum_remaining_seconds = ${var.idempotency.minimum_remaining_seconds} is not more than 0 (seconds). Set about what one message takes."
  }

  validation {
    condition     = contains(["enforce", "observe"], var.idempotency.mode)
    error_message = "idempotency.mode = \"${var.idempotency.mode}\" is not one of enforce, observe. Choose observe only to look on before anything is suppressed."
  }

  validation {
    condition     = var.idempotency.namespace == null ? true : length(var.idempotency.namespace) >= 1 && length(var.idempotency.namespace) <= 255
    error_message = "idempotency.namespace has ${var.idempotency.namespace == null ? 0 : length(var.idempotency.namespace)} characters, not 1 to 255. Set a short name, or null to use the module's name."
  }

  validation {
    condition     = var.idempotency.namespace == null ? true : can(regex("^[!\"$-~ ]*$", var.idempotency.namespace))
    error_message = "idempotency.namespace = \"${coalesce(var.idempotency.namespace, "null")}\" holds other characters than printable ASCII without #, which separates it from the key. Use others, such as / or -."
  }

  validation {
    condition     = contains(["retry", "park"], var.idempotency.on_interrupted)
    error_message = "idempotency.on_interrupted = \"${var.idempotency.on_interrupted}\" is not one of retry, park. Choose park where an effect that happens twice is worse than one that waits for a person."
  }

  validation {
    condition     = var.idempotency.retention_seconds == null ? true : floor(var.idempotency.retention_seconds) == var.idempotency.retention_seconds && var.idempotency.retention_seconds >= 60
    error_message = "idempotency.retention_seconds = ${coalesce(var.idempotency.retention_seconds, "null")} is not a whole number of at least 60 (seconds). Raise it, or set null to have it derived."
  }
}

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

variable "queue" {
  description = <<-EOT
    The queue, its dead-letter queue, and how the function reads from it. Null for no queue: then `streams`,
    `allowed_triggers` or a mapping of your own deliver, and only the dead-letter queue is created.
    - `batch_size` (1 to 10000; above 10 needs a batching window): messages per invocation.
    - `maximum_batching_window_in_seconds` (0 to 300 s; 0 with FIFO): how long Lambda waits to fill a batch.
    - `content_based_deduplication` (true or false; FIFO only): whether SQS drops a second message of the same
      body within 5 minutes when its producer gives no deduplication id. Off, such a producer gets an error.
      EventBridge needs it.
    - `dead_letter_queue.message_retention_seconds` (above `message_retention_seconds` unless FIFO, at most 1209600 s, 14 days): how
      long a dead-lettered message is kept.
    - `deduplication_scope` (`queue` or `messageGroup`; FIFO only): within what SQS drops repeated messages.
    - `delay_seconds` (0 to 900 s): how long a new message waits before it is delivered.
    - `enabled` (true or false): whether the function reads from the queue.
    - `existing.arn` (of a queue in this account and Region): a queue that exists, instead of one that the
      module creates. What is said of it below cannot be looked up; the module checks it.
    - `existing.dead_letter_queue.arn` (of a queue of the same kind): the dead-letter queue in its redrive
      policy.
    - `existing.dead_letter_queue.message_retention_seconds` (above the queue's, at most 1209600 s): its message
      retention.
    - `existing.dead_letter_queue.url` (of the same): where copies of parked messages are sent.
    - `existing.kms_key_arn` (of a KMS key): the key of yours that encrypts both queues, if one does, for the
      role to use.
    - `existing.max_receive_count` (3 or more): `maxReceiveCount` in its redrive policy.
    - `existing.message_retention_seconds` (60 to 1209600 s): its message retention.
    - `existing.visibility_timeout_seconds` (see `visibility_timeout_seconds`): its visibility timeout.
    - `fifo` (true or false): whether both queues are FIFO: `.fifo` is added to their names, and `name` has at
      most 62 characters. Changing it creates both queues anew.
    - `fifo_throughput_limit` (`perQueue` or `perMessageGroupId`; FIFO only): the second, with
      `deduplication_scope = "messageGroup"`, is high throughput.
    - `filters` (event patterns in JSON; 5, by AWS's default quota): which messages are processed. Lambda
      **deletes** the others.
    - `max_receive_count` (3 to 1000; AWS advises at least 5): receives before a message goes to the
      dead-letter queue. A delivery that meets another's live claim costs one too.
    - `maximum_concurrency` (2 to 1000, at most `function.reserved_concurrency`): most concurrent invocations
      by this queue; null for no limit.
    - `max_message_size_bytes` (1024 to 262144 bytes): larger messages are refused.
    - `metrics` (true or false): whether Lambda counts the events of this mapping in CloudWatch
      (`EventCount`), for a charge.
    - `policy_statements.actions` (at least one, of SQS): what else the queue's policy says, beside `allowed_senders`:
      which actions.
    - `policy_statements.conditions` (operators, then condition keys, then values): when, as in IAM.
    - `policy_statements.effect` (`Allow` or `Deny`): which of the two.
    - `policy_statements.principals` (at least one; not everyone without a condition): who, by type, such as
      `{ AWS = [...] }`.
    - `policy_statements.sid` (letters and digits, each once; not `DenyInsecureTransport`, nor from `From`): a name for
      the statement.
    - `receive_wait_time_seconds` (0 to 20 s): how long other readers wait for messages; Lambda's own waits by
      itself.
    - `message_retention_seconds` (60 to 1209599 s; below `dead_letter_queue.message_retention_seconds`, above `delay_seconds` and
      all receives together): how long an undelivered message is kept.
    - `allowed_senders.service` (`events`, `s3`, not with FIFO, or `sns`): a service that may send to the queue.
      Producers with a role of their own in this account need no entry.
    - `allowed_senders.source_arn` (of the EventBridge rule, S3 bucket or SNS topic, FIFO as the queue): for what. A
      bucket must be of this account.
    - `unwrap` (`events`, `pipes`, `s3`, `sns`): services that may wrap what a producer sent, so that
      `message.body` is without the wrapper. When null, the services in `allowed_senders` and `allowed_triggers`; `[]` unwraps
      nothing. Set it for an existing queue, because the module does not know who sends to that, and for
      EventBridge Pipes (`pipes`). S3 and EventBridge may send their events to a topic, so `sns` unwraps these
      events too. With raw message delivery SNS adds no wrapper: leave `sns` out, and name `events` or `s3` if
      the topic carries their events. Whoever may send to the queue chooses the default key of a message that
      is unwrapped: see `docs/security.md`.
    - `visibility_timeout_seconds` (at least 6 × function timeout + batching window, longer than a lease, at
      most 43200 s): how long a received message stays hidden. When null, the least that fits.
  EOT
  default     = {}

  type = object({
    batch_size                         = optional(number, 10)
    maximum_batching_window_in_seconds = optional(number, 0)
    content_based_deduplication        = optional(bool, false)
    dead_letter_queue = optional(object({
      message_retention_seconds = optional(number, 1209600)
    }), {})
    deduplication_scope = optional(string)
    delay_seconds       = optional(number, 0)
    enabled             = optional(bool, true)
    existing = optional(object({
      arn = string
      dead_letter_queue = object({
        arn                       = string
        message_retention_seconds = number
        url                       = string
      })
      kms_key_arn                = optional(string)
      max_receive_count          = number
      message_retention_seconds  = number
      visibility_timeout_seconds = number
    }))
    fifo                   = optional(bool, false)
    fifo_throughput_limit  = optional(string)
    filters                = optional(list(string), [])
    max_receive_count      = optional(number, 5)
    maximum_concurrency    = optional(number)
    max_message_size_bytes = optional(number, 262144)
    metrics                = optional(bool, false)
    policy_statements = optional(list(object({
      sid        = optional(string)
      effect     = optional(string, "Allow")
      principals = map(list(string))
      actions    = list(string)
      conditions = optional(map(map(list(string))), {})
    })), [])
    receive_wait_time_seconds = optional(number, 0)
    message_retention_seconds = optional(number, 345600)
    allowed_senders = optional(list(object({
      service    = string
      source_arn = string
    })), [])
    unwrap                     = optional(list(string))
    visibility_timeout_seconds = optional(number)
  })

  validation {
    condition     = try(floor(var.queue.batch_size) == var.queue.batch_size && var.queue.batch_size >= 1 && var.queue.batch_size <= 10000, var.queue == null)
    error_message = "queue.batch_size = ${try(var.queue.batch_size, "null")} is not a whole number from 1 to 10000 (messages). Set one in that range; 10 suits most."
  }

  validation {
    condition     = try(var.queue.batch_size <= 10 || var.queue.maximum_batching_window_in_seconds >= 1, var.queue == null)
    error_message = "queue.batch_size = ${try(var.queue.batch_size, "null")} is above 10, which Lambda takes only with a batching window of at least 1 s. Set queue.maximum_batching_window_in_seconds, or lower the batch size."
  }

  validation {
    condition     = try(floor(var.queue.maximum_batching_window_in_seconds) == var.queue.maximum_batching_window_in_seconds && var.queue.maximum_batching_window_in_seconds >= 0 && var.queue.maximum_batching_window_in_seconds <= 300, var.queue == null)
    error_message = "queue.maximum_batching_window_in_seconds = ${try(var.queue.maximum_batching_window_in_seconds, "null")} is not a whole number from 0 to 300 (seconds). Set one in that range; 0 does not wait."
  }

  # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-parameters.html
  validation {
    condition     = try(var.queue.maximum_batching_window_in_seconds <= 0 || !(var.queue.fifo || endswith(try(var.queue.existing.arn, ""), ".fifo")), var.queue == null)
    error_message = "queue.maximum_batching_window_in_seconds = ${try(var.queue.maximum_batching_window_in_seconds, "null")} and a FIFO queue: Lambda takes no batching window for one, and so no batch above 10. Set it to 0."
  }

  validation {
    condition     = try(var.queue.fifo || !var.queue.content_based_deduplication, var.queue == null)
    error_message = "queue.content_based_deduplication = true and queue.fifo = false: only a FIFO queue deduplicates. Remove the first, or set queue.fifo."
  }

  validation {
    condition     = try(floor(var.queue.dead_letter_queue.message_retention_seconds) == var.queue.dead_letter_queue.message_retention_seconds && var.queue.dead_letter_queue.message_retention_seconds <= 1209600, var.queue == null)
    error_message = "queue.dead_letter_queue.message_retention_seconds = ${try(var.queue.dead_letter_queue.message_retention_seconds, "null")} is not a whole number of at most 1209600 (seconds, 14 days), which is SQS's limit. Lower it."
  }

  validation {
    condition     = try(var.queue.fifo || var.queue.dead_letter_queue.message_retention_seconds > var.queue.message_retention_seconds, var.queue == null)
    error_message = "queue.dead_letter_queue.message_retention_seconds = ${try(var.queue.dead_letter_queue.message_retention_seconds, "null")} is not above queue.message_retention_seconds = ${try(var.queue.message_retention_seconds, "null")}: a dead-lettered message keeps its age and could be gone soon after. Raise the first (at most 1209600) or lower the second."
  }

  validation {
    condition     = try(floor(var.queue.max_receive_count) == var.queue.max_receive_count && var.queue.max_receive_count >= 3 && var.queue.max_receive_count <= 1000, var.queue == null)
    error_message = "queue.max_receive_count = ${try(var.queue.max_receive_count, "null")} is not a whole number from 3 to 1000: with fewer, deliveries that meet another's live claim would dead-letter a good message. Set one in that range."
  }

  validation {
    condition     = try(var.queue.maximum_concurrency == null ? true : floor(var.queue.maximum_concurrency) == var.queue.maximum_concurrency && var.queue.maximum_concurrency >= 2 && var.queue.maximum_concurrency <= 1000, var.queue == null)
    error_message = "queue.maximum_concurrency = ${try(coalesce(var.queue.maximum_concurrency, "null"), "null")} is not a whole number from 2 to 1000. Set one in that range, or null for no limit."
  }

  validation {
    condition     = try(floor(var.queue.message_retention_seconds) == var.queue.message_retention_seconds && var.queue.message_retention_seconds >= 60 && var.queue.message_retention_seconds <= 1209600, var.queue == null)
    error_message = "queue.message_retention_seconds = ${try(var.queue.message_retention_seconds, "null")} is not a whole number from 60 to 1209600 (seconds, 14 days). Set one in that range."
  }

  validation {
    condition     = try(alltrue([for sender in var.queue.allowed_senders : contains(local.services, coalesce(sender.service, "null"))]), var.queue == null)
    error_message = "queue.allowed_senders has the services ${try(jsonencode([for sender in var.queue.allowed_senders : sender.service if !contains(local.services, coalesce(sender.service, "null"))]), "null")}, not ${join(", ", local.services)}. For producers with a role, remove the entry and allow sqs:SendMessage in that role."
  }

  validation {
    condition     = try(alltrue([for sender in var.queue.allowed_senders : can(regex(local.source_arns[sender.service], sender.source_arn)) || !contains(local.services, coalesce(sender.service, "null"))]), var.queue == null)
    error_message = "queue.allowed_senders has the source_arns ${try(jsonencode([for sender in var.queue.allowed_senders : sender.source_arn if !can(regex(local.source_arns[sender.service], sender.source_arn))]), "null")}, which are not of their services. Give the ARN of the EventBridge rule, the S3 bucket or the SNS topic."
  }

  # https://docs.aws.amazon.com/sns/latest/dg/fifo-topic-message-delivery.html
  validation {
    condition     = try(!var.queue.fifo || alltrue([for sender in var.queue.allowed_senders : sender.service != "sns" || endswith(sender.source_arn, ".fifo")]), var.queue == null)
    error_message = "queue.allowed_senders has standard topics, ${try(jsonencode([for sender in var.queue.allowed_senders : sender.source_arn if sender.service == "sns" && !endswith(sender.source_arn, ".fifo")]), "null")}, and queue.fifo = true: only a FIFO topic delivers to a FIFO queue. Use a FIFO topic, or set queue.fifo = false."
  }

  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html
  validation {
    condition     = try(!var.queue.fifo || alltrue([for sender in var.queue.allowed_senders : coalesce(sender.service, "null") != "s3"]), var.queue == null)
    error_message = "queue.allowed_senders has s3 and queue.fifo = true, but S3 sends no notifications to FIFO queues. Remove the sender, or set queue.fifo = false."
  }

  validation {
    condition     = try(alltrue([for service in coalesce(var.queue.unwrap, []) : contains(local.wrappers, coalesce(service, "null"))]), var.queue == null)
    error_message = "queue.unwrap has ${try(jsonencode([for service in coalesce(var.queue.unwrap, []) : service if !contains(local.wrappers, coalesce(service, "null"))]), "null")}, not only ${join(", ", local.wrappers)}. Correct or remove them; messages from other services are never unwrapped."
  }

  validation {
    condition     = try(var.queue.visibility_timeout_seconds == null ? true : floor(var.queue.visibility_timeout_seconds) == var.queue.visibility_timeout_seconds && var.queue.visibility_timeout_seconds <= 43200, var.queue == null)
    error_message = "queue.visibility_timeout_seconds = ${try(coalesce(var.queue.visibility_timeout_seconds, "null"), "null")} is not a whole number of at most 43200 (seconds, 12 hours), which is SQS's limit. Lower it, or set null to have it derived."
  }

  validation {
    condition     = try(contains(["queue", "messageGroup"], coalesce(var.queue.deduplication_scope, "queue")), var.queue == null)
    error_message = "queue.deduplication_scope = \"${try(coalesce(var.queue.deduplication_scope, "null"), "null")}\" is not one of queue, messageGroup. Choose messageGroup for high throughput, or leave it unset."
  }

  validation {
    condition     = try(var.queue.fifo || var.queue.deduplication_scope == null, var.queue == null)
    error_message = "queue.deduplication_scope = \"${try(coalesce(var.queue.deduplication_scope, "null"), "null")}\" and queue.fifo = false: only a FIFO queue deduplicates. Remove the first, or set queue.fifo."
  }

  validation {
    condition     = try(floor(var.queue.delay_seconds) == var.queue.delay_seconds && var.queue.delay_seconds >= 0 && var.queue.delay_seconds <= 900, var.queue == null)
    error_message = "queue.delay_seconds = ${try(var.queue.delay_seconds, "null")} is not a whole number from 0 to 900 (seconds). Set one in that range."
  }

  validation {
    condition     = try(var.queue.existing == null ? true : can(regex("^arn:[^:]+:sqs:[^:]+:[0-9]{12}:[A-Za-z0-9_.-]+$", var.queue.existing.arn)), var.queue == null)
    error_message = "queue.existing.arn = \"${try(coalesce(var.queue.existing.arn), "null")}\" is not the ARN of an SQS queue. Give the queue's arn."
  }

  validation {
    condition     = try(var.queue.existing == null ? true : can(regex("^arn:[^:]+:sqs:[^:]+:[0-9]{12}:[A-Za-z0-9_.-]+$", var.queue.existing.dead_letter_queue.arn)), var.queue == null)
    error_message = "queue.existing.dead_letter_queue.arn = \"${try(coalesce(var.queue.existing.dead_letter_queue.arn), "null")}\" is not the ARN of an SQS queue. Give the arn of the queue that the queue's redrive policy names."
  }

  validation {
    condition     = try(var.queue.existing == null ? true : endswith(var.queue.existing.arn, ".fifo") == endswith(var.queue.existing.dead_letter_queue.arn, ".fifo"), var.queue == null)
    error_message = "queue.existing.arn = \"${try(coalesce(var.queue.existing.arn), "null")}\" and queue.existing.dead_letter_queue.arn = \"${try(coalesce(var.queue.existing.dead_letter_queue.arn), "null")}\" are not of one kind; SQS moves messages from FIFO to FIFO and from standard to standard queues only. Correct one of them."
  }

  validation {
    condition     = try(var.queue.existing == null ? true : can(regex("^https?://.+$", var.queue.existing.dead_letter_queue.url)) && endswith(var.queue.existing.dead_letter_queue.url, "/${reverse(split(":", var.queue.existing.dead_letter_queue.arn))[0]}"), var.queue == null)
    error_message = "queue.existing.dead_letter_queue.url = \"${try(coalesce(var.queue.existing.dead_letter_queue.url), "null")}\" is not the URL of queue.existing.dead_letter_queue.arn, and copies of parked messages are sent there. Give the url of that queue."
  }

  validation {
    condition     = try(var.queue.existing == null ? true : (endswith(var.queue.existing.arn, ".fifo") || var.queue.existing.dead_letter_queue.message_retention_seconds > var.queue.existing.message_retention_seconds) && var.queue.existing.dead_letter_queue.message_retention_seconds <= 1209600, var.queue == null)
    error_message = "queue.existing.dead_letter_queue.message_retention_seconds = ${try(coalesce(var.queue.existing.dead_letter_queue.message_retention_seconds), "null")} is not above queue.existing.message_retention_seconds = ${try(coalesce(var.queue.existing.message_retention_seconds), "null")} and at most 1209600 (14 days): a dead-lettered message keeps its age and could be gone soon after. Raise that queue's retention, or lower the other's."
  }

  validation {
    condition     = try(var.queue.existing == null ? true : (var.queue.existing.kms_key_arn == null ? true : can(regex(local.kms_key_arn, var.queue.existing.kms_key_arn))), var.queue == null)
    error_message = "queue.existing.kms_key_arn = \"${try(coalesce(var.queue.existing.kms_key_arn, "null"), "null")}\" is not the ARN of a KMS key. Give the arn of the key that encrypts the queue, or null."
  }

  validation {
    condition     = try(var.queue.existing == null ? true : floor(var.queue.existing.max_receive_count) == var.queue.existing.max_receive_count && var.queue.existing.max_receive_count >= 3, var.queue == null)
    error_message = "queue.existing.max_receive_count = ${try(coalesce(var.queue.existing.max_receive_count), "null")} is not a whole number of at least 3: with fewer, deliveries that meet another's live claim would dead-letter a good message. Raise maxReceiveCount in the queue's redrive policy, and give it here."
  }

  validation {
    condition     = try(var.queue.existing == null ? true : floor(var.queue.existing.message_retention_seconds) == var.queue.existing.message_retention_seconds && var.queue.existing.message_retention_seconds >= 60, var.queue == null)
    error_message = "queue.existing.message_retention_seconds = ${try(coalesce(var.queue.existing.message_retention_seconds), "null")} is not a whole number from 60 to 1209600 (seconds, 14 days). Give the queue's message_retention_seconds."
  }

  validation {
    condition     = try(var.queue.existing == null ? true : floor(var.queue.existing.visibility_timeout_seconds) == var.queue.existing.visibility_timeout_seconds && var.queue.existing.visibility_timeout_seconds <= 43200, var.queue == null)
    error_message = "queue.existing.visibility_timeout_seconds = ${try(coalesce(var.queue.existing.visibility_timeout_seconds), "null")} is not a whole number of at most 43200 (seconds, 12 hours), which is SQS's limit. Give the queue's visibility_timeout_seconds."
  }

  validation {
    condition     = try(var.queue.existing == null ? true : alltrue([for name, value in local.queue_defaults : jsonencode(var.queue[name]) == jsonencode(value)]), var.queue == null)
    error_message = "queue.existing stands beside ${try(join(", ", [for name, value in local.queue_defaults : "queue.${name}" if jsonencode(var.queue[name]) != jsonencode(value)]), "null")}, which only a queue that the module creates takes. Set that where the queue is declared, or remove queue.existing."
  }

  validation {
    condition     = try(contains(["perQueue", "perMessageGroupId"], coalesce(var.queue.fifo_throughput_limit, "perQueue")), var.queue == null)
    error_message = "queue.fifo_throughput_limit = \"${try(coalesce(var.queue.fifo_throughput_limit, "null"), "null")}\" is not one of perQueue, perMessageGroupId. Choose perMessageGroupId for high throughput, or leave it unset."
  }

  validation {
    condition     = try(var.queue.fifo || var.queue.fifo_throughput_limit == null, var.queue == null)
    error_message = "queue.fifo_throughput_limit = \"${try(coalesce(var.queue.fifo_throughput_limit, "null"), "null")}\" and queue.fifo = false: a standard queue has no such limit. Remove the first, or set queue.fifo."
  }

  # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
  validation {
    condition     = try(coalesce(var.queue.fifo_throughput_limit, "perQueue") != "perMessageGroupId" || coalesce(var.queue.deduplication_scope, "queue") == "messageGroup", var.queue == null)
    error_message = "queue.fifo_throughput_limit = \"perMessageGroupId\" with queue.deduplication_scope = \"${try(coalesce(var.queue.deduplication_scope, "queue"), "null")}\": SQS takes that limit only with messageGroup. Set queue.deduplication_scope = \"messageGroup\"."
  }

  validation {
    condition     = try(alltrue([for pattern in var.queue.filters : can(keys(jsondecode(pattern)))]), var.queue == null)
    error_message = "queue.filters has ${try(jsonencode([for pattern in var.queue.filters : pattern if !can(keys(jsondecode(pattern)))]), "null")}, not JSON objects. Use jsonencode({ body = ... })."
  }

  validation {
    condition     = try(floor(var.queue.max_message_size_bytes) == var.queue.max_message_size_bytes && var.queue.max_message_size_bytes >= 1024 && var.queue.max_message_size_bytes <= 262144, var.queue == null)
    error_message = "queue.max_message_size_bytes = ${try(var.queue.max_message_size_bytes, "null")} is not a whole number from 1024 to 262144 (bytes, 256 KiB). Set one in that range."
  }

  validation {
    condition     = try(alltrue([for statement in var.queue.policy_statements : contains(["Allow", "Deny"], statement.effect)]), var.queue == null)
    error_message = "queue.policy_statements has the effects ${try(jsonencode([for statement in var.queue.policy_statements : statement.effect if !contains(["Allow", "Deny"], statement.effect)]), "null")}, not Allow or Deny. Correct them."
  }

  validation {
    condition     = try(alltrue([for statement in var.queue.policy_statements : length(statement.actions) > 0 && alltrue([for action in statement.actions : startswith(action, "sqs:")])]), var.queue == null)
    error_message = "queue.policy_statements has the actions ${try(jsonencode([for statement in var.queue.policy_statements : statement.actions if length(statement.actions) == 0 || !alltrue([for action in statement.actions : startswith(action, "sqs:")])]), "null")}; a queue's policy takes at least one, all of SQS. Name them, such as \"sqs:SendMessage\"."
  }

  validation {
    condition     = try(alltrue([for statement in var.queue.policy_statements : statement.effect == "Deny" || length(statement.conditions) > 0 || !contains(flatten(values(statement.principals)), "*")]), var.queue == null)
    error_message = "queue.policy_statements allows everyone (\"*\") without a condition (number ${try(join(", ", [for index, statement in var.queue.policy_statements : index + 1 if statement.effect != "Deny" && length(statement.conditions) == 0 && contains(flatten(values(statement.principals)), "*")]), "null")}). Name the principals, or set conditions such as aws:PrincipalOrgID."
  }

  validation {
    condition     = try(alltrue([for statement in var.queue.policy_statements : length(setsubtract(keys(statement.principals), ["AWS", "CanonicalUser", "Federated", "Service"])) == 0]), var.queue == null)
    error_message = "queue.policy_statements has principals of the types ${try(jsonencode(flatten([for statement in var.queue.policy_statements : keys(statement.principals)])), "null")}, not only AWS, CanonicalUser, Federated and Service. Correct them; for everyone write { AWS = [\"*\"] }."
  }

  validation {
    condition     = try(alltrue([for statement in var.queue.policy_statements : length(flatten(values(statement.principals))) > 0]), var.queue == null)
    error_message = "queue.policy_statements has a statement without principals (number ${try(join(", ", [for index, statement in var.queue.policy_statements : index + 1 if length(flatten(values(statement.principals))) == 0]), "null")}); each says of whom it speaks. Set for example principals = { AWS = [\"arn:aws:iam::123456789012:root\"] }."
  }

  validation {
    condition     = try(alltrue([for statement in var.queue.policy_statements : can(regex("^[A-Za-z0-9]+$", coalesce(statement.sid, "none"))) && !can(regex("^(DenyInsecureTransport$|From)", coalesce(statement.sid, "none")))]), var.queue == null)
    error_message = "queue.policy_statements has the sids ${try(jsonencode([for statement in var.queue.policy_statements : statement.sid if statement.sid != null]), "null")}; they are letters and digits, and DenyInsecureTransport and what starts with From are the module's. Rename or remove them."
  }

  validation {
    condition     = try(length(distinct([for statement in var.queue.policy_statements : statement.sid if statement.sid != null])) == length([for statement in var.queue.policy_statements : statement.sid if statement.sid != null]), var.queue == null)
    error_message = "queue.policy_statements repeats a sid: ${try(jsonencode([for statement in var.queue.policy_statements : statement.sid if statement.sid != null]), "null")}; a policy takes each only once. Rename or remove the repeated ones."
  }

  validation {
    condition     = try(floor(var.queue.receive_wait_time_seconds) == var.queue.receive_wait_time_seconds && var.queue.receive_wait_time_seconds >= 0 && var.queue.receive_wait_time_seconds <= 20, var.queue == null)
    error_message = "queue.receive_wait_time_seconds = ${try(var.queue.receive_wait_time_seconds, "null")} is not a whole number from 0 to 20 (seconds). Set one in that range."
  }
}

variable "streams" {
  description = <<-EOT
    Further sources beside the queue, by a name of your choice: Kinesis data streams and DynamoDB streams.
    - `arn` (of the stream, or of a registered consumer of a Kinesis stream): what is read.
    - `batch_size` (1 to 10000): records per invocation.
    - `maximum_batching_window_in_seconds` (0 to 300 s): how long Lambda waits to fill a batch.
    - `bisect_batch_on_function_error` (true or false): whether a batch whose invocation fails is split in two.
    - `enabled` (true or false): whether the stream is read.
    - `failure_destination_arn` (a standard queue or topic, not the module's own queues): is told of records
      which Lambda gives up on. It gets where they stand in the stream, not the records.
    - `filters` (event patterns in JSON; 5, by AWS's default quota): which records are processed; others are
      skipped.
    - `kms_key_arn` (of a KMS key): the key of yours that encrypts the stream, if one does, for the role to
      use.
    - `maximum_record_age_seconds` (60 to 604800 s): Lambda gives up on older records.
    - `maximum_retry_attempts` (0 to 10000): Lambda gives up on a batch after as many retries.
    - `metrics` (true or false): whether Lambda counts the events of this mapping in CloudWatch
      (`EventCount`), for a charge.
    - `parallelization_factor` (1 to 10): batches of a shard that are processed at the same time. Records of
      one partition key stay in order.
    - `source` (`kinesis` or `dynamodb`): what the ARN is of.
    - `starting_position` (`TRIM_HORIZON`, `LATEST`, or for Kinesis `AT_TIMESTAMP`): the oldest record, the
      next one, or one of a time. Changing it creates the mapping anew.
    - `starting_position_timestamp` (such as `"2025-01-31T12:00:00Z"`; only for `AT_TIMESTAMP`): that time.
  EOT
  nullable    = false
  default     = {}

  type = map(object({
    arn                                = string
    batch_size                         = optional(number, 100)
    maximum_batching_window_in_seconds = optional(number, 0)
    bisect_batch_on_function_error     = optional(bool, true)
    enabled                            = optional(bool, true)
    failure_destination_arn            = string
    filters                            = optional(list(string), [])
    kms_key_arn                        = optional(string)
    maximum_record_age_seconds         = optional(number, 86400)
    maximum_retry_attempts             = optional(number, 10)
    metrics                            = optional(bool, false)
    parallelization_factor             = optional(number, 1)
    source                             = string
    starting_position                  = optional(string, "TRIM_HORIZON")
    starting_position_timestamp        = optional(string)
  }))

  validation {
    condition     = length(distinct([for stream in var.streams : stream.arn])) == length(var.streams)
    error_message = "streams has one arn under several names: ${join(", ", keys(var.streams))}; Lambda takes each stream once for a function. Remove all but one."
  }

  # https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html and
  # https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html give the limits.

  validation {
    condition     = alltrue([for stream in var.streams : can(regex(local.stream_arns[stream.source], stream.arn)) || !contains(keys(local.stream_arns), coalesce(stream.source, "null"))])
    error_message = "${join(", ", [for name, stream in var.streams : "streams.${name}.arn = \"${coalesce(stream.arn, "null")}\"" if !can(regex(local.stream_arns[stream.source], stream.arn))])} is not the ARN of a stream of its source. Give the stream_arn of a DynamoDB table, or the arn of a Kinesis stream."
  }

  validation {
    condition     = alltrue([for stream in var.streams : floor(stream.batch_size) == stream.batch_size && stream.batch_size >= 1 && stream.batch_size <= 10000])
    error_message = "${join(", ", [for name, stream in var.streams : "streams.${name}.batch_size = ${stream.batch_size}" if floor(stream.batch_size) != stream.batch_size || stream.batch_size < 1 || stream.batch_size > 10000])} is not a whole number from 1 to 10000 (records). Set one in that range; 100 suits most."
  }

  validation {
    condition     = alltrue([for stream in var.streams : floor(stream.maximum_batching_window_in_seconds) == stream.maximum_batching_window_in_seconds && stream.maximum_batching_window_in_seconds >= 0 && stream.maximum_batching_window_in_seconds <= 300])
    error_message = "${join(", ", [for name, stream in var.streams : "streams.${name}.maximum_batching_window_in_seconds = ${stream.maximum_batching_window_in_seconds}" if floor(stream.maximum_batching_window_in_seconds) != stream.maximum_batching_window_in_seconds || stream.maximum_batching_window_in_seconds < 0 || stream.maximum_batching_window_in_seconds > 300])} is not a whole number from 0 to 300 (seconds). Set one in that range; 0 does not wait."
  }

  validation {
    condition     = alltrue([for stream in var.streams : can(regex("^arn:[^:]+:(sqs|sns):[^:]+:[0-9]{12}:[A-Za-z0-9_.-]+$", stream.failure_destination_arn))])
    error_message = "${join(", ", [for name, stream in var.streams : "streams.${name}.failure_destination_arn = \"${coalesce(stream.failure_destination_arn, "null")}\"" if !can(regex("^arn:[^:]+:(sqs|sns):[^:]+:[0-9]{12}:[A-Za-z0-9_.-]+$", stream.failure_destination_arn))])} is not the ARN of an SQS queue or an SNS topic. Give one of a queue or topic of its own: records that Lambda gives up on would be lost."
  }

  validation {
    condition     = !anytrue([for stream in var.streams : endswith(coalesce(stream.failure_destination_arn, "null"), ".fifo")])
    error_message = "${join(", ", [for name, stream in var.streams : "streams.${name}.failure_destination_arn = \"${coalesce(stream.failure_destination_arn, "null")}\"" if endswith(coalesce(stream.failure_destination_arn, "null"), ".fifo")])} is FIFO; Lambda sends to standard queues and topics only. Give a standard one."
  }

  validation {
    condition     = alltrue(flatten([for stream in var.streams : [for pattern in stream.filters : can(keys(jsondecode(pattern)))]]))
    error_message = "${join(", ", flatten([for name, stream in var.streams : [for index, pattern in stream.filters : "streams.${name}.filters[${index}] = ${jsonencode(pattern)}" if !can(keys(jsondecode(pattern)))]]))} is not a JSON object. Use jsonencode({ ... })."
  }

  # Infinite (-1) is AWS's default for both: one record that always fails then stops its shard until it
  # expires. 60 s: https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
  validation {
    condition     = alltrue([for stream in var.streams : floor(stream.maximum_record_age_seconds) == stream.maximum_record_age_seconds && stream.maximum_record_age_seconds >= 60 && stream.maximum_record_age_seconds <= 604800])
    error_message = "${join(", ", [for name, stream in var.streams : "streams.${name}.maximum_record_age_seconds = ${stream.maximum_record_age_seconds}" if floor(stream.maximum_record_age_seconds) != stream.maximum_record_age_seconds || stream.maximum_record_age_seconds < 60 || stream.maximum_record_age_seconds > 604800])} is not a whole number from 60 to 604800 (seconds, 7 days). Set one in that range, such as the stream's retention."
  }

  validation {
    condition     = alltrue([for stream in var.streams : floor(stream.maximum_retry_attempts) == stream.maximum_retry_attempts && stream.maximum_retry_attempts >= 0 && stream.maximum_retry_attempts <= 10000])
    error_message = "${join(", ", [for name, stream in var.streams : "streams.${name}.maximum_retry_attempts = ${stream.maximum_retry_attempts}" if floor(stream.maximum_retry_attempts) != stream.maximum_retry_attempts || stream.maximum_retry_attempts < 0 || stream.maximum_retry_attempts > 10000])} is not a whole number from 0 to 10000. Set one in that range; about 10 outlasts a short outage."
  }

  validation {
    condition     = alltrue([for stream in var.streams : floor(stream.parallelization_factor) == stream.parallelization_factor && stream.parallelization_factor >= 1 && stream.parallelization_factor <= 10])
    error_message = "${join(", ", [for name, stream in var.streams : "streams.${name}.parallelization_factor = ${stream.parallelization_factor}" if floor(stream.parallelization_factor) != stream.parallelization_factor || stream.parallelization_factor < 1 || stream.parallelization_factor > 10])} is not a whole number from 1 to 10. Set one in that range."
  }

  validation {
    condition     = alltrue([for stream in var.streams : contains(keys(local.stream_arns), coalesce(stream.source, "null"))])
    error_message = "${join(", ", [for name, stream in var.streams : "streams.${name}.source = \"${coalesce(stream.source, "null")}\"" if !contains(keys(local.stream_arns), coalesce(stream.source, "null"))])} is not one of ${join(", ", keys(local.stream_arns))}. Choose the one that the ARN is of."
  }

  validation {
    condition     = alltrue([for stream in var.streams : contains(local.starting_positions, stream.starting_position)])
    error_message = "${join(", ", [for name, stream in var.streams : "streams.${name}.starting_position = \"${stream.starting_position}\"" if !contains(local.starting_positions, stream.starting_position)])} is not one of ${join(", ", local.starting_positions)}. Choose TRIM_HORIZON to miss no record."
  }

  validation {
    condition     = !anytrue([for stream in var.streams : stream.starting_position == "AT_TIMESTAMP" && coalesce(stream.source, "null") == "dynamodb"])
    error_message = "${join(", ", [for name, stream in var.streams : "streams.${name}.starting_position = \"AT_TIMESTAMP\"" if stream.starting_position == "AT_TIMESTAMP" && coalesce(stream.source, "null") == "dynamodb"])}, which DynamoDB streams do not know. Choose TRIM_HORIZON or LATEST."
  }

  validation {
    condition     = alltrue([for stream in var.streams : (stream.starting_position == "AT_TIMESTAMP") == (stream.starting_position_timestamp != null)])
    error_message = "${join(", ", [for name, stream in var.streams : "streams.${name}.starting_position = \"${stream.starting_position}\" with starting_position_timestamp = \"${coalesce(stream.starting_position_timestamp, "null")}\"" if(stream.starting_position == "AT_TIMESTAMP") != (stream.starting_position_timestamp != null)])}: AT_TIMESTAMP takes a timestamp, and no other position does. Set both or neither."
  }

  validation {
    condition     = alltrue([for stream in var.streams : stream.starting_position_timestamp == null ? true : can(regex("^[0-9-]{10}T[0-9:]{8}Z$", stream.starting_position_timestamp)) && can(formatdate("YYYY", stream.starting_position_timestamp))])
    error_message = "${join(", ", [for name, stream in var.streams : "streams.${name}.starting_position_timestamp = \"${coalesce(stream.starting_position_timestamp, "null")}\"" if stream.starting_position_timestamp == null ? false : !(can(regex("^[0-9-]{10}T[0-9:]{8}Z$", stream.starting_position_timestamp)) && can(formatdate("YYYY", stream.starting_position_timestamp)))])} is no time of the form \"2025-01-31T12:00:00Z\". Correct it."
  }

  validation {
    condition     = alltrue([for stream in var.streams : stream.kms_key_arn == null ? true : can(regex(local.kms_key_arn, stream.kms_key_arn))])
    error_message = "${join(", ", [for name, stream in var.streams : "streams.${name}.kms_key_arn = \"${coalesce(stream.kms_key_arn, "null")}\"" if stream.kms_key_arn == null ? false : !can(regex(local.kms_key_arn, stream.kms_key_arn))])} is not the ARN of a KMS key. Give the arn of the key that encrypts the stream, or null."
  }
}

variable "table" {
  description = <<-EOT
    The table of idempotency records, encrypted, with TTL. Billed per request unless `provisioned`.
    - `class` (`STANDARD` or `STANDARD_INFREQUENT_ACCESS`): the second stores for less and writes for more.
    - `deletion_protection` (true or false): whether the table refuses to be deleted.
    - `existing.arn` (of a table in this account and Region): a table that exists, instead of one that the
      module creates: with the partition key `id`, a string, no sort key, and TTL on `expires_at`. Several
      consumers may share one; each has a namespace.
    - `existing.kms_key_arn` (of a KMS key): the key of yours that encrypts the table, if one does, for the
      role to use.
    - `max_read_request_units` (1 or more, or -1; not if `provisioned`): throttles reads above; null for no limit.
      To lift a limit that was set, apply -1 before null.
    - `max_write_request_units` (1 or more, or -1; not if `provisioned`): the same of writes.
    - `point_in_time_recovery` (true or false): whether it can be restored to any second of the last 35 days.
    - `provisioned.read_units` (1 or more): read capacity, billed by the hour instead of per request.
    - `provisioned.write_units` (1 or more): write capacity; a message takes two.
    - `shared` (true or false): whether other consumers use this table. The role then reads and writes only
      records of its own namespace, as the role of a consumer with an existing table does.
  EOT
  nullable    = false
  default     = {}

  type = object({
    class               = optional(string, "STANDARD")
    deletion_protection = optional(bool, false)
    existing = optional(object({
      arn         = string
      kms_key_arn = optional(string)
    }))
    max_read_request_units  = optional(number)
    max_write_request_units = optional(number)
    point_in_time_recovery  = optional(bool, true)
    provisioned = optional(object({
      read_units  = number
      write_units = number
    }))
    shared = optional(bool, false)
  })

  validation {
    condition     = contains(["STANDARD", "STANDARD_INFREQUENT_ACCESS"], var.table.class)
    error_message = "table.class = \"${var.table.class}\" is not one of STANDARD, STANDARD_INFREQUENT_ACCESS. Choose STANDARD unless storage costs more than requests."
  }

  validation {
    condition     = var.table.existing == null ? true : can(regex("^arn:[^:]+:dynamodb:[^:]+:[0-9]{12}:table/[A-Za-z0-9_.-]+$", var.table.existing.arn))
    error_message = "table.existing.arn = \"${try(coalesce(var.table.existing.arn), "null")}\" is not the ARN of a DynamoDB table. Give the table's arn."
  }

  validation {
    condition     = try(var.table.existing.kms_key_arn == null ? true : can(regex(local.kms_key_arn, var.table.existing.kms_key_arn)), var.table.existing == null)
    error_message = "table.existing.kms_key_arn = \"${try(coalesce(var.table.existing.kms_key_arn), "null")}\" is not the ARN of a KMS key. Give the arn of the key that encrypts the table, or null."
  }

  validation {
    condition     = var.table.existing == null ? true : alltrue([for name, value in local.table_defaults : jsonencode(var.table[name]) == jsonencode(value)])
    error_message = "table.existing stands beside ${join(", ", [for name, value in local.table_defaults : "table.${name}" if jsonencode(var.table[name]) != jsonencode(value)])}, which only a table that the module creates takes. Set that where the table is declared, or remove table.existing."
  }

  validation {
    condition     = alltrue([for units in [var.table.max_read_request_units, var.table.max_write_request_units] : units == null ? true : floor(units) == units && (units >= 1 || units == -1)])
    error_message = "table.max_read_request_units = ${coalesce(var.table.max_read_request_units, "null")} or table.max_write_request_units = ${coalesce(var.table.max_write_request_units, "null")} is not a whole number of at least 1, nor -1. Set one, or null for no limit."
  }

  validation {
    condition     = var.table.provisioned == null || (var.table.max_read_request_units == null && var.table.max_write_request_units == null)
    error_message = "table.provisioned stands beside table.max_read_request_units or table.max_write_request_units, which limit only a table that is billed per request. Remove one or the other."
  }

  validation {
    condition     = alltrue([for units in values(coalesce(var.table.provisioned, { read_units = 1, write_units = 1 })) : floor(units) == units && units >= 1])
    error_message = "table.provisioned has ${jsonencode(var.table.provisioned)}, not whole numbers of at least 1. Set both in that range, or null to be billed per request."
  }
}

variable "tags" {
  description = "Tags for everything that takes them, beside the provider's default tags. Limit: 50 in all, as AWS takes."
  type        = map(string)
  nullable    = false
  default     = {}
}
