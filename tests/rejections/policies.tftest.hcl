# Statements that IAM or SQS would refuse at apply, in the policies of the role and of both queues.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name      = "orders"
  code      = { source_dir = "examples/quickstart/src" }
  processor = "orders.process"
}

# says: queue.dead_letter_queue.policy_statements has the effects ["Allowed"]; each must be Allow or Deny.
run "an_effect_of_the_dead_letter_queue" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    queue = { dead_letter_queue = { policy_statements = [{ effect = "Allowed", principals = { AWS = ["arn:aws:iam::123456789012:root"] }, actions = ["sqs:ReceiveMessage"] }] } }
  }
}

# says: function.policy_statements has the effects ["deny"]; each must be Allow or Deny.
run "an_effect_in_lower_case" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    function = { policy_statements = [{ effect = "deny", actions = ["s3:PutObject"], resources = ["*"] }] }
  }
}

# says: queue.dead_letter_queue.policy_statements has the actions [[]]; each statement needs at least one
run "a_dead_letter_statement_without_actions" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    queue = { dead_letter_queue = { policy_statements = [{ principals = { AWS = ["arn:aws:iam::123456789012:root"] }, actions = [] }] } }
  }
}

# says: function.policy_statements has the actions [["PutItem"]]; each statement needs at least one, and each is a service and its action.
run "an_action_without_its_service" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    function = { policy_statements = [{ actions = ["PutItem"], resources = ["*"] }] }
  }
}

# says: queue.dead_letter_queue.policy_statements has the actions [["kms:Decrypt"]]; the policy of a queue takes actions of SQS only.
run "a_key_in_the_dead_letter_queues_policy" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    queue = { dead_letter_queue = { policy_statements = [{ principals = { AWS = ["arn:aws:iam::123456789012:root"] }, actions = ["kms:Decrypt"] }] } }
  }
}

# says: queue.dead_letter_queue.policy_statements makes a policy with the sids ["DenyInsecureTransport","DenyInsecureTransport"]; each may be in a policy only once.
run "a_sid_of_the_modules_at_the_dead_letter_queue" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    queue = { dead_letter_queue = { policy_statements = [{ sid = "DenyInsecureTransport", principals = { AWS = ["arn:aws:iam::123456789012:root"] }, actions = ["sqs:SendMessage"] }] } }
  }
}

# says: queue.dead_letter_queue.policy_statements has the sids ["A/b"]; each must be letters, digits, spaces, - and _.
run "a_sid_with_a_slash_at_the_dead_letter_queue" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    queue = { dead_letter_queue = { policy_statements = [{ sid = "A/b", principals = { AWS = ["arn:aws:iam::123456789012:root"] }, actions = ["sqs:SendMessage"] }] } }
  }
}

# says: queue.dead_letter_queue.policy_statements has principals of the types [["Role"]]; each statement needs a principal
run "a_role_as_a_type_of_principal" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    queue = { dead_letter_queue = { policy_statements = [{ principals = { Role = ["operator"] }, actions = ["sqs:ReceiveMessage"] }] } }
  }
}

# says: queue.dead_letter_queue.policy_statements allows everyone (the principal "*") without a condition.
run "everyone_may_read_dead_letters" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    queue = { dead_letter_queue = { policy_statements = [{ principals = { AWS = ["*"] }, actions = ["sqs:ReceiveMessage"] }] } }
  }
}

# says: function.policy_statements has conditions with the operators [["StringEqual"]]; each must be one of IAM
run "an_operator_that_iam_does_not_know" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    function = { policy_statements = [{ actions = ["s3:GetObject"], resources = ["*"], conditions = { StringEqual = { "aws:ResourceAccount" = ["123456789012"] } } }] }
  }
}

# says: queue.policy_statements has conditions with the operators [["ArnLike"]]; each must be one of IAM, with a key, and with a value
run "a_condition_without_values" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    queue = { policy_statements = [{ principals = { AWS = ["arn:aws:iam::123456789012:root"] }, actions = ["sqs:SendMessage"], conditions = { ArnLike = { "aws:SourceArn" = [] } } }] }
  }
}

# says: queue.dead_letter_queue.policy_statements has conditions with the operators [["Bool"]]; each must be one of IAM, with a key
run "a_condition_without_keys" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    queue = { dead_letter_queue = { policy_statements = [{ principals = { AWS = ["arn:aws:iam::123456789012:root"] }, actions = ["sqs:SendMessage"], conditions = { Bool = {} } }] } }
  }
}

# says: function.policy_statements has the resources [["orders-ledger"]]; each statement needs at least one, and each is an ARN or *.
run "a_resource_by_its_name" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    function = { policy_statements = [{ actions = ["dynamodb:PutItem"], resources = ["orders-ledger"] }] }
  }
}

