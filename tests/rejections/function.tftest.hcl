# Every rule refuses what it is there to refuse: one wrong fact per case on a valid base.
#
# `expect_failures` alone passes when another rule of the same object fires. So each case says, in the
# line above it, how its message starts; tests/module/test_rejections.py asserts that this and no other
# error appears, and that every rule of the module has a case.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name      = "orders"
  code      = { source_dir = "examples/quickstart/src" }
  processor = "orders.process"
}

# says: and no datadog_lambda/handler.py or datadog_lambda/handler/__init__.py
run "a_wrapper_from_nowhere" {
  command         = plan
  expect_failures = [terraform_data.package]

  variables {
    function = { wrapper = "datadog_lambda.handler.handler" }
  }
}

# says: function.handler = "orders.charge" replaces the built-in entry point
run "a_processor_with_another_handler" {
  command         = plan
  expect_failures = [aws_lambda_function.consumer]

  variables {
    function = { handler = "orders.charge" }
  }
}

# says: function.architecture = "arm" is not one of arm64, x86_64.
run "an_unknown_architecture" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { architecture = "arm" }
  }
}

# says: function.environment has the names ["LEDGER-TABLE","OTHER"]; each must have two or more letters
run "an_environment_name_with_a_dash" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { environment = { LEDGER-TABLE = "ledger", OTHER = "fine" } }
  }
}

# says: function.environment has the names ["IDEMPOTENCY_TABLE","OTHER"]; each must have two or more letters
run "an_environment_name_of_the_module" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { environment = { IDEMPOTENCY_TABLE = "mine", OTHER = "fine" } }
  }
}

# says: function.environment has the names ["AWS_LAMBDA_LOG_LEVEL"]; each must have two or more letters
run "a_log_level_that_lambda_sets" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { environment = { AWS_LAMBDA_LOG_LEVEL = "INFO" } }
  }
}

# says: function.environment has the names ["AWS_REGION","OTHER"]; each must have two or more letters
run "an_environment_name_that_lambda_reserves" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { environment = { AWS_REGION = "eu-west-1", OTHER = "fine" } }
  }
}

# says: function.handler = "orders" is not "module.function" of at most 128 characters.
run "a_handler_without_a_function" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { handler = "orders" }
  }
}

# says:  is not "module.function" of at most 128 characters.
run "a_handler_of_129_characters" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { handler = "orders.${format("h%0121d", 0)}" }
  }
}

# says: function.memory_size_mb = 127 is not a whole number from 128 to 10240 (MB).
run "too_little_memory" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { memory_size_mb = 127 }
  }
}

# says: function.memory_size_mb = 10241 is not a whole number from 128 to 10240 (MB).
run "too_much_memory" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { memory_size_mb = 10241 }
  }
}

# says: function.memory_size_mb = 256.5 is not a whole number from 128 to 10240 (MB).
run "a_fraction_of_memory" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { memory_size_mb = 256.5 }
  }
}

# says: function.policy_statements has the actions [["s3:GetObject"],[]]; each statement needs at least one
run "a_statement_without_actions" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    function = {
      policy_statements = [
        { actions = ["s3:GetObject"], resources = ["*"] },
        { actions = [], resources = ["*"] },
      ]
    }
  }
}

# says: function.policy_statements has the resources [["*"],[]]; each statement needs at least one
run "a_statement_without_resources" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    function = {
      policy_statements = [
        { actions = ["s3:GetObject"], resources = ["*"] },
        { actions = ["s3:PutObject"], resources = [] },
      ]
    }
  }
}

# says: function.policy_statements has the sids ["Read all",null]; each must be letters and digits
run "a_sid_with_a_space" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    function = {
      policy_statements = [
        { sid = "Read all", actions = ["s3:GetObject"], resources = ["*"] },
        { actions = ["s3:PutObject"], resources = ["*"] },
      ]
    }
  }
}

# says: function.policy_statements makes a policy with the sids ["Read","Read"]; each may be in a policy only once.
run "a_sid_used_twice" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    function = {
      policy_statements = [
        { sid = "Read", actions = ["s3:GetObject"], resources = ["*"] },
        { sid = "Read", actions = ["s3:PutObject"], resources = ["*"] },
        { actions = ["s3:ListBucket"], resources = ["*"] },
        { actions = ["s3:DeleteObject"], resources = ["*"] },
      ]
    }
  }
}

