# Releases of the function: a canary, instances that are ready, and snapshots.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name      = "orders"
  code      = { source_dir = "examples/quickstart/src" }
  processor = "orders.process"
}

run "a_canary_leaves_most_to_the_older_version" {
  command = plan

  variables {
    function = { alias = "live", alias_weights = { "6" = 0.9 } }
  }

  assert {
    condition     = aws_lambda_alias.consumer[0].function_version == "7" && one(aws_lambda_alias.consumer[0].routing_config).additional_version_weights == tomap({ "6" = 0.9 })
    error_message = "The alias points to the newest version, and the older one has its share."
  }
}

run "a_rollback_leaves_all_to_the_older_version" {
  command = plan

  variables {
    function = { alias = "live", alias_weights = { "1" = 1 } }
  }

  assert {
    condition     = one(aws_lambda_alias.consumer[0].routing_config).additional_version_weights == tomap({ "1" = 1 })
    error_message = "Lambda takes a share of 1."
  }
}

run "an_alias_without_weights_has_no_routing" {
  command = plan

  variables {
    function = { alias = "live" }
  }

  assert {
    condition     = length(aws_lambda_alias.consumer[0].routing_config) == 0
    error_message = "All goes to the newest version."
  }

  assert {
    condition     = length(aws_lambda_function.consumer[0].snap_start) == 0 && length(aws_lambda_provisioned_concurrency_config.consumer) == 0
    error_message = "Nothing costs more."
  }
}

# Known only when the version is: tests/rejections plans without one.
run "the_newest_version_is_no_older_one" {
  command         = plan
  expect_failures = [aws_lambda_alias.consumer]

  variables {
    function = { alias = "live", alias_weights = { "7" = 0.9 } }
  }
}

run "a_version_that_is_still_to_come_is_no_older_one" {
  command         = plan
  expect_failures = [aws_lambda_alias.consumer]

  variables {
    function = { alias = "live", alias_weights = { "10" = 0.9 } }
  }
}

run "instances_are_ready_for_the_alias" {
  command = plan

  variables {
    function = { alias = "live", provisioned_concurrency = 20, reserved_concurrency = 20 }
    queue    = { maximum_concurrency = 20 }
  }

  assert {
    condition     = aws_lambda_provisioned_concurrency_config.consumer[0].function_name == "orders" && aws_lambda_provisioned_concurrency_config.consumer[0].qualifier == "live" && aws_lambda_provisioned_concurrency_config.consumer[0].provisioned_concurrent_executions == 20
    error_message = "As many as are reserved, for the alias that the mapping invokes."
  }
}

run "instances_start_from_a_snapshot" {
  command = plan

  variables {
    function = { alias = "live", alias_weights = { "6" = 0.5 }, runtime = "python3.12", snap_start = true }
  }

  assert {
    condition     = one(aws_lambda_function.consumer[0].snap_start).apply_on == "PublishedVersions" && aws_lambda_function.consumer[0].publish
    error_message = "Each published version has a snapshot, in a canary, too."
  }
}

run "an_image_starts_from_a_snapshot" {
  command = plan

  variables {
    code     = { image = { uri = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/orders@sha256:1" } }
    function = { alias = "live", runtime = "python3.11", snap_start = true }
  }

  assert {
    condition     = one(aws_lambda_function.consumer[0].snap_start).apply_on == "PublishedVersions"
    error_message = "An image does not use the runtime."
  }
}
