# The rules for the statements that you add to policies: of the function's role, and of both queues. Each rule gives a
# message for each input that breaks it, and preconditions in checks.tf show them. A null in a statement makes an error,
# which try makes a fault.
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

  # 1. How a statement looks.
  statement_faults = flatten([
    [for input, statements in local.statement_inputs : join(" ", [
      "${input} has the effects ${jsonencode(statements[*].effect)}; each must be Allow or Deny. Correct the others.",
    ]) if !alltrue([for statement in statements : contains(["Allow", "Deny"], coalesce(statement.effect, "null"))])],

    [for input, statements in local.statement_inputs : join(" ", [
      "${input} has the actions ${jsonencode(statements[*].actions)}; each statement needs at least one, and each is a",
      "service and its action. Name those that you mean, such as \"sqs:SendMessage\", or remove the statement.",
      ]) if !alltrue([for statement in statements : try(length(statement.actions) > 0 && alltrue([
        for action in statement.actions : can(regex("^([A-Za-z0-9-]+:[A-Za-z0-9*?]+|\\*)$", action))
    ]), false)])],

    [for input, statements in local.statement_inputs : join(" ", [
      "${input} has conditions with the operators",
      "${jsonencode([for statement in statements : try(keys(statement.conditions), null)])}; each must be one of",
      "IAM, with a key, and with a value for each key: without one, it never holds. Correct or remove the others.",
      ]) if !alltrue([for statement in statements : try(alltrue(flatten([for operator, keys in statement.conditions : [
        can(regex(local.condition_operator, operator)), length(keys) > 0, [for values in keys : length(values) > 0],
    ]])), false)])],

    [for input, statements in local.statement_inputs : join(" ", [
      "${input} has the sids ${jsonencode(statements[*].sid)}; each must be letters and digits, and only once in a",
      "policy. Rename or remove the others.",
      ]) if !alltrue([for position, sid in statements[*].sid : sid == null ? true : (
        can(regex("^[A-Za-z0-9]+$", sid)) && index(statements[*].sid, sid) == position
    )])],

    [for input, statements in local.queue_statement_inputs : join(" ", [
      "${input} has the sids ${jsonencode(statements[*].sid)}; DenyInsecureTransport and From… are the module's.",
      "Rename or remove them.",
    ]) if anytrue([for sid in statements[*].sid : can(regex("^(DenyInsecureTransport$|From)", sid))])],

    [for input, statements in local.queue_statement_inputs : join(" ", [
      "${input} has the actions ${jsonencode(statements[*].actions)}; the policy of a queue takes actions of SQS only.",
      "Remove the others, or put them into function.policy_statements.",
    ]) if anytrue([for action in flatten(statements[*].actions) : try(!startswith(action, "sqs:"), false)])],

    [for input, statements in local.queue_statement_inputs : join(" ", [
      "${input} has principals of the types",
      "${jsonencode([for statement in statements : try(keys(statement.principals), null)])}; each statement needs a",
      "principal, of ${join(", ", local.principal_types)}. Correct them; everyone is { AWS = [\"*\"] }.",
      ]) if !alltrue([for statement in statements : try(
        length(flatten(values(statement.principals))) > 0 &&
        length(setsubtract(keys(statement.principals), local.principal_types)) == 0, false
    )])],
  ])

  # 2. SQS's quotas. In its errors, it counts actions in each statement. It takes 20 statements with a condition each,
  # so it counts conditions in each statement, too; the same is assumed of principals. The values of a condition do not
  # count. https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-policies.html
  queue_statement_counts = {
    "queue.policy_statements"                   = length(local.queue_statements.source)
    "queue.dead_letter_queue.policy_statements" = length(local.queue_statements.dead_letter)
  }
  statement_sizes = {
    for input, statements in local.queue_statement_inputs : input => [for statement in statements : {
      actions    = try(length(statement.actions), 0)
      principals = try(length(flatten(values(statement.principals))), 0)
      conditions = try(length(flatten([for keys in values(statement.conditions) : keys(keys)])), 0)
    }]
  }
  statement_quota_faults = flatten([
    [for input, number in local.queue_statement_counts : join(" ", [
      "${input} and the module make ${number} statements; SQS takes 20 in the policy of a queue. Use lists of",
      "principals and actions in fewer statements.",
    ]) if number > 20],

    [for input, sizes in local.statement_sizes : join(" ", [
      "${input} has statements of these sizes: ${jsonencode(sizes)}; SQS takes 7 actions, 50 principals and 10",
      "conditions in each. Use several statements, or remove some.",
      ]) if anytrue([
      for size in sizes : size.actions > 7 || size.principals > 50 || size.conditions > 10
    ])],
  ])

  # 3. What a statement is about. An ARN may be unknown while Terraform plans; these rules then wait for the apply.
  statement_scope_faults = flatten([
    [for input, statements in local.queue_statement_inputs : join(" ", [
      "${input} allows everyone (the principal \"*\") without a condition. Name the principals, or set conditions such",
      "as aws:PrincipalOrgID.",
      ]) if anytrue([for statement in statements : try(
        statement.effect != "Deny" && length(statement.conditions) == 0 &&
        contains(flatten(values(statement.principals)), "*"), true
    )])],

    [for statements in [var.function.policy_statements] : join(" ", [
      "function.policy_statements has the resources ${jsonencode(statements[*].resources)}; each statement needs at",
      "least one, and each is an ARN or *. Name the ARNs that your code uses, or remove the statement.",
      ]) if !alltrue([for statement in statements : try(length(statement.resources) > 0 && alltrue([
        for resource in statement.resources : can(regex("^(arn:.+:.+|\\*)$", resource))
    ]), false)])],
  ])
}
