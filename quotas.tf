# What counts against a quota of AWS for several inputs together. A plan compares the least that AWS can count: ARNs
# that are unknown then have the shortest form, and conditions of the module's statements in the role do not count. What
# passes and is above the quota all the same is refused in the apply, before its resource changes.
#
# A rule never refuses what AWS takes. Regions have at least 9 characters. A length is no secret, even if an input is: a
# message may show it.
locals {
  # 1. The environment of a created function, with the shortest URL that the dead-letter queue can have, and with its
  # URL, which is known later. Lambda measures the JSON of all variables in bytes: its error quotes that string.
  # jsonencode writes <, > and & as six characters each, which JSON does not ask for. base64encode gives four
  # characters for each three bytes.
  given_environment = merge(var.function.environment, local.wrapper_environment)
  least_url         = "https://sqs.us-east-1.amazonaws.com/123456789012/${local.dead_letter_queue_name}"
  environment_sizes = {
    for kind, variables in {
      least = local.uses_existing_queue ? {} : { IDEMPOTENCY_DEAD_LETTER_QUEUE_URL = local.least_url }
      whole = {}
      } : kind => nonsensitive(floor(0.75 * length(trim(base64encode(
        replace(jsonencode(merge(local.given_environment, local.environment, variables)), "/\\\\u00(3c|3e|26)/", "&")
    ), "="))))
  }
  environment_bytes = (
    local.environment_sizes.least > 4096 ? local.environment_sizes.least : local.environment_sizes.whole
  )

  # 2. The inline policies of a created role. The resources and conditions of the module's statements may be unknown.
  processor_policy = replace(
    jsonencode({ Version = "2012-10-17", Statement = local.processor_statements }), "/\\s/", ""
  )
  module_statements = concat(local.consumer_statements, local.runtime_statements)
  role_sizes = {
    for kind, statements in {
      least = [for statement in local.module_statements : {
        Sid    = statement.Sid
        Effect = statement.Effect
        Action = statement.Action
        Resource = (
          contains(["AttachToVpc", "DenyVpcActionsToCode", "SendTraces"], statement.Sid)
          ? "*" : "arn:aws:sqs:us-east-1:123456789012:q"
        )
      }]
      whole = local.module_statements
      } : kind => nonsensitive(
      length(local.processor_policy) + length(jsonencode({ Version = "2012-10-17", Statement = statements }))
    )
  }
  role_characters = local.role_sizes.least > 10240 ? local.role_sizes.least : local.role_sizes.whole

  # 3. The resource-based policy of a created function, or of its alias.
  # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
  trigger_policy_bytes = nonsensitive(length(jsonencode({
    Version = "2012-10-17"
    Id      = "default"
    Statement = [
      for name, trigger in var.allowed_triggers : {
        Sid       = name
        Effect    = "Allow"
        Principal = { Service = "${trigger.service}.amazonaws.com" }
        Action    = "lambda:InvokeFunction"
        Resource  = "arn:aws:lambda:us-east-1:123456789012:function:${local.function_name}"
        Condition = { ArnLike = { "AWS:SourceArn" = trigger.source_arn } }
      }
    ]
  })))
}
