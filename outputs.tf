# ARNs, names, URLs and the namespace are no secrets, so these outputs stay usable if an input that they come from is
# sensitive.

output "alarms" {
  description = "The ARN of each alarm, by the name that `alarms.disabled` takes."
  value       = { for name, alarm in aws_cloudwatch_metric_alarm.alarm : name => alarm.arn }
}

output "dead_letter_queue" {
  description = <<-EOT
    The dead-letter queue: its `arn`, `name` and `url`. It holds messages that were received max_receive_count times and
    never acknowledged, parked messages, and events that Lambda gave up on.
  EOT
  value = {
    arn  = nonsensitive(local.dead_letter_queue_arn)
    name = nonsensitive(local.dead_letter_queue_name)
    url  = nonsensitive(local.dead_letter_queue_url)
  }

  # The ARN is built from the name, so it is known before the queue exists.
  depends_on = [aws_sqs_queue.dead_letter]
}

output "environment" {
  description = <<-EOT
    The environment variables that the package reads. The module sets them in a function that it creates. Merge them
    into the environment of an existing function.
  EOT
  value       = local.environment
}

output "event_source_mapping" {
  description = "The mapping from the queue to the function: its `arn` and `uuid`. Null without a queue."
  value = one([for mapping in aws_lambda_event_source_mapping.queue : {
    arn  = mapping.arn
    uuid = mapping.uuid
  }])
}

output "function" {
  description = <<-EOT
    The function: its `arn` and `name`, the `target_arn` that the mappings invoke (the alias, if there is one), and its
    `invoke_arn`, which API Gateway takes, the `alias_arn` and the newest published `version` (null without an alias),
    its `role_arn`, `role_name`, `log_group_arn` and `log_group_name`. A value of an existing function that the module
    does not know is null.
  EOT
  value = {
    alias_arn      = one(aws_lambda_alias.consumer[*].arn)
    arn            = nonsensitive(try(aws_lambda_function.consumer[0].arn, var.function.existing.arn))
    invoke_arn     = nonsensitive(local.invoke_arn)
    log_group_arn  = one(aws_cloudwatch_log_group.function[*].arn)
    log_group_name = nonsensitive(one(aws_cloudwatch_log_group.function[*].name))
    name           = nonsensitive(local.function_name)
    role_arn       = one(aws_iam_role.function[*].arn)
    role_name      = nonsensitive(try(aws_iam_role.function[0].name, var.function.existing.role.name, null))
    target_arn     = nonsensitive(local.target_arn)
    version        = one(aws_lambda_alias.consumer[*].function_version)
  }

  # S3 rejects a notification for a function that it may not invoke yet. And a function that fails the checks must not
  # reach the rest of your stack.
  depends_on = [aws_lambda_permission.invoker, terraform_data.checks]
}

output "policy" {
  description = <<-EOT
    The permissions that the package and the mappings need for queue, streams, table and keys: a policy document in
    JSON. The module attaches it to the role of a function that it creates, and to function.existing.role. Without
    function.existing.role, attach it to the role of your function before you create the function.
  EOT
  value       = nonsensitive(jsonencode({ Version = "2012-10-17", Statement = local.consumer_statements }))
}

output "queue" {
  description = "The queue: its `arn`, `name` and `url`. Null without a queue. The URL of an existing queue is null."
  value = local.has_queue ? {
    arn  = nonsensitive(local.queue_arn)
    name = nonsensitive(local.queue_name)
    url  = one(aws_sqs_queue.source[*].url)
  } : null

  # As for the dead-letter queue.
  depends_on = [aws_sqs_queue.source]
}

output "settings" {
  description = <<-EOT
    The settings as they take effect, with defaults and all values that the module derives, by part. Look at them in a
    plan: Terraform ignores an attribute whose name is wrong, and the setting then keeps its default. No ARNs, URLs,
    environments, filters, policies or tags. docs/settings.md explains it.
  EOT
  value       = local.effective_settings
}

output "streams" {
  description = "The mapping from each stream to the function: its `arn` and `uuid`, by the stream's name."
  value = {
    for name, mapping in aws_lambda_event_source_mapping.stream : name => {
      arn  = mapping.arn
      uuid = mapping.uuid
    }
  }
}

output "table" {
  description = "The table of idempotency records: its `arn` and `name`."
  value = {
    arn  = nonsensitive(local.table_arn)
    name = nonsensitive(local.table_name)
  }
}
