# The rules that join several parts or inputs. They are together here, because a part that exists already has no
# resource that could hold them.

locals {
  # The code that has to run, the code that runs, and the remedy where they differ. While a change of the function
  # is planned, last_modified is unknown, so the running code is unknown, too.
  sha256      = "^[A-Za-z0-9+/]{43}=$"
  code_sha256 = one(terraform_data.code[*].output)
  running_sha256 = one([
    for function in aws_lambda_function.consumer : function.code_sha256
    if function.last_modified != ""
  ])
  published = one(data.aws_lambda_function.published)
  redeploy_remedy = join("", [
    "Deploy again: terraform apply -replace='ADDRESS.",
    local.builds_package ? "terraform_data.package[0]" : "terraform_data.code[0]",
    "', and replace ADDRESS with the address of this module, such as module.orders.",
  ])

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

# Preconditions, because a failed `check` block only warns. This resource never changes; Terraform evaluates the
# preconditions in each plan all the same, and again in the apply if a value was unknown.
#
# Only the output "function" may depend on it. The output "environment" must not: an existing function of the same
# stack takes the environment before it has the ARN that these rules need.
resource "terraform_data" "checks" {
  lifecycle {
    # Where the parts are.
    precondition {
      condition = length(local.existing_locations) <= 1
      error_message = join(" ", [
        "The existing parts are in several Regions or accounts: ${join(", ", local.existing_locations)};",
        "a function, its queue and its table have to be in one. Give ARNs of one place.",
      ])
    }

    # Inputs that an existing part cannot take.
    precondition {
      condition = local.creates_function || var.code == null
      error_message = join(" ", [
        "code is set together with function.existing, and the module does not deploy code to an existing function.",
        "Remove code, or function.existing.",
      ])
    }

    precondition {
      condition = local.creates_function || length(local.allowed_triggers) == 0
      error_message = nonsensitive(join(" ", [for part in [
        "allowed_triggers has", join(", ", keys(local.allowed_triggers)), "together with function.existing: the",
        "module cannot set the dead-letter config of an existing function, and events that Lambda gives up on would",
        "be lost. Remove allowed_triggers, and declare aws_lambda_permission and dead_letter_config where the",
        "function is declared.",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }

    precondition {
      condition = (
        var.kms_key_arn == null || local.creates_function || local.creates_table || !local.uses_existing_queue ||
        try(length(var.queue.filters), 0) + length(flatten([for stream in var.streams : stream.filters])) > 0
      )
      error_message = join(" ", [
        "kms_key_arn is set, and every part exists already: the key encrypts nothing. Remove it, and name the keys of",
        "existing parts in table.existing.kms_key_arn and queue.existing.kms_key_arn.",
      ])
    }

    # Times. A record outlives its message.
    precondition {
      condition = local.record_retention_seconds >= local.retention_seconds
      error_message = nonsensitive(join(" ", [for part in [
        "idempotency.retention_seconds =", local.record_retention_seconds, "is below",
        "${local.queue_input}.message_retention_seconds =", "${local.retention_seconds}:", "a record would expire",
        "while its message can still be delivered. Raise it, or set null to have it derived.",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }

    precondition {
      condition = local.record_retention_seconds >= local.stream_age_seconds
      error_message = nonsensitive(join(" ", [for part in [
        "idempotency.retention_seconds =", local.record_retention_seconds, "is below the longest",
        "maximum_record_age_seconds of streams =", "${local.stream_age_seconds}:", "a record would expire while its",
        "stream can still deliver it again. Raise it, or set null to have it derived.",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }

    precondition {
      condition = local.record_retention_seconds >= local.invocation_age_seconds
      error_message = nonsensitive(join(" ", [for part in [
        "idempotency.retention_seconds =", local.record_retention_seconds, "is below",
        "${local.invocation_age_seconds},", "and allowed_triggers is not empty: Lambda keeps their events for up to",
        "6 hours, so a record would expire while its event can still come again. Raise it, or set null to have it",
        "derived.",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }

    precondition {
      condition = var.idempotency.minimum_remaining_seconds + local.reserve_seconds < local.timeout_seconds
      error_message = nonsensitive(join(" ", [for part in [
        "idempotency.minimum_remaining_seconds =", var.idempotency.minimum_remaining_seconds, "plus the reserve of",
        "${local.reserve_seconds} is not below ${local.function_input}.timeout_seconds =", local.timeout_seconds,
        "(seconds): no message could ever start. Lower the first, or raise the timeout.",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }

    # Metrics that somebody looks at.
    precondition {
      condition = local.writes_metrics || !local.needs_metrics
      error_message = nonsensitive(join(" ", [for part in [
        "idempotency.metrics =", "${local.writes_metrics},", "and",
        var.dashboard ? "the dashboard" : "one of the alarms ${join(", ", local.message_alarms)}", "has no data",
        "without metrics. Leave it out, or do without: dashboard = false, and these alarms in alarms.disabled.",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }

    # The deployed code. A function that could not be created has no code to compare, and this resource waits for the
    # function. While a deployment is planned, the hashes are unknown, and Terraform compares them after the
    # deployment. A mock has no SHA-256.
    precondition {
      condition = (
        local.code_sha256 == null
        ? true
        : local.running_sha256 == local.code_sha256 || !can(regex(local.sha256, local.running_sha256))
      )
      error_message = nonsensitive(join("", [for part in [
        "The function ", local.function_name, " does not run the code that Terraform deployed last: its SHA-256 is ",
        "${coalesce(local.running_sha256, "none")}, expected ${coalesce(local.code_sha256, "null")}. A deployment ",
        "failed, or somebody changed the code outside Terraform",
        local.uses_s3 ? ", or code.s3.source_code_hash is not the hash of the object" : "",
        ". ${local.redeploy_remedy}",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }

    # Lambda may refuse to publish a version after it has taken the code or the settings. The provider plans no
    # further change then, and the alias would keep the version before, or none.
    precondition {
      condition = (
        length(data.aws_lambda_function.published) == 0
        ? true
        : local.published.version != "$LATEST" && (
          local.published_settings == local.function_settings ||
          !can(regex(local.sha256, local.published.code_sha256))
        )
      )
      error_message = nonsensitive(join(" ", [for part in [
        "The function", local.function_name, "and its version", "${try(local.published.version, "none")},", "which",
        "function.alias =", "\"${coalesce(var.function.alias, "null")}\"", "invokes, have different code or",
        "settings. Publishing a version failed, or somebody changed the function outside Terraform.",
        "${local.redeploy_remedy}",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }
  }
}
