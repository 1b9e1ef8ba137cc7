locals {
  # 1. A statement for each service that may send, because SQS takes at most 20 statements. The ARN of a bucket has no
  # account, and after you delete a bucket, anyone may take its name. So the statement also compares the account that
  # owns the bucket.
  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/grant-destinations-permissions-to-s3.html
  sender_statements = [
    for service, arns in {
      for sender in try(var.queue.allowed_senders, []) : sender.service => sender.source_arn...
      } : {
      Sid       = "From${title(service)}"
      Effect    = "Allow"
      Principal = { Service = "${service}.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Condition = merge(
        { ArnEquals = { "aws:SourceArn" = distinct(arns) } },
        service == "s3" ? { StringEquals = { "aws:SourceAccount" = local.arn_parts.account } } : {},
      )
    }
  ]

  # 2. Your statements.
  extra_statements = {
    for kind, statements in {
      source      = try(var.queue.policy_statements, [])
      dead_letter = try(var.queue.dead_letter_queue.policy_statements, [])
      } : kind => [for statement in statements : merge(
        {
          Effect    = statement.effect
          Principal = statement.principals
          Action    = statement.actions
        },
        statement.sid == null ? {} : { Sid = statement.sid },
        length(statement.conditions) == 0 ? {} : { Condition = statement.conditions },
    )]
  }

  # 3. The policies of both queues, whose statements all name the queue. They are inline in the queues, because a
  # separate resource would take 25 s for each.
  secure_transport = {
    Sid       = "DenyInsecureTransport"
    Effect    = "Deny"
    Principal = "*"
    Action    = "sqs:*"
    Condition = { Bool = { "aws:SecureTransport" = "false" } }
  }
  queue_statements = {
    source      = concat([local.secure_transport], local.sender_statements, local.extra_statements.source)
    dead_letter = concat([local.secure_transport], local.extra_statements.dead_letter)
  }
  queue_policies = {
    for kind, arn in { source = local.queue_arn, dead_letter = local.dead_letter_queue_arn } : kind => jsonencode({
      Version   = "2012-10-17"
      Statement = [for statement in local.queue_statements[kind] : merge(statement, { Resource = arn })]
    })
  }

  # The least length of a policy. The account and the Region may be unknown while Terraform plans, so this counts an
  # account, and the Region with the shortest name.
  # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-policies.html
  least_policy_bytes = {
    for kind, name in { source = local.queue_name, dead_letter = local.dead_letter_queue_name } :
    kind => nonsensitive(length(
      jsonencode({
        Version = "2012-10-17"
        Statement = [
          for statement in local.queue_statements[kind] :
          merge(statement, { Resource = "arn:aws:sqs:us-east-1:123456789012:${name}" })
        ]
      })
    ))
  }
  queue_policy_bytes = {
    for kind, least in local.least_policy_bytes :
    kind => least > 8192 ? least : nonsensitive(length(local.queue_policies[kind]))
  }
}
