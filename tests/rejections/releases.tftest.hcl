# Every rule of the releases refuses what it is there to refuse: see function.tftest.hcl.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name      = "orders"
  code      = { source_dir = "examples/quickstart/src" }
  processor = "orders.process"
}

# says: function.alias is null, and alias_weights, provisioned_concurrency and snap_start concern its versions.
run "weights_without_an_alias" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { alias_weights = { "7" = 0.9 } }
  }
}

# says: function.alias is null, and alias_weights, provisioned_concurrency and snap_start concern its versions.
run "instances_without_an_alias" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { provisioned_concurrency = 1 }
  }
}

# says: function.alias is null, and alias_weights, provisioned_concurrency and snap_start concern its versions.
run "a_snapshot_without_an_alias" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { snap_start = true }
  }
}

# says: function.alias_weights = {"6":0.2,"7":0.2} is not the number of one older version
run "two_older_versions" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { alias = "live", alias_weights = { "6" = 0.2, "7" = 0.2 } }
  }
}

# says: function.alias_weights = {"$LATEST":0.9} is not the number of one older version
run "weights_of_what_is_not_published" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { alias = "live", alias_weights = { "$LATEST" = 0.9 } }
  }
}

# says: function.alias_weights = {"live":0.9} is not the number of one older version
run "weights_of_an_alias" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { alias = "live", alias_weights = { live = 0.9 } }
  }
}

# says: function.alias_weights = {"07":0.9} is not the number of one older version
run "a_version_with_a_leading_zero" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { alias = "live", alias_weights = { "07" = 0.9 } }
  }
}

# says: function.alias_weights = {"7":0} is not the number of one older version
run "a_share_of_nothing" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { alias = "live", alias_weights = { "7" = 0 } }
  }
}

# says: function.alias_weights = {"7":90} is not the number of one older version
run "a_share_in_percent" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { alias = "live", alias_weights = { "7" = 90 } }
  }
}

# says: function.alias_weights = {"7":null} is not the number of one older version
run "a_share_of_null" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { alias = "live", alias_weights = { "7" = null } }
  }
}

# says: function.existing is set; then alias, alias_weights,
run "weights_of_an_existing_function" {
  command         = plan
  expect_failures = [var.function]

  variables {
    code     = null
    function = { existing = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:orders", timeout_seconds = 30 }, alias = "live", alias_weights = { "7" = 0.9 } }
  }
}

# says: function.provisioned_concurrency = 0 is not a whole number of at least 1
run "no_provisioned_instance" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { alias = "live", provisioned_concurrency = 0 }
  }
}

# says: function.provisioned_concurrency = 1.5 is not a whole number of at least 1
run "half_a_provisioned_instance" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { alias = "live", provisioned_concurrency = 1.5 }
  }
}

# says: function.provisioned_concurrency = 21 is not a whole number of at least 1 and at most reserved_concurrency = 20
run "more_provisioned_than_reserved" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { alias = "live", provisioned_concurrency = 21, reserved_concurrency = 20 }
    queue    = { maximum_concurrency = 20 }
  }
}

# says: function.provisioned_concurrency = 1 is set together with alias_weights or snap_start
run "provisioned_instances_and_weights" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { alias = "live", alias_weights = { "7" = 0.9 }, provisioned_concurrency = 1 }
  }
}

# says: function.provisioned_concurrency = 1 is set together with alias_weights or snap_start
run "provisioned_instances_and_a_snapshot" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { alias = "live", provisioned_concurrency = 1, snap_start = true }
  }
}

# says: function.snap_start is set with runtime = "python3.11" and ephemeral_storage_mb = 512;
run "a_snapshot_of_an_old_python" {
  command         = plan
  expect_failures = [aws_lambda_function.consumer]

  variables {
    function = { alias = "live", runtime = "python3.11", snap_start = true }
  }
}

# says: function.snap_start is set with runtime = "python3.13" and ephemeral_storage_mb = 513;
run "a_snapshot_with_much_storage" {
  command         = plan
  expect_failures = [aws_lambda_function.consumer]

  variables {
    function = { alias = "live", ephemeral_storage_mb = 513, snap_start = true }
  }
}

# says: function.snap_start is set with runtime = "python3.13" and ephemeral_storage_mb = 1024;
run "a_snapshot_of_an_image_with_much_storage" {
  command         = plan
  expect_failures = [aws_lambda_function.consumer]

  variables {
    code     = { image = { uri = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/orders@sha256:1" } }
    function = { alias = "live", ephemeral_storage_mb = 1024, snap_start = true }
  }
}