# says: function.runtime = "python3.10" is not python3.11 or newer, which the package idempotent_lambda needs.
run "a_runtime_below_the_floor" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { runtime = "python3.10" }
  }
}

# says: function.runtime = "nodejs22.x" is not python3.11 or newer, which the package idempotent_lambda needs.
run "a_runtime_that_is_not_python" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { runtime = "nodejs22.x" }
  }
}

# says: function.timeout_seconds = 2 is not a whole number from 3 to 1800 (seconds; a slow claim needs 3)
run "too_short_a_timeout" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { timeout_seconds = 2 }
  }
}

# says: function.timeout_seconds = 1801 is not a whole number from 3 to 1800 (seconds; a slow claim needs 3)
run "too_long_a_timeout" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { timeout_seconds = 1801 }
  }
}

# says: function.timeout_seconds = 30.5 is not a whole number from 3 to 1800 (seconds; a slow claim needs 3)
run "a_fraction_of_a_timeout" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { timeout_seconds = 30.5 }
  }
}

# says: function.wrapper = "datadog_lambda" is not "module.function" of at most 128 characters.
run "a_wrapper_without_a_function" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { wrapper = "datadog_lambda" }
  }
}

# says: function.wrapper = "datadog_lambda.handler.handler" is set, and so is function.handler = "orders.handler";
run "a_wrapper_and_a_handler" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function  = { wrapper = "datadog_lambda.handler.handler", handler = "orders.handler" }
    processor = null
  }
}

# says: function.alias = "1" is not 1 to 128 letters, digits, - and _, not only digits.
run "an_alias_of_digits" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { alias = "1" }
  }
}

# says: function.alias = "a0000
run "an_alias_of_129_characters" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { alias = format("a%0128d", 0) }
  }
}

# says: function.ephemeral_storage_mb = 511 is not a whole number from 512 to 10240 (MB).
run "too_little_storage" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { ephemeral_storage_mb = 511 }
  }
}

# says: function.ephemeral_storage_mb = 10241 is not a whole number from 512 to 10240 (MB).
run "too_much_storage" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { ephemeral_storage_mb = 10241 }
  }
}

# says: function.existing.arn = "worker" is not the ARN of a function or of its alias, or role.name is null.
run "an_existing_function_by_name" {
  command         = plan
  expect_failures = [var.function]

  variables {
    code     = null
    function = { existing = { arn = "worker", timeout_seconds = 30 } }
  }
}

# says: function.existing.timeout_seconds = 2 is not a whole number from 3 to 5400 (seconds).
run "an_existing_function_of_2_seconds" {
  command         = plan
  expect_failures = [var.function]

  variables {
    code     = null
    function = { existing = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:worker", timeout_seconds = 2 } }
  }
}

# says: function.existing.timeout_seconds = 5401 is not a whole number from 3 to 5400 (seconds).
run "an_existing_function_of_more_than_90_minutes" {
  command         = plan
  expect_failures = [var.function]

  variables {
    code     = null
    function = { existing = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:worker", timeout_seconds = 5401 } }
  }
}

# says: function.existing is set; then alias, alias_weights, architecture, environment,
run "settings_with_an_existing_function" {
  command         = plan
  expect_failures = [var.function]

  variables {
    code = null
    function = {
      existing       = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:worker", timeout_seconds = 30 }
      environment    = { LEDGER = "x" }
      memory_size_mb = 512
    }
  }
}

# says: function.layers has 6 layers; Lambda takes 5.
run "six_layers" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { layers = [for number in range(6) : "arn:aws:lambda:eu-central-1:123456789012:layer:deps-${number}:1"] }
  }
}

# says: function.layers = ["arn:aws:lambda:eu-central-1:123456789012:layer:deps"]; each must be the ARN of a layer
run "a_layer_without_its_version" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { layers = ["arn:aws:lambda:eu-central-1:123456789012:layer:deps"] }
  }
}

