locals {
  # 1. The files to deploy, by their name in the zip. scripts/pack.py lists by the same rule; it stops
  # when its hash differs from ours.
  left_out       = "(^|/)(\\.|__pycache__/)|\\.pyc$"
  source_dir     = try(coalesce(var.code.source_dir), "-") # fileset("") would list the working directory
  source_files   = [for file in fileset(local.source_dir, "**") : file if !can(regex(local.left_out, file))]
  python_files   = [for file in local.source_files : file if endswith(file, ".py")]
  package_dir    = "${path.module}/handler"
  package_files  = [for file in fileset(local.package_dir, "idempotent_lambda/**") : file if !can(regex(local.left_out, file))]
  deployed_files = merge({ for file in local.package_files : file => "${local.package_dir}/${file}" }, { for file in local.source_files : file => "${local.source_dir}/${file}" })

  # 2. Their hash, known at plan without building anything. Text is hashed with LF, so that a checkout
  # with CRLF plans no change; what is no text fails file() and is hashed as it is.
  source_hash = sha256(join("\n", [
    for name, file in local.deployed_files : "${name} ${try(sha256(replace(file(file), "\r\n", "\n")), filesha256(file))}"
  ]))

  # 3. The zip. Its name holds the hash, so a fresh clone, which has no zip, plans no change.
  packed = try(var.code.source_dir, null) != null
  zip    = local.packed ? "${path.root}/.terraform/idempotent-lambda/${local.function_name}-${local.source_hash}.zip" : try(var.code.filename, null)

  # Not by the URI, which may be unknown while terraform plans: another kind of package is another function.
  image = var.code == null ? false : local.zip == null && var.code.s3 == null

  # 4. The files that could hold the processor's module.
  processor_module = var.processor == null ? "" : join("/", slice(split(".", var.processor), 0, length(split(".", var.processor)) - 1))
  processor_files  = local.processor_module == "" ? [] : ["${local.processor_module}.py", "${local.processor_module}/__init__.py"]
}

# Replaced, and so run again, when the code or the name changes: a renamed function is a new one and
# needs its zip, which this machine may not have.
resource "terraform_data" "package" {
  count = local.packed ? 1 : 0

  triggers_replace = [local.function_name, local.source_hash]

  provisioner "local-exec" {
    interpreter = ["sh", "-c"]
    quiet       = true
    command     = "python3 -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null || { echo \"$NO_PYTHON\" >&2; exit 1; }; exec python3 -I \"$PACKER\" \"$SOURCE_DIR\" \"$PACKAGE_DIR\" \"$ZIP\" \"$SOURCE_HASH\""

    environment = {
      NO_PYTHON   = "Cannot pack code.source_dir: no python3 of version 3.8 or newer on the PATH. Install one where terraform apply runs, or build the zip elsewhere and set code.filename."
      PACKAGE_DIR = local.package_dir
      PACKER      = "${path.module}/scripts/pack.py"
      SOURCE_DIR  = local.source_dir
      SOURCE_HASH = local.source_hash
      ZIP         = local.zip
    }
  }

  lifecycle {
    precondition {
      condition     = length(local.python_files) > 0
      error_message = "code.source_dir = \"${var.code.source_dir}\" holds no .py file; at least one is needed. Check that it is a directory and exists: a relative path starts where terraform runs, so write \"$${path.module}/...\"."
    }

    precondition {
      condition     = !contains(local.source_files, "requirements.txt")
      error_message = "code.source_dir = \"${var.code.source_dir}\" holds a requirements.txt, and packing installs nothing. Build the zip yourself: `pip install --target build -r requirements.txt`, copy your modules and this module's handler/idempotent_lambda into build, zip what is in it, and set code.filename to the zip (README, Settings)."
    }

    precondition {
      condition     = !anytrue([for file in local.source_files : split("/", trimsuffix(file, ".py"))[0] == "idempotent_lambda"])
      error_message = "code.source_dir = \"${var.code.source_dir}\" holds a module idempotent_lambda of its own, which would hide the deployed package of that name. Remove or rename it; the package is added for you."
    }

    precondition {
      condition     = length(local.python_files) == 0 || length(local.processor_files) == 0 || length(setintersection(local.processor_files, local.python_files)) > 0
      error_message = "processor = \"${coalesce(var.processor, "null")}\" names a module that code.source_dir = \"${var.code.source_dir}\" does not hold: there is no ${join(" or ", local.processor_files)}. Correct the name, or add the file."
    }
  }
}