# says: queue.policy_statements has statements of these sizes: [{"actions":8,"conditions":0,"principals":1}]; SQS takes 7 actions
run "eight_actions_in_a_statement" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    queue = { policy_statements = [{ principals = { AWS = ["arn:aws:iam::123456789012:root"] }, actions = [for action in ["SendMessage", "ReceiveMessage", "DeleteMessage", "PurgeQueue", "GetQueueUrl", "GetQueueAttributes", "ListQueueTags", "TagQueue"] : "sqs:${action}"] }] }
  }
}

# says: queue.dead_letter_queue.policy_statements has statements of these sizes: [{"actions":1,"conditions":0,"principals":51}]; SQS takes 7 actions, 50 principals
run "fifty_one_principals" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    queue = { dead_letter_queue = { policy_statements = [{ principals = { AWS = [for number in range(51) : "arn:aws:iam::${100000000000 + number}:root"] }, actions = ["sqs:ReceiveMessage"] }] } }
  }
}

# says: queue.policy_statements has statements of these sizes: [{"actions":1,"conditions":11,"principals":1}]; SQS takes 7 actions, 50 principals and 10 conditions in each.
run "eleven_conditions" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    queue = { policy_statements = [{ principals = { AWS = ["arn:aws:iam::123456789012:root"] }, actions = ["sqs:SendMessage"], conditions = { StringEquals = { for number in range(6) : "aws:PrincipalTag/a${number}" => ["x"] }, StringLike = { for number in range(5) : "aws:PrincipalTag/b${number}" => ["x"] } } }] }
  }
}

# says: queue.policy_statements and the module make 21 statements; SQS takes 20 in the policy of a queue.
run "twenty_one_statements" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    queue = {
      allowed_senders   = [for number in range(9) : { service = "sns", source_arn = "arn:aws:sns:eu-central-1:123456789012:topic-${number}" }]
      policy_statements = [for number in range(19) : { principals = { AWS = ["arn:aws:iam::123456789012:root"] }, actions = ["sqs:SendMessage"] }]
    }
  }
}

# says: queue.dead_letter_queue.policy_statements and the module make 21 statements; SQS takes 20
run "twenty_statements_of_the_dead_letter_queue" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    queue = { dead_letter_queue = { policy_statements = [for number in range(20) : { principals = { AWS = ["arn:aws:iam::123456789012:root"] }, actions = ["sqs:SendMessage"] }] } }
  }
}

# says: queue.policy_statements and queue.allowed_senders make a policy of at least
run "a_policy_of_12_kilobytes" {
  command         = plan
  expect_failures = [aws_sqs_queue.source]

  variables {
    queue = { policy_statements = [for number in range(5) : { principals = { AWS = [for user in range(50) : "arn:aws:iam::123456789012:user/producer-${user}"] }, actions = ["sqs:SendMessage"] }] }
  }
}

# says: queue.allowed_senders make a policy of at least
run "two_hundred_senders" {
  command         = plan
  expect_failures = [aws_sqs_queue.source]

  variables {
    queue = { allowed_senders = [for number in range(200) : { service = "sns", source_arn = "arn:aws:sns:eu-central-1:123456789012:topic-${number}" }] }
  }
}

# says: queue.dead_letter_queue.policy_statements makes a policy of at least
run "a_policy_of_the_dead_letter_queue_of_12_kilobytes" {
  command         = plan
  expect_failures = [aws_sqs_queue.dead_letter]

  variables {
    queue = { dead_letter_queue = { policy_statements = [for number in range(5) : { principals = { AWS = [for user in range(50) : "arn:aws:iam::123456789012:user/producer-${user}"] }, actions = ["sqs:SendMessage"] }] } }
  }
}

# says: function.policy_statements and the module's own statements have at least
run "a_role_policy_of_11_kilobytes" {
  command         = plan
  expect_failures = [aws_iam_role_policy.processor]

  variables {
    function = { policy_statements = [for number in range(100) : { actions = ["dynamodb:PutItem"], resources = ["arn:aws:dynamodb:eu-central-1:123456789012:table/ledger-${number}"] }] }
  }
}

# says: function.role.managed_policy_arns has 21 policies; IAM takes 20 for a role at most.
run "too_many_managed_policies" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { role = { managed_policy_arns = { for number in range(21) : "p${number}" => "arn:aws:iam::123456789012:policy/p${number}" } } }
  }
}

# says: function.role.managed_policy_arns = {"read":"AmazonSSMReadOnlyAccess"}; each must be the ARN of an IAM policy
run "a_managed_policy_by_its_name" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { role = { managed_policy_arns = { read = "AmazonSSMReadOnlyAccess" } } }
  }
}

# says: function.role.managed_policy_arns = {"a":"arn:aws:iam::aws:policy/AmazonSSMReadOnlyAccess","b":"arn:aws:iam::aws:policy/AmazonSSMReadOnlyAccess"}; each must be the ARN of an IAM policy, and a policy is in it once.
run "a_managed_policy_twice" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { role = { managed_policy_arns = { for name in ["a", "b"] : name => "arn:aws:iam::aws:policy/AmazonSSMReadOnlyAccess" } } }
  }
}
