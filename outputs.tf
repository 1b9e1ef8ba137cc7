output "alarms" {
  description = "The alarms, by the names that `alarms.disabled` takes: the ARN of each."
  value       = { for name, alarm in aws_cloudwatch_metric_alarm.alarm : name => alarm.arn }
}

output "dead_letter_queue" {
  description = "The queue of messages that were received max_receive_count times and never acknowledged, of parked messages, and of events that Lambda gave up on: its ARN, name and URL."
  value = {
    arn  = local.dead_letter_queue_arn
    name = local.dead_letter_queue_name
    url  = local.dead_letter_queue_url
  }

  # Built ARNs are known before what they name exists.
  depends_on = [aws_sqs_queue.dead_letter]
}

output "environment" {
  description = "What the package reads from the function's environment. A function that the module creates has it; merge it into the environment of an existing function."
  value       = local.environment

  # Here, because an existing part has no resource to hold them.
  precondition {
    condition     = local.record_retention_seconds >= local.retention_seconds
    error_message = "idempotency.retention_seconds = ${local.record_retention_seconds} is below ${local.queue_input}.message_retention_seconds = ${local.retention_seconds}: a record would be forgotten while its message can still be delivered. Raise it, or set null to have it derived."
  }

  precondition {
    condition     = local.record_retention_seconds >= local.stream_age_seconds
    error_message = "idempotency.retention_seconds = ${local.record_retention_seconds} is below the longest maximum_record_age_seconds of streams = ${local.stream_age_seconds}: a record would be forgotten while its stream can still deliver it again. Raise it, or set null to have it derived."
  }

  precondition {
    condition     = local.record_retention_seconds >= local.invocation_age_seconds
    error_message = "idempotency.retention_seconds = ${local.record_retention_seconds} is below ${local.invocation_age_seconds}, and allowed_triggers is not empty: Lambda keeps their events for up to 6 hours, so a record would be forgotten while its event can still come again. Raise it, or set null to have it derived."
  }

  precondition {
    condition     = local.writes_metrics || !local.needs_metrics
    error_message = "idempotency.metrics = ${local.writes_metrics}, and ${var.dashboard ? "the dashboard" : "one of the alarms ${join(", ", local.message_alarms)}"} has no data without. Leave it out, or do without: dashboard = false, and these alarms in alarms.disabled."
  }
}

output "event_source_mapping" {
  description = "What reads from the queue and invokes the function: its ARN and UUID. Null without a queue."
  value = one([for mapping in aws_lambda_event_source_mapping.queue : {
    arn  = mapping.arn
    uuid = mapping.uuid
  }])
}

output "function" {
  description = "The function: its ARN and name, the ARN that the mappings invoke (of its alias, if it has one), the ARN and name of its role, the name of its log group. What the module neither creates nor knows of an existing function is null."
  value = {
    arn            = local.creates_function ? aws_lambda_function.consumer[0].arn : var.function.existing.arn
    log_group_name = local.creates_function ? aws_cloudwatch_log_group.function[0].name : null
    name           = local.function_name
    role_arn       = one(aws_iam_role.function[*].arn)
    role_name      = local.creates_function ? aws_iam_role.function[0].name : try(var.function.existing.role.name, null)
    target_arn     = local.target_arn
  }

  # S3 refuses a notification to a function that it may not invoke yet.
  depends_on = [aws_lambda_permission.invoker]

  # Here, because a function that could not be created has no code to compare. While a deployment is planned, the
  # hashes are unknown, and Terraform compares them after the deployment. A mock has no SHA-256.
  precondition {
    condition     = local.code_sha256 == null ? true : local.running_sha256 == local.code_sha256 || !can(regex(local.sha256, local.running_sha256))
    error_message = "The function ${local.function_name} does not run the code that Terraform deployed last: its SHA-256 is ${coalesce(local.running_sha256, "none")}, expected ${coalesce(local.code_sha256, "null")}. A deployment failed, or somebody changed the code outside Terraform${local.uses_s3 ? ", or code.s3.source_code_hash is not the hash of the object" : ""}. ${local.redeploy_remedy}"
  }

  # Lambda may refuse to publish a version after it has taken the code or the settings. The provider plans no further
  # change then, and the alias would stay at the version before, or at none.
  precondition {
    condition     = length(data.aws_lambda_function.published) == 0 ? true : local.published.version != "$LATEST" && (local.published_settings == local.function_settings || !can(regex(local.sha256, local.published.code_sha256)))
    error_message = "The function ${local.function_name} and its version ${try(local.published.version, "none")}, which function.alias = \"${coalesce(var.function.alias, "null")}\" invokes, have different code or settings. Publishing a version failed, or somebody changed the function outside Terraform. ${local.redeploy_remedy}"
  }

  precondition {
    condition     = local.creates_function || var.code == null
    error_message = "code is set beside function.existing, whose code is its own. Remove code, or function.existing."
  }

  precondition {
    condition     = local.creates_function || length(var.allowed_triggers) == 0
    error_message = "allowed_triggers is not empty (${join(", ", keys(var.allowed_triggers))}) beside function.existing: the module cannot set its dead-letter config, and events that Lambda gives up on would be lost. Remove allowed_triggers, and declare aws_lambda_permission and dead_letter_config where the function is declared."
  }

  precondition {
    condition     = length(local.existing_locations) <= 1
    error_message = "The existing parts are in several Regions or accounts: ${join(", ", local.existing_locations)}; a function, its queue and its table have to be in one. Give ARNs of one place."
  }

  precondition {
    condition     = var.kms_key_arn == null || local.creates_function || local.creates_table || !local.uses_existing_queue || length(concat(try(var.queue.filters, []), flatten([for stream in var.streams : stream.filters]))) > 0
    error_message = "kms_key_arn is set, and every part exists already: it encrypts nothing. Remove it, and name the keys of existing parts in table.existing.kms_key_arn and queue.existing.kms_key_arn."
  }

  precondition {
    condition     = var.idempotency.minimum_remaining_seconds + local.reserve_seconds < local.timeout_seconds
    error_message = "idempotency.minimum_remaining_seconds = ${var.idempotency.minimum_remaining_seconds} plus the reserve of ${local.reserve_seconds} is not below ${local.function_input}.timeout_seconds = ${local.timeout_seconds} (seconds): no message could ever start. Lower the first, or raise the timeout."
  }
}

output "policy" {
  description = "What the package and the mappings do with queue, streams, table and keys, as a policy document in JSON. The module attaches it, unless an existing function comes without its role; then attach it before that function is created."
  value       = jsonencode({ Version = "2012-10-17", Statement = local.consumer_statements })
}

output "queue" {
  description = "The queue to send to: its ARN, name and URL (null for an existing queue). Null without a queue."
  value = local.has_queue ? {
    arn  = local.queue_arn
    name = local.queue_name
    url  = one(aws_sqs_queue.source[*].url)
  } : null

  # Built ARNs are known before what they name exists.
  depends_on = [aws_sqs_queue.source]
}

output "streams" {
  description = "What reads from each of the streams and invokes the function, by the stream's name: its ARN and UUID."
  value = {
    for name, mapping in aws_lambda_event_source_mapping.stream : name => {
      arn  = mapping.arn
      uuid = mapping.uuid
    }
  }
}

output "table" {
  description = "The table of idempotency records: its ARN and name."
  value = {
    arn  = local.table_arn
    name = local.table_name
  }
}
