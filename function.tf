resource "aws_lambda_function" "consumer" {
  # checkov:skip=CKV_AWS_272:Code packed at apply has no signature. Use function.existing for a signed function.
  count = local.creates_function ? 1 : 0

  function_name                  = local.function_name
  description                    = "Processes each message once per idempotency key."
  role                           = aws_iam_role.function[0].arn
  package_type                   = local.image ? "Image" : "Zip"
  image_uri                      = try(var.code.image.uri, null)
  filename                       = local.filename
  s3_bucket                      = try(var.code.s3.bucket, null)
  s3_key                         = try(var.code.s3.key, null)
  s3_object_version              = try(var.code.s3.object_version, null)
  source_code_hash               = one(terraform_data.code[*].id)
  handler                        = local.image ? null : local.entry_point
  runtime                        = local.image ? null : var.function.runtime # python3.14: hashicorp/aws 6.20
  layers                         = var.function.layers
  architectures                  = [var.function.architecture]
  memory_size                    = var.function.memory_size_mb
  timeout                        = var.function.timeout_seconds # above 900: hashicorp/aws after 6.69.1
  reserved_concurrent_executions = var.function.reserved_concurrency
  publish                        = var.function.alias != null
  kms_key_arn                    = local.function_key_arn

  environment {
    variables = merge(var.function.environment, local.wrapper_environment, local.environment)
  }

  ephemeral_storage {
    size = var.function.ephemeral_storage_mb
  }

  dynamic "image_config" {
    for_each = local.image ? [local.entry_point] : []

    content {
      command = [image_config.value]
    }
  }

  dynamic "vpc_config" {
    for_each = nonsensitive(var.function.vpc == null) ? [] : [var.function.vpc]

    content {
      security_group_ids = vpc_config.value.security_group_ids
      subnet_ids         = vpc_config.value.subnet_ids
    }
  }

  # When the retries of an asynchronous invocation fail, Lambda sends the event itself here, so that a redrive through
  # the queue runs it again. An on-failure destination would get a report about the event instead.
  # https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
  dynamic "dead_letter_config" {
    for_each = length(local.allowed_triggers) > 0 ? [local.dead_letter_queue_arn] : []

    content {
      target_arn = dead_letter_config.value
    }
  }

  # The levels are always set: if one is removed, the provider keeps the level that the function had.
  logging_config {
    application_log_level = var.logs.application_level
    log_format            = "JSON"
    log_group             = aws_cloudwatch_log_group.function[0].name
    system_log_level      = var.logs.system_level
  }

  dynamic "snap_start" {
    for_each = nonsensitive(var.function.snap_start) ? ["PublishedVersions"] : []

    content {
      apply_on = snap_start.value
    }
  }

  tracing_config {
    mode = var.function.tracing ? "Active" : "PassThrough"
  }

  tags = local.function_tags

  # So that the function has its permissions in every invocation, even in the first and in the last.
  depends_on = [
    aws_iam_role_policy.function,
    aws_iam_role_policy.processor,
    aws_iam_role_policy_attachment.managed,
  ]

  lifecycle {
    precondition {
      condition     = length(local.function_faults) == 0
      error_message = join(" ", local.function_faults)
    }

    precondition {
      condition = var.code != null
      error_message = join(" ", [
        "code is null, and a function that the module creates needs it. Set code = { source_dir = ... }, or set",
        "function.existing to use an existing function.",
      ])
    }

    precondition {
      condition = try(coalesce(var.code.filename), null) == null ? true : fileexists(var.code.filename)
      error_message = nonsensitive(join("", [for part in [
        "code.filename = \"", try(coalesce(var.code.filename), "null"), "\" does not exist; it must exist when ",
        "Terraform plans the function. Build the zip first, and check the path: a relative one starts where terraform ",
        "runs.",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }

    precondition {
      condition = var.processor != null || var.function.handler != local.builtin_handler
      error_message = join(" ", [
        "processor is null, and the built-in entry point needs it. Set it to \"module.function\", or set",
        "function.handler to your handler.",
      ])
    }

    precondition {
      condition = var.processor == null || var.function.handler == local.builtin_handler
      error_message = nonsensitive(join("", [for part in [
        "function.handler = \"", var.function.handler, "\" replaces the built-in entry point, so processor = \"",
        coalesce(var.processor, "null"), "\" would never be called and nothing would be idempotent. Remove ",
        "function.handler, or set processor = null if your handler makes the claims itself.",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }

    # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
    precondition {
      condition = local.environment_bytes <= 4096
      error_message = nonsensitive(join("", [for part in [
        "function.environment and the variables of the module have at least ", local.environment_bytes, " bytes in ",
        "all; Lambda takes 4096, and counts names, values and the JSON around them. Shorten or remove some, and let ",
        "your code read long values from a parameter or a file.",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }

    precondition {
      condition = local.trigger_policy_bytes <= 20480
      error_message = nonsensitive(join("", [for part in [
        "allowed_triggers has ", length(local.allowed_triggers), " triggers, which make a policy of at least ",
        local.trigger_policy_bytes, " bytes; Lambda takes 20480 for a function. Use a rule or a topic for several ",
        "sources, or queue.allowed_senders, which takes a list.",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }

    precondition {
      condition = !local.image || length(var.function.layers) == 0
      error_message = nonsensitive(join("", [for part in [
        "function.layers has ", length(var.function.layers), " layers, and code.image is set; Lambda adds none to an ",
        "image. Remove them, and copy their content into the image.",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }

    # Since July 2026, Lambda also takes snapshots of images; whether theirs has a fitting runtime is not known here.
    # https://docs.aws.amazon.com/lambda/latest/dg/snapstart.html
    precondition {
      condition = !var.function.snap_start || (
        var.function.ephemeral_storage_mb <= 512 && (local.image || var.function.runtime != "python3.11")
      )
      error_message = nonsensitive(join("", [for part in [
        "function.snap_start is set with runtime = \"", var.function.runtime, "\" and ephemeral_storage_mb = ",
        var.function.ephemeral_storage_mb, "; Lambda takes snapshots of python3.12 or newer and of 512 MB only. Set ",
        "these, or remove snap_start.",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }

    precondition {
      condition = length(local.allowed_triggers) == 0 || !local.fifo
      error_message = nonsensitive(join("", [for part in [
        "allowed_triggers is not empty (", join(", ", keys(local.allowed_triggers)), ") and the queue is FIFO: Lambda ",
        "sends events that it gives up on to standard queues only, so the dead-letter queue would not get them. Use ",
        "another instance of the module, without queue.fifo, for direct invocations.",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }
  }
}

# If Lambda created the log group, it would keep lines forever and would stay when you destroy the function.
resource "aws_cloudwatch_log_group" "function" {
  count = local.creates_function ? 1 : 0

  name              = "/aws/lambda/${local.function_name}"
  log_group_class   = var.logs.class
  retention_in_days = var.logs.retention_days
  kms_key_id        = local.logs_key_arn
  tags              = local.tags.logs
}

locals {
  # With `function.existing`, the logs must keep the defaults in variables.tf (a test compares both).
  logs_defaults = {
    application_level = "INFO"
    class             = null
    kms_key_arn       = null
    retention_days    = 30
    system_level      = "INFO"
    tags              = {}
  }

  # Null where Lambda published none, which checks.tf reports. Unknown while the function changes.
  newest_version = try(tonumber(aws_lambda_function.consumer[0].version), null)

  # The settings that the alias has to invoke, and the settings that it invokes.
  function_settings = one([for function in aws_lambda_function.consumer : jsonencode([
    local.running_sha256, function.handler, function.layers, function.memory_size, function.runtime, function.timeout,
    function.environment[*].variables,
  ])])
  published_settings = one([for version in data.aws_lambda_function.published : jsonencode([
    version.code_sha256, version.handler, version.layers, version.memory_size, version.runtime, version.timeout,
    version.environment[*].variables,
  ])])
}

# The version that the alias points to. checks.tf compares its code with the function's.
data "aws_lambda_function" "published" {
  count = local.creates_function && local.uses_alias && !local.image ? 1 : 0

  function_name = aws_lambda_function.consumer[0].function_name
  qualifier     = aws_lambda_function.consumer[0].version
}

resource "aws_lambda_alias" "consumer" {
  count = local.uses_alias ? 1 : 0

  name             = var.function.alias
  description      = "The newest version; the mappings invoke it."
  function_name    = aws_lambda_function.consumer[0].function_name
  function_version = aws_lambda_function.consumer[0].version

  # Lambda takes one more version. The alias points to the newest one, which gets what the shares leave.
  dynamic "routing_config" {
    for_each = nonsensitive(length(var.function.alias_weights)) > 0 ? [var.function.alias_weights] : []

    content {
      additional_version_weights = routing_config.value
    }
  }

  # When a function is replaced, its alias and permissions are deleted with it.
  lifecycle {
    replace_triggered_by = [aws_lambda_function.consumer[0].arn]

    # Lambda refuses an alias with one version twice. It never reuses a number, so after a replacement an older version
    # may be gone, which this cannot know. https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html
    precondition {
      condition = local.newest_version == null ? true : alltrue([
        for version in keys(var.function.alias_weights) : tonumber(version) < local.newest_version
      ])
      error_message = nonsensitive(join("", [for part in [
        "function.alias_weights = ", jsonencode(var.function.alias_weights), " names a version that is not older than ",
        "${aws_lambda_function.consumer[0].version}, the newest one of ", local.function_name, ", which the alias has ",
        "already. Name an older version, or remove alias_weights.",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }
  }
}

resource "aws_lambda_provisioned_concurrency_config" "consumer" {
  count = local.knows_function && nonsensitive(var.function.provisioned_concurrency != null) ? 1 : 0

  function_name                     = aws_lambda_alias.consumer[0].function_name
  qualifier                         = aws_lambda_alias.consumer[0].name
  provisioned_concurrent_executions = var.function.provisioned_concurrency

  # As for the alias.
  lifecycle {
    replace_triggered_by = [aws_lambda_function.consumer[0].arn]
  }
}

resource "aws_lambda_permission" "invoker" {
  for_each = {
    # The names in allowed_triggers must be known when Terraform plans. Use constants for them.
    for name, trigger in local.allowed_triggers : name => trigger if local.creates_function
  }

  statement_id  = each.key
  action        = "lambda:InvokeFunction"
  function_name = local.function_name
  qualifier     = one(aws_lambda_alias.consumer[*].name)
  principal     = "${each.value.service}.amazonaws.com"
  source_arn    = each.value.source_arn

  # The ARN of a bucket has no account (queue.tf).
  source_account = each.value.service == "s3" ? local.arn_parts.account : null

  depends_on = [aws_lambda_function.consumer]

  # As for the alias.
  lifecycle {
    replace_triggered_by = [aws_lambda_function.consumer[0].arn]
  }
}
