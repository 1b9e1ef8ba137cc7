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

  # What asks for the metrics, and how to do without them.
  metrics_by_name = var.idempotency.metrics_by_decorated_name
  metrics_user = (
    var.dashboard ? "the dashboard" :
    local.metrics_by_name ? "idempotency.metrics_by_decorated_name" :
    var.idempotency.metrics == null ? "an alarm" : "idempotency.metrics"
  )
  metrics_remedy = join("", [
    "dashboard = false, ", local.metrics_by_name ? "idempotency.metrics_by_decorated_name = false, " : "",
    "idempotency.metrics = false, and ${join(", ", local.message_alarms)} in alarms.disabled",
  ])
}

# Preconditions, because a failed `check` block only warns. This resource never changes; Terraform evaluates the
# preconditions in each plan all the same, and again in the apply if a value was unknown.
#
# Only the output "function" may depend on it. The output "environment" must not: an existing function of the same
# stack takes the environment before it has the ARN that these rules need.
resource "terraform_data" "checks" {
  lifecycle {
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
      error_message = nonsensitive(join("", [for part in [
        "allowed_triggers has ", join(", ", keys(local.allowed_triggers)), " together with function.existing: the ",
        "module cannot set the dead-letter config of an existing function, and events that Lambda gives up on would ",
        "be lost. Remove allowed_triggers, and declare aws_lambda_permission and dead_letter_config where the ",
        "function is declared.",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }

    precondition {
      condition = (
        var.kms_key_arn == null ||
        local.creates_table && var.table.kms_key_arn == null ||
        !local.uses_existing_queue && try(var.queue.kms_key_arn, null) == null ||
        local.creates_function && var.logs.kms_key_arn == null ||
        (local.creates_function || local.has_filters) && var.function.kms_key_arn == null
      )
      error_message = join(" ", [
        "kms_key_arn is set, and every part exists already or has another key: the key encrypts nothing. Remove it,",
        "and name the keys of existing parts in table.existing.kms_key_arn and queue.existing.kms_key_arn.",
      ])
    }

    precondition {
      condition = var.function.kms_key_arn == null || local.creates_function || local.has_filters
      error_message = join(" ", [
        "function.kms_key_arn is set together with function.existing, and no mapping has filters: the key encrypts",
        "nothing. Remove it, and set kms_key_arn where the function is declared.",
      ])
    }

    precondition {
      condition = local.creates_function || alltrue([
        for name, value in local.logs_defaults : jsonencode(var.logs[name]) == jsonencode(value)
      ])
      error_message = join(" ", [
        "function.existing is set; then ${join(", ", keys(local.logs_defaults))} of logs must keep their defaults,",
        "because the module creates no log group. Set them where the function and its log group are declared, or",
        "remove function.existing.",
      ])
    }

    # Your statements in policies (policy-rules.tf), and tags (tags.tf).
    precondition {
      condition     = length(local.faults.statements) == 0
      error_message = join(" ", local.faults.statements)
    }

    precondition {
      condition     = length(local.faults.quotas) == 0
      error_message = join(" ", local.faults.quotas)
    }

    precondition {
      condition     = length(local.faults.scopes) == 0
      error_message = join(" ", local.faults.scopes)
    }

    precondition {
      condition     = length(local.faults.tags) == 0
      error_message = join(" ", local.faults.tags)
    }

    precondition {
      condition     = length(local.faults.tag_values) == 0
      error_message = join(" ", local.faults.tag_values)
    }

    # Times. A record outlives its message.
    precondition {
      condition = local.record_retention_seconds >= local.retention_seconds
      error_message = nonsensitive(join("", [for part in [
        "idempotency.retention_seconds = ", local.record_retention_seconds, " is below ",
        "${local.queue_input}.message_retention_seconds = ", local.retention_seconds, ": a record would expire while ",
        "its message can still be delivered. Raise it, or set null to have it derived.",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }

    precondition {
      condition = local.record_retention_seconds >= local.stream_age_seconds
      error_message = nonsensitive(join("", [for part in [
        "idempotency.retention_seconds = ", local.record_retention_seconds, " is below the longest ",
        "maximum_record_age_seconds of streams = ", local.stream_age_seconds, ": a record would expire while its ",
        "stream can still deliver it again. Raise it, or set null to have it derived.",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }

    precondition {
      condition = local.record_retention_seconds >= local.invocation_age_seconds
      error_message = nonsensitive(join("", [for part in [
        "idempotency.retention_seconds = ", local.record_retention_seconds, " is below ", local.invocation_age_seconds,
        ", and allowed_triggers is not empty: Lambda keeps their events for up to 6 hours, so a record would expire ",
        "while its event can still come again. Raise it, or set null to have it derived.",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }

    precondition {
      condition = var.idempotency.minimum_remaining_seconds + local.reserve_seconds < local.timeout_seconds
      error_message = nonsensitive(join("", [for part in [
        "idempotency.minimum_remaining_seconds = ", var.idempotency.minimum_remaining_seconds, " plus the reserve of ",
        "${local.reserve_seconds} is not below ${local.function_input}.timeout_seconds = ", local.timeout_seconds,
        " (seconds): no message could ever start. Lower the first, or raise the timeout.",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }

    # Metrics that somebody looks at.
    precondition {
      condition = local.writes_metrics || !local.needs_metrics
      error_message = nonsensitive(join("", [for part in [
        "idempotency.metrics = ", local.writes_metrics, ", and ",
        var.dashboard ? "the dashboard" : local.metrics_by_name ? "idempotency.metrics_by_decorated_name" :
        "one of the alarms ${join(", ", local.message_alarms)}", " has no data without metrics. Leave it out, or do ",
        "without: dashboard = false, metrics_by_decorated_name = false, and these alarms in alarms.disabled.",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }

    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
    precondition {
      condition = alltrue([
        for name, periods in local.evaluation_periods : periods * local.alarms[name].period <= 86400
      ])
      error_message = nonsensitive(join("", [for part in [
        "alarms.evaluation_periods = ", jsonencode(try(var.alarms.evaluation_periods, {})), "; CloudWatch looks back ",
        "one day, which is 1440 periods of dead_letters and message_age and 288 of the others. Set at most as many.",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }

    # A null threshold is derived.
    precondition {
      condition = alltrue([
        for name, seconds in local.oldest_seconds :
        !contains(local.wanted_alarms, name) ? true : coalesce(var.alarms["${name}_seconds"], 0) < seconds
      ])
      error_message = nonsensitive(join("", [for part in [
        "alarms.iterator_age_seconds = ", try(coalesce(var.alarms.iterator_age_seconds), "null"), " is not below the ",
        "largest maximum_record_age_seconds of streams (", local.oldest_seconds.iterator_age, "), or ",
        "alarms.message_age_seconds = ", try(coalesce(var.alarms.message_age_seconds), "null"), " is not below ",
        "${local.queue_input}.message_retention_seconds (", local.oldest_seconds.message_age, "): nothing waits ",
        "longer than that, so the alarm would start too late or never. Lower it, or set null to have it derived.",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }

    # With these levels, Lambda's runtime sets Python's root logger to DEBUG, and botocore then logs its requests.
    # https://github.com/aws/aws-lambda-python-runtime-interface-client/blob/main/awslambdaric/bootstrap.py
    precondition {
      condition = (
        !local.creates_function || var.idempotency.log_keys != "hashed" ||
        !contains(["TRACE", "DEBUG"], var.logs.application_level)
      )
      error_message = nonsensitive(join("", [for part in [
        "logs.application_level = \"", var.logs.application_level, "\" logs each request to the table with its key in ",
        "plain text, and idempotency.log_keys = \"hashed\" keeps keys out of the log. Choose INFO, or set log_keys = ",
        "\"plain\".",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }

    # The group's own class, because without an input, a group keeps the class that it has. Only STANDARD extracts
    # metrics. https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch_Logs_Log_Classes.html
    precondition {
      condition = (
        !local.writes_metrics ||
        alltrue([for group in aws_cloudwatch_log_group.function : group.log_group_class != "INFREQUENT_ACCESS"])
      )
      error_message = nonsensitive(join("", [for part in [
        "The class of the log group is INFREQUENT_ACCESS (logs.class = ", jsonencode(var.logs.class), "), which ",
        "extracts no metrics, and ", local.metrics_user, " needs them. Set logs.class = \"STANDARD\", which replaces ",
        "the log group and deletes its lines, or do without: ${local.metrics_remedy}.",
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
      error_message = nonsensitive(join("", [for part in [
        "The function ", local.function_name, " and its version ", try(local.published.version, "none"), ", which ",
        "function.alias = \"", coalesce(var.function.alias, "null"), "\" invokes, have different code or settings. ",
        "Publishing a version failed, or somebody changed the function outside Terraform. ${local.redeploy_remedy}",
      ] : issensitive(part) ? "(sensitive)" : part]))
    }
  }
}

# A choice that may be meant only warns.
check "retention" {
  assert {
    condition = (
      var.idempotency.retention_seconds == null || !local.has_queue && length(local.allowed_triggers) == 0 ||
      # Then the preconditions above refuse it.
      local.record_retention_seconds < local.source_retention_seconds
      ? true
      : local.record_retention_seconds >= local.dead_letter_retention_seconds
    )
    error_message = nonsensitive(join("", [for part in [
      "idempotency.retention_seconds = ", local.record_retention_seconds, " is below the ",
      local.dead_letter_retention_seconds, " s for which the dead-letter queue keeps a message: if you redrive one ",
      "after its record has expired, its side effect may happen again. Raise it to at least ",
      local.source_retention_seconds + local.dead_letter_retention_seconds + local.retention_seconds, ", or set null ",
      "to have that derived.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  assert {
    condition = (
      !local.uses_existing_queue || local.dead_letter_retention_seconds > local.retention_seconds ? true : local.fifo
    )
    error_message = nonsensitive(join("", [for part in [
      "queue.existing and its dead-letter queue both keep a message for ", local.retention_seconds, " s, and SQS ",
      "counts from when it was sent: a message that fails for 13 days is deleted after 1 day in the dead-letter ",
      "queue. Lower message_retention_seconds where the queue is declared, and here, or watch the alarm dead_letters ",
      "and redrive at once.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }
}
