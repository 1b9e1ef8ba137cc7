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
  runtime                        = local.image ? null : var.function.runtime
  layers                         = var.function.layers
  architectures                  = [var.function.architecture]
  memory_size                    = var.function.memory_size_mb
  timeout                        = var.function.timeout_seconds
  reserved_concurrent_executions = var.function.reserved_concurrency
  publish                        = var.function.alias != null
  kms_key_arn                    = var.kms_key_arn

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

  logging_config {
    log_format = "JSON"
    log_group  = aws_cloudwatch_log_group.function[0].name
  }

  tracing_config {
    mode = var.function.tracing ? "Active" : "PassThrough"
  }

  tags = var.tags

  # So that the function has its permissions in every invocation, even in the first and in the last.
  depends_on = [aws_iam_role_policy.function, aws_iam_role_policy.processor]

  lifecycle {
    precondition {
      condition = var.code != null
      error_message = join(" ", [
        "code is null, and a function that the module creates needs it. Set code = { source_dir = ... }, or set",
        "function.existing to use an existing function.",
      ])
    }

    precondition {
      condition = try(coalesce(var.code.filename), null) == null ? true : fileexists(var.code.filename)
      error_message = nonsensitive(join(" ", [for part in [
        "code.filename =", "\"${try(coalesce(var.code.filename), "null")}\"", "does not exist; it must exist when",
        "Terraform plans the function. Build the zip first, and check the path: a relative one starts where",
        "terraform runs.",
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
      error_message = nonsensitive(join(" ", [for part in [
        "function.handler =", "\"${var.function.handler}\"", "replaces the built-in entry point, so processor =",
        "\"${coalesce(var.processor, "null")}\"", "would never be called and nothing would be idempotent. Remove",
        "function.handler, or set processor = null if your handler makes the claims itself.",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }

    precondition {
      condition = !local.image || length(var.function.layers) == 0
      error_message = nonsensitive(join(" ", [for part in [
        "function.layers has", length(var.function.layers), "layers, and code.image is set; Lambda adds none to an",
        "image. Remove them, and copy their content into the image.",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }

    precondition {
      condition = length(local.allowed_triggers) == 0 || !local.fifo
      error_message = nonsensitive(join(" ", [for part in [
        "allowed_triggers is not empty", "(${join(", ", keys(local.allowed_triggers))})", "and the queue is FIFO:",
        "Lambda sends events that it gives up on to standard queues only, so the dead-letter queue would not get",
        "them. Use another instance of the module, without queue.fifo, for direct invocations.",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }
  }
}

# If Lambda created the log group, it would keep lines forever and would stay when you destroy the function.
resource "aws_cloudwatch_log_group" "function" {
  count = local.creates_function ? 1 : 0

  name              = "/aws/lambda/${local.function_name}"
  retention_in_days = var.logs.retention_days
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
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

  # When a function is replaced, its alias and permissions are deleted with it.
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
