# Where existing parts may be, and the policies of consumers that share a role.

mock_provider "aws" {
  source = "./tests/mocks"
}

override_resource {
  override_during = plan
  target          = aws_sqs_queue.source
  values = {
    arn = "arn:aws:sqs:eu-central-1:123456789012:orders"
    url = "https://sqs.eu-central-1.amazonaws.com/123456789012/orders"
  }
}

override_resource {
  override_during = plan
  target          = aws_sqs_queue.dead_letter
  values = {
    arn = "arn:aws:sqs:eu-central-1:123456789012:orders-dead-letters"
    url = "https://sqs.eu-central-1.amazonaws.com/123456789012/orders-dead-letters"
  }
}

variables {
  name      = "orders"
  code      = { source_dir = "examples/quickstart/src" }
  processor = "orders.process"
}

# A plan does not know the account, but these mocks do.
run "a_table_of_another_account" {
  command         = plan
  expect_failures = [terraform_data.location, aws_sqs_queue.dead_letter]

  variables {
    table = { existing = { arn = "arn:aws:dynamodb:eu-central-1:210987654321:table/claims" } }
  }
}

run "a_queue_of_another_account" {
  command         = plan
  expect_failures = [terraform_data.location]

  variables {
    queue = { existing = { arn = "arn:aws:sqs:eu-central-1:210987654321:shop", dead_letter_queue = { arn = "arn:aws:sqs:eu-central-1:210987654321:shop-failed", message_retention_seconds = 1209600, url = "https://sqs.eu-central-1.amazonaws.com/210987654321/shop-failed" }, max_receive_count = 5, message_retention_seconds = 345600, visibility_timeout_seconds = 180 } }
  }
}

run "a_function_of_another_account" {
  command         = plan
  expect_failures = [terraform_data.location]

  variables {
    code     = null
    function = { existing = { arn = "arn:aws:lambda:eu-central-1:210987654321:function:orders", timeout_seconds = 30 } }
  }
}

run "a_table_and_a_function_of_another_account" {
  command         = plan
  expect_failures = [aws_sqs_queue.dead_letter]

  variables {
    code     = null
    function = { existing = { arn = "arn:aws:lambda:eu-central-1:210987654321:function:orders", timeout_seconds = 30 } }
    table    = { existing = { arn = "arn:aws:dynamodb:eu-central-1:210987654321:table/claims" } }
  }
}

run "a_table_where_random_mocks_deploy" {
  command = plan

  override_data {
    target = data.aws_region.current
    values = { id = "k3j9x0ab" }
  }

  override_resource {
    override_during = plan
    target          = aws_sqs_queue.dead_letter
    values          = { arn = "mmx81l2k", url = "00dkqlw1" }
  }

  variables {
    table = { existing = { arn = "arn:aws:dynamodb:us-east-1:123456789012:table/claims" } }
  }

  assert {
    condition     = output.queue.arn == "arn:aws:sqs:us-east-1:123456789012:orders" && data.aws_region.current.id == "k3j9x0ab"
    error_message = "Mocks do not say where they deploy, so nothing is compared."
  }
}

run "consumers_of_one_role" {
  command = plan

  variables {
    code     = null
    function = { existing = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:orders", role = { name = "shop" }, timeout_seconds = 30 } }
    queue    = { name = "first" }
  }

  assert {
    condition     = aws_iam_role_policy.function[0].name == "idempotent-lambda-eu-central-1-orders-3220705b"
    error_message = "The policy's name has the Region and the name, and differs by function and queues."
  }
}

run "another_consumer_of_that_role" {
  command = plan

  variables {
    code     = null
    function = { existing = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:orders", role = { name = "shop" }, timeout_seconds = 30 } }
    queue    = { name = "second" }
  }

  assert {
    condition     = aws_iam_role_policy.function[0].name == "idempotent-lambda-eu-central-1-orders-14cb8179"
    error_message = "Two consumers of one name that read other queues have two policies."
  }
}

run "the_longest_name_of_a_policy" {
  command = plan

  override_data {
    target = data.aws_region.current
    values = { id = "ap-southeast-1" }
  }

  variables {
    name     = "consumer-of-all-the-orders-that-ever-come-in-from-every-shop-123"
    code     = null
    function = { existing = { arn = "arn:aws:lambda:ap-southeast-1:123456789012:function:orders", role = { name = "shop" }, timeout_seconds = 30 } }
  }

  assert {
    condition     = length(aws_iam_role_policy.function[0].name) <= 128
    error_message = "IAM takes 128 characters."
  }
}