# says: function.layers has 1 layers, and code.image is set; Lambda adds none to an image.
run "layers_of_an_image" {
  command         = plan
  expect_failures = [aws_lambda_function.consumer]

  variables {
    code     = { image = { uri = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/orders:1" } }
    function = { layers = ["arn:aws:lambda:eu-central-1:123456789012:layer:deps:1"] }
  }
}

# says: function.name = "orders.v2" is not 1 to 64 letters, digits, - and _.
run "a_function_name_with_a_dot" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { name = "orders.v2" }
  }
}

# says: function.permissions_boundary_arn = "arn:aws:iam::123456789012:role/boundary" is not the ARN of an IAM policy.
run "a_boundary_that_is_a_role" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { permissions_boundary_arn = "arn:aws:iam::123456789012:role/boundary" }
  }
}

# says: function.reserved_concurrency = -1 is not a whole number of at least 0 (instances).
run "less_than_no_concurrency" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { reserved_concurrency = -1 }
  }
}

# says: function.vpc has 0 security_group_ids and 1 subnet_ids, not 1 to 5 and 1 to 16.
run "a_vpc_without_a_security_group" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { vpc = { security_group_ids = [], subnet_ids = ["subnet-1"] } }
  }
}

# says: function.vpc has 1 security_group_ids and 0 subnet_ids, not 1 to 5 and 1 to 16.
run "a_vpc_without_a_subnet" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { vpc = { security_group_ids = ["sg-1"], subnet_ids = [] } }
  }
}

# says: function.alias = "" is not 1 to 128 letters, digits, - and _, not only digits.
run "an_empty_alias" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { alias = "" }
  }
}

# says: function.existing.arn = null is not the ARN of a function or of its alias, or role.name is null.
run "an_existing_function_without_an_arn" {
  command         = plan
  expect_failures = [var.function]

  variables {
    code     = null
    function = { existing = { arn = null, timeout_seconds = 30 } }
  }
}

# says: function.role.name = "rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr" is not 1 to 64 letters, digits and +=,.@_-
run "a_role_name_of_65_characters" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { role = { name = "rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr" } }
  }
}

# says: function.role.name = "shop/orders" is not 1 to 64 letters, digits and +=,.@_-
run "a_role_name_with_its_path" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { role = { name = "shop/orders" } }
  }
}

# says: function.role.path = "/shop" does not begin and end with /
run "a_role_path_without_its_end" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { role = { path = "/shop" } }
  }
}

# says: function.role.path = "/ppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp/" does not begin and end with / or has more than 512
run "a_role_path_of_513_characters" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { role = { path = "/ppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp/" } }
  }
}

# says: function.handler = "app.handler" names a module that the function would not have: there is no layer, no requirements.txt, and code.source_dir = "examples/quickstart/src" holds no app.py.
run "a_handler_in_a_module_that_is_not_there" {
  command         = plan
  expect_failures = [terraform_data.package]

  variables {
    processor = null
    function  = { handler = "app.handler" }
  }
}

# says: function.handler = "orders.handler" names a function that orders.py in code.source_dir = "examples/quickstart/src" does not define.
run "a_handler_that_its_file_does_not_define" {
  command         = plan
  expect_failures = [terraform_data.package]

  variables {
    processor = null
    function  = { handler = "orders.handler" }
  }
}

# says: function.wrapper = "orders.wrap" names a function that orders.py in code.source_dir = "examples/quickstart/src" does not define.
run "a_wrapper_that_its_file_does_not_define" {
  command         = plan
  expect_failures = [terraform_data.package]

  variables {
    function = { wrapper = "orders.wrap" }
  }
}

# says: function.policy_statements has a null; each must be an object.
run "a_statement_that_is_null" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { policy_statements = [null] }
  }
}

# says: function.existing.arn = "arn:aws:lambda:eu-central-1:123456789012:function:worker" is not the ARN of a function or of its alias, or role.name is null.
run "an_existing_role_without_a_name" {
  command         = plan
  expect_failures = [var.function]

  variables {
    code     = null
    function = { existing = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:worker", role = { name = null }, timeout_seconds = 30 } }
  }
}

# says: function.vpc has 1 security_group_ids and 2 subnet_ids, not 1 to 5 and 1 to 16
run "a_subnet_that_is_null" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { vpc = { security_group_ids = ["sg-1"], subnet_ids = ["subnet-1", null] } }
  }
}
