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

# says: table.existing.arn = null is not the ARN of a DynamoDB table.
run "an_existing_table_without_an_arn" {
  command         = plan
  expect_failures = [var.table]

  variables {
    table = { existing = { arn = null } }
  }
}

# says: table.class = "GLACIER" is not one of STANDARD, STANDARD_INFREQUENT_ACCESS.
run "an_unknown_class" {
  command         = plan
  expect_failures = [var.table]

  variables {
    table = { class = "GLACIER" }
  }
}

# says: table.existing.arn = "claims" is not the ARN of a DynamoDB table.
run "an_existing_table_by_name" {
  command         = plan
  expect_failures = [var.table]

  variables {
    table = { existing = { arn = "claims" } }
  }
}

# says: table.existing.kms_key_arn = "alias/claims" is not the ARN of a KMS key.
run "an_existing_tables_key_by_its_alias" {
  command         = plan
  expect_failures = [var.table]

  variables {
    table = {
      existing = { arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/claims", kms_key_arn = "alias/claims" }
    }
  }
}

# says: table.existing is set; then class, deletion_protection,
run "settings_with_an_existing_table" {
  command         = plan
  expect_failures = [var.table]

  variables {
    table = {
      existing            = { arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/claims" }
      deletion_protection = true
      shared              = true
    }
  }
}

# says: table.max_read_request_units = 0.5 and table.max_write_request_units = null; each must be a whole number
run "half_a_read_unit" {
  command         = plan
  expect_failures = [var.table]

  variables {
    table = { max_read_request_units = 0.5 }
  }
}

# says: table.provisioned is set, and so is table.max_read_request_units or table.max_write_request_units
run "a_limit_for_a_provisioned_table" {
  command         = plan
  expect_failures = [var.table]

  variables {
    table = { provisioned = { read_units = 5, write_units = 5 }, max_write_request_units = 5 }
  }
}

# says: table.provisioned = {"read_units":5,"write_units":0}; both must be whole numbers of at least 1.
run "no_write_units" {
  command         = plan
  expect_failures = [var.table]

  variables {
    table = { provisioned = { read_units = 5, write_units = 0 } }
  }
}

# says: table.name = "id" is not 3 to 255 letters, digits, -, _ and .
run "a_table_name_of_two_characters" {
  command         = plan
  expect_failures = [var.table]

  variables {
    table = { name = "id" }
  }
}

# says: table.name = "shop/orders" is not 3 to 255 letters
run "a_table_name_with_a_slash" {
  command         = plan
  expect_failures = [var.table]

  variables {
    table = { name = "shop/orders" }
  }
}

# says: table.existing is set; then class, deletion_protection,
run "a_name_for_an_existing_table" {
  command         = plan
  expect_failures = [var.table]

  variables {
    table = { name = "orders", existing = { arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/claims" } }
  }
}
