# The function has to run what is deployed. It is packed for real, and deployed by a mock.
mock_provider "aws" {
  source = "./mocks"
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

run "other_code_than_what_is_deployed" {
  state_key       = "other"
  expect_failures = [terraform_data.checks]

  override_resource {
    target = aws_lambda_function.consumer
    values = {
      arn         = "arn:aws:lambda:eu-central-1:123456789012:function:orders"
      code_sha256 = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    }
  }
}
