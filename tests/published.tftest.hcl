# The version that an alias invokes has to be what is deployed. It is packed for real, and deployed by a mock.
mock_provider "aws" {
  source = "./mocks"
}

variables {
  name      = "orders"
  code      = { source_dir = "examples/quickstart/src", build_dir = "build/tests/published" }
  function  = { alias = "live" }
  processor = "orders.process"
}

run "what_a_mock_published_is_not_judged" {
  assert {
    condition     = aws_lambda_alias.consumer[0].function_version == aws_lambda_function.consumer[0].version
    error_message = "The alias invokes the version that was published."
  }
}

run "an_alias_of_another_version" {
  state_key       = "other"
  expect_failures = [terraform_data.checks]

  override_data {
    target = data.aws_lambda_function.published
    values = {
      code_sha256 = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
      version     = "1"
    }
  }
}

run "an_alias_of_no_version" {
  state_key       = "none"
  expect_failures = [terraform_data.checks]

  override_data {
    target = data.aws_lambda_function.published
    values = { version = "$LATEST" }
  }
}