resource "aws_lambda_function" "consumer" {
  # checkov:skip=CKV_AWS_272:Packed where terraform applies, it has no signature. Bring a signed function with function.existing.
  count = local.creates_function ? 1 : 0

  function_name                  = local.function_name
  description                    = "Processes each message once per idempotency key."
  role                           = aws_iam_role.function[0].arn
  package_type                   = local.image ? "Image" : "Zip"
  image_uri                      = try(var.code.image_uri, null)
  filename                       = local.zip
  s3_bucket                      = try(var.code.s3.bucket, null)
  s3_key                         = try(var.code.s3.key, null)
  s3_object_version              = try(var.code.s3.object_version, null)
  source_code_hash               = local.packed ? local.source_hash : try(filebase64sha256(local.zip), null)
  handler                        = local.image ? null : var.function.handler
  runtime                        = local.image ? null : var.function.runtime
  layers                         = var.function.layers
  architectures                  = [var.function.architecture]
  memory_size                    = var.function.memory_mb
  timeout                        = var.function.timeout_seconds
  reserved_concurrent_executions = var.function.reserved_concurrency
  publish                        = var.function.alias != null
  kms_key_arn                    = var.kms_key_arn

  environment {
    variables = merge(var.function.environment, local.environment)
  }

  ephemeral_storage {
    size = var.function.ephemeral_storage_mb
  }

  dynamic "image_config" {
    for_each = local.image ? [var.function.handler] : []

    content {
      command = [image_config.value]
    }
  }

  dynamic "vpc_config" {
    for_each = var.function.vpc == null ? [] : [var.function.vpc]

    content {
      security_group_ids = vpc_config.value.security_group_ids
      subnet_ids         = vpc_config.value.subnet_ids
    }
  }

  # What Lambda gives up on after its retries of an asynchronous invocation. It sends the event as it
  # came, so that a redrive through the queue runs it again; a destination would get a report about it.
  # https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
  dynamic "dead_letter_config" {
    for_each = length(var.invokers) > 0 ? [local.dead_letter_queue_arn] : []

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

  # No invocation without its permissions, from the first to the last.
  depends_on = [aws_iam_role_policy.function, aws_iam_role_policy.processor, terraform_data.package]

  lifecycle {
    precondition {
      condition     = var.code != null
      error_message = "code is null, and a function that the module creates needs it. Set code = { source_dir = ... }, or function.existing to bring a function."
    }

    precondition {
      condition     = var.processor != null || var.function.handler != local.builtin_handler
      error_message = "processor is null, and the built-in entry point needs it. Set it to \"module.function\", or set function.handler to a handler of your own."
    }

    precondition {
      condition     = var.processor == null || var.function.handler == local.builtin_handler
      error_message = "function.handler = \"${var.function.handler}\" replaces the built-in entry point, so processor = \"${coalesce(var.processor, "null")}\" would never be called and nothing would be idempotent. Remove function.handler, or set processor = null if your handler makes the claims itself."
    }

    precondition {
      condition     = !local.image || length(var.function.layers) == 0
      error_message = "function.layers has ${length(var.function.layers)} layers beside code.image_uri; Lambda adds none to an image. Remove them, and put what they hold into the image."
    }

    precondition {
      condition     = length(var.invokers) == 0 || !local.fifo
      error_message = "invokers is not empty (${join(", ", keys(var.invokers))}) and the queue is FIFO: events that Lambda gives up on go to the dead-letter queue, and Lambda sends them to a standard queue only, so they would be lost. Use a module of its own, without queue.fifo, for what invokes the function directly."
    }
  }
}

resource "aws_lambda_alias" "consumer" {
  count = var.function.alias == null ? 0 : 1

  name             = var.function.alias
  description      = "The newest version; the mappings invoke it."
  function_name    = aws_lambda_function.consumer[0].function_name
  function_version = aws_lambda_function.consumer[0].version

  # A function that is replaced takes alias and permissions along.
  lifecycle {
    replace_triggered_by = [aws_lambda_function.consumer[0].arn]
  }
}

resource "aws_lambda_permission" "invoker" {
  for_each = local.creates_function ? var.invokers : {}

  statement_id  = each.key
  action        = "lambda:InvokeFunction"
  function_name = local.function_name
  qualifier     = one(aws_lambda_alias.consumer[*].name)
  principal     = "${each.value.service}.amazonaws.com"
  source_arn    = each.value.source_arn

  # A bucket's ARN names no account (queue.tf).
  source_account = each.value.service == "s3" ? local.here.account : null

  depends_on = [aws_lambda_function.consumer]

  # As of the alias.
  lifecycle {
    replace_triggered_by = [aws_lambda_function.consumer[0].arn]
  }
}
