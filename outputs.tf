output "alarms" {
  description = "The alarms, by the names that `alarms.disabled` takes: the ARN of each."
  value       = { for name, alarm in aws_cloudwatch_metric_alarm.alarm : name => alarm.arn }
}

output "dead_letter_queue" {
  description = "The queue of messages that were received max_receive_count times and never acknowledged, of parked messages, and of events that Lambda gave up on: its `arn`, `name` and `url`."
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
}

output "event_source_mapping" {
  description = "What reads from the queue and invokes the function: its `arn` and `uuid`. Null without a queue."
  value = one([for mapping in aws_lambda_event_source_mapping.queue : {
    arn  = mapping.arn
    uuid = mapping.uuid
  }])
}

output "function" {
  description = "The function: its `arn` and `name`; the `target_arn` that the mappings invoke (of its alias, if it has one); its `role_arn`, `role_name` and `log_group_name`. What the module does not know of an existing function is null."
  value = {
    arn            = local.creates_function ? aws_lambda_function.consumer[0].arn : var.function.existing.arn
    log_group_name = local.creates_function ? aws_cloudwatch_log_group.function[0].name : null
    name           = local.function_name
    role_arn       = one(aws_iam_role.function[*].arn)
    role_name      = local.creates_function ? aws_iam_role.function[0].name : try(var.function.existing.role.name, null)
    target_arn     = local.target_arn
  }

  # S3 refuses a notification to a function that it may not invoke yet; and a function that fails the checks is not
  # passed on.
  depends_on = [aws_lambda_permission.invoker, terraform_data.checks]
}

output "policy" {
  description = "What the package and the mappings do with queue, streams, table and keys, as a policy document in JSON. The module attaches it, unless an existing function comes without its role; then attach it before that function is created."
  value       = jsonencode({ Version = "2012-10-17", Statement = local.consumer_statements })
}

output "queue" {
  description = "The queue to send to: its `arn`, `name` and `url` (null for an existing queue). Null without a queue."
  value = local.has_queue ? {
    arn  = local.queue_arn
    name = local.queue_name
    url  = one(aws_sqs_queue.source[*].url)
  } : null

  # Built ARNs are known before what they name exists.
  depends_on = [aws_sqs_queue.source]
}

output "streams" {
  description = "What reads from each stream and invokes the function, by the stream's name: its `arn` and `uuid`."
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
    arn  = local.table_arn
    name = local.table_name
  }
}
