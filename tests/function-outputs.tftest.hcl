# What the output says of the function, for API Gateway and others.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name      = "orders"
  code      = { source_dir = "examples/quickstart/src" }
  processor = "orders.process"
}

run "a_function_without_an_alias_has_no_version" {
  command = plan

  assert {
    condition     = output.function.alias_arn == null && output.function.version == null && output.function.log_group_arn == "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/orders"
    error_message = "No version is published."
  }

  assert {
    condition     = output.function.invoke_arn == "arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-central-1:123456789012:function:orders/invocations"
    error_message = "API Gateway invokes the function itself."
  }
}

run "an_alias_has_a_version_and_an_arn_for_api_gateway" {
  command = plan

  variables {
    function = { alias = "live" }
  }

  assert {
    condition     = output.function.version == "7" && output.function.alias_arn == "arn:aws:lambda:eu-central-1:123456789012:function:orders:live" && output.function.target_arn == output.function.alias_arn
    error_message = "The newest version, and the alias that the mappings invoke."
  }

  assert {
    condition     = output.function.invoke_arn == "arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-central-1:123456789012:function:orders:live/invocations"
    error_message = "API Gateway invokes the alias: its permission is the alias's."
  }
}

run "an_existing_function_has_an_arn_for_api_gateway" {
  command = plan

  variables {
    code     = null
    function = { existing = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:my-orders:prod", timeout_seconds = 30 } }
  }

  assert {
    condition     = output.function.log_group_arn == null && output.function.alias_arn == null && output.function.version == null
    error_message = "The module knows nothing of its logs and versions."
  }

  assert {
    condition     = output.function.invoke_arn == "arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-central-1:123456789012:function:my-orders:prod/invocations"
    error_message = "API Gateway's ARN follows from the function's."
  }
}
