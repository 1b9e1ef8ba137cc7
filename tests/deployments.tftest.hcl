# The function has to run what is deployed. It is packed for real, and deployed by a mock. The mocks of the
# other files are not for applying: what they make up while Terraform plans is made up again.
mock_provider "aws" {
  mock_resource "aws_dynamodb_table" {
    defaults = { arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/orders-idempotency" }
  }

  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/orders" }
  }

  mock_resource "aws_lambda_function" {
    defaults = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:orders" }
  }

  mock_resource "aws_sqs_queue" {
    defaults = { arn = "arn:aws:sqs:eu-central-1:123456789012:mocked" }
  }
}

variables {
  name      = "orders"
  code      = { source_dir = "examples/quickstart/src", build_dir = "build/tests/packed" }
  processor = "orders.process"
}

run "what_a_mock_runs_is_not_judged" {
  assert {
    condition     = terraform_data.code[0].output == filebase64sha256(local.zip)
    error_message = "The function has to run the zip that is built."
  }
}

run "an_alias_of_other_code_than_what_is_deployed" {
  state_key       = "alias"
  expect_failures = [output.function]

  variables {
    function = { alias = "live" }
  }

  override_data {
    target = data.aws_lambda_function.published
    values = {
      code_sha256 = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
      version     = "1"
    }
  }
}

run "an_alias_of_no_version" {
  state_key       = "latest"
  expect_failures = [output.function]

  variables {
    function = { alias = "live" }
  }

  override_data {
    target = data.aws_lambda_function.published
    values = {
      code_sha256 = "mocked"
      version     = "$LATEST"
    }
  }
}

run "other_code_than_what_is_deployed" {
  state_key       = "others"
  expect_failures = [output.function]

  override_resource {
    target = aws_lambda_function.consumer
    values = {
      arn         = "arn:aws:lambda:eu-central-1:123456789012:function:orders"
      code_sha256 = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    }
  }
}
