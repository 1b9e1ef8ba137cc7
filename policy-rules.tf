# The rules for the statements that you add to policies: of the function's role, and of both queues. Each rule says
# whether an input breaks it, and has the parts of its message. Preconditions in checks.tf show the messages. A null in
# a statement makes an error, which `try` takes for a broken rule.
locals {
  queue_statement_inputs = {
    "queue.policy_statements"                   = try(var.queue.policy_statements, [])
    "queue.dead_letter_queue.policy_statements" = try(var.queue.dead_letter_queue.policy_statements, [])
  }
  statement_inputs = merge(local.queue_statement_inputs, {
    "function.policy_statements" = var.function.policy_statements
  })
  principal_types = ["AWS", "CanonicalUser", "Federated", "Service"]

  # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
  condition_operator = join("", [
    "^((ForAllValues|ForAnyValue):)?(Null|(BinaryEquals|Bool|(Not)?IpAddress|(Arn|String)(Not)?(Equals|Like)|",
    "String(Not)?EqualsIgnoreCase|(Date|Numeric)((Not)?Equals|(Less|Greater)Than(Equals)?))(IfExists)?)$",
  ])

  whole_policies = {
    "queue.policy_statements"                   = local.queue_statements.source
    "queue.dead_letter_queue.policy_statements" = local.queue_statements.dead_letter
  }

  statement_rules = {
    # 1. How a statement looks.
    statements = flatten([
      [for input, statements in local.statement_inputs : {
        broken = !alltrue([
          for statement in statements : contains(["Allow", "Deny"], coalesce(statement.effect, "null"))
        ])
        parts = [
          "${input} has the effects ", jsonencode(statements[*].effect), "; each must be Allow or Deny. Correct the ",
          "others.",
        ]
      }],

      [for input, statements in local.statement_inputs : {
        broken = !alltrue([for statement in statements : try(length(statement.actions) > 0 && alltrue([
          for action in statement.actions : can(regex("^([A-Za-z0-9-]+:[A-Za-z0-9*?]+|\\*)$", action))
        ]), false)])
        parts = [
          "${input} has the actions ", jsonencode(statements[*].actions), "; each statement needs at least one, and ",
          "each is a service and its action. Name those that you mean, such as \"sqs:SendMessage\", or remove the ",
          "statement.",
        ]
      }],

      [for input, statements in local.statement_inputs : {
        broken = !alltrue([for statement in statements : try(alltrue(flatten([
          for operator, keys in statement.conditions : [
            can(regex(local.condition_operator, operator)), length(keys) > 0, [for values in keys : length(values) > 0],
          ]
        ])), false)])
        parts = [
          "${input} has conditions with the operators ",
          jsonencode([for statement in statements : try(keys(statement.conditions), null)]), "; each must be one of ",
          "IAM, with a key, and with a value for each key: without one, it never holds. Correct or remove the others.",
        ]
      }],

      # SQS takes more: its console writes __owner_statement, and EventBridge's guide names with spaces.
      # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_sid.html
      # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
      [for input, statements in local.statement_inputs : {
        broken = !alltrue([for sid in statements[*].sid : sid == null ? true : can(
          regex(startswith(input, "queue.") ? "^[A-Za-z0-9 _-]+$" : "^[A-Za-z0-9]+$", sid)
        )])
        parts = [
          "${input} has the sids ", jsonencode(statements[*].sid), "; each must be ",
          startswith(input, "queue.") ? "letters, digits, spaces, - and _." : "letters and digits.", " Rename or ",
          "remove the others.",
        ]
      }],

      # IAM does not distinguish upper and lower case in actions.
      # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html
      [for input, statements in local.queue_statement_inputs : {
        broken = anytrue([
          for action in flatten(statements[*].actions) : try(!startswith(lower(action), "sqs:"), false)
        ])
        parts = [
          "${input} has the actions ", jsonencode(statements[*].actions), "; the policy of a queue takes actions of ",
          "SQS only. Remove the others, or put them into function.policy_statements.",
        ]
      }],

      [for input, statements in local.queue_statement_inputs : {
        broken = !alltrue([for statement in statements : try(
          length(flatten(values(statement.principals))) > 0 &&
          length(setsubtract(keys(statement.principals), local.principal_types)) == 0, false
        )])
        parts = [
          "${input} has principals of the types ",
          jsonencode([for statement in statements : try(keys(statement.principals), null)]), "; each statement needs ",
          "a principal, of ${join(", ", local.principal_types)}. Correct them; everyone is { AWS = [\"*\"] }.",
        ]
      }],
    ])

    # 2. The statements of a policy together, in a queue's policy with the module's: sids, and SQS's quotas. In its
    # errors, SQS counts actions in each statement. It takes 20 statements with a condition each, so it counts
    # conditions in each statement, too; the same is assumed of principals. The values of a condition do not count.
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-policies.html
    quotas = flatten([
      [for input, sids in {
        for input, statements in merge(
          local.whole_policies,
          { "function.policy_statements" = local.processor_statements },
        ) : input => [for statement in statements : statement.Sid if can(statement.Sid)]
        } : {
        broken = length(distinct(sids)) < length(sids)
        parts = [
          "${input} makes a policy with the sids ", jsonencode(sids), "; each may be in a policy only once. Rename or ",
          "remove the others.",
        ]
      }],

      [for input, statements in local.whole_policies : {
        broken = length(statements) > 20
        parts = [
          "${input} and the module make ", length(statements), " statements; SQS takes 20 in the policy of a queue. ",
          "Use lists of principals and actions in fewer statements.",
        ]
      }],

      [for input, sizes in {
        for input, statements in local.queue_statement_inputs : input => [for statement in statements : {
          actions    = try(length(statement.actions), 0)
          principals = try(length(flatten(values(statement.principals))), 0)
          conditions = try(length(flatten([for keys in values(statement.conditions) : keys(keys)])), 0)
        }]
        } : {
        broken = anytrue([
          for size in sizes : size.actions > 7 || size.principals > 50 || size.conditions > 10
        ])
        parts = [
          "${input} has statements of these sizes: ", jsonencode(sizes), "; SQS takes 7 actions, 50 principals and 10 ",
          "conditions in each. Use several statements, or remove some.",
        ]
      }],
    ])

    # 3. What a statement is about. An ARN may be unknown while Terraform plans; these rules then wait for the apply.
    scopes = flatten([
      [for input, statements in local.queue_statement_inputs : {
        broken = anytrue([for statement in statements : try(
          statement.effect != "Deny" && length(statement.conditions) == 0 &&
          contains(flatten(values(statement.principals)), "*"), false
        )])
        parts = [
          "${input} allows everyone (the principal \"*\") without a condition. Name the principals, or set conditions ",
          "such as aws:PrincipalOrgID.",
        ]
      }],

      [for statements in [var.function.policy_statements] : {
        broken = !alltrue([for statement in statements : try(length(statement.resources) > 0 && alltrue([
          for resource in statement.resources : can(regex("^(arn:.+:.+|\\*)$", resource))
        ]), false)])
        parts = [
          "function.policy_statements has the resources ", jsonencode(statements[*].resources), "; each statement ",
          "needs at least one, and each is an ARN or *. Name the ARNs that your code uses, or remove the statement.",
        ]
      }],
    ])
  }

  # 4. The messages of the broken rules, here and in tags.tf. A rule may be unknown while Terraform plans; then the
  # rules with it wait for the apply.
  faults = {
    for kind, rules in merge(local.statement_rules, local.tag_rules) : kind => [
      for rule in rules : nonsensitive(join("", [for part in rule.parts : issensitive(part) ? "(sensitive)" : part]))
      if nonsensitive(rule.broken)
    ]
  }
}
