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

# says: name = "all orders" holds other characters than letters, digits, - and _
run "a_name_with_a_space" {
  command         = plan
  expect_failures = [var.name]

  variables {
    name = "all orders"
  }
}

# says: name = "" has 0 characters; a function's name takes 1 to 64.
run "an_empty_name" {
  command         = plan
  expect_failures = [var.name]

  variables {
    name = ""
  }
}

# says:  has 65 characters; a function's name takes 1 to 64.
run "a_name_of_65_characters" {
  command         = plan
  expect_failures = [var.name]

  variables {
    name = format("%065d", 0)
  }
}

# says: processor is null, and the built-in entry point needs it.
run "no_processor_for_the_built_in_handler" {
  command         = plan
  expect_failures = [aws_lambda_function.consumer]

  variables {
    processor = null
  }
}

# says: processor = "process" is not "module.function".
run "a_processor_without_a_module" {
  command         = plan
  expect_failures = [var.processor]

  variables {
    processor = "process"
  }
}

# says: processor = "shop/orders.process" is not "module.function".
run "a_processor_written_as_a_path" {
  command         = plan
  expect_failures = [var.processor]

  variables {
    processor = "shop/orders.process"
  }
}

# says: processor = "shop.orders.process" names a module that code.source_dir = "examples/quickstart/src" does not hold: there is no shop/orders.py or shop/orders/__init__.py.
run "a_processor_in_a_module_that_is_not_there" {
  command         = plan
  expect_failures = [terraform_data.package]

  variables {
    processor = "shop.orders.process"
  }
}

# says: processor = "orders.proces" names a function that orders.py in code.source_dir = "examples/quickstart/src" does not define. Correct the name
run "a_processor_that_its_file_does_not_define" {
  command         = plan
  expect_failures = [terraform_data.package]

  variables {
    processor = "orders.proces"
  }
}

# says: logs.retention_days = 31 is not one of 0, 1, 3, 5, 7, 14, 30, 60,
run "a_log_retention_that_cloudwatch_does_not_know" {
  command         = plan
  expect_failures = [var.logs]

  variables {
    logs = { retention_days = 31 }
  }
}

# says: kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:alias/orders" is not the ARN of a KMS key
run "a_key_by_its_alias" {
  command         = plan
  expect_failures = [var.kms_key_arn]

  variables {
    kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:alias/orders"
  }
}

# says: kms_key_arn = "" is not the ARN of a KMS key
run "an_empty_key_arn" {
  command         = plan
  expect_failures = [var.kms_key_arn]

  variables {
    kms_key_arn = ""
  }
}

# says: kms_key_arn is set, and every part exists already or has another key: the key encrypts nothing.
run "a_key_for_nothing" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    code        = null
    kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/7a1c1f2e-0000-4000-8000-000000000000"
    function    = { existing = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:worker", timeout_seconds = 30 } }
    queue       = { existing = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs", dead_letter_queue = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs-failed", url = "https://sqs.eu-central-1.amazonaws.com/123456789012/jobs-failed", message_retention_seconds = 1209600 }, max_receive_count = 5, message_retention_seconds = 345600, visibility_timeout_seconds = 180 } }
    table       = { existing = { arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/claims" } }
  }
}

# says: processor = "orders.py" is not "module.function".
run "a_file_as_processor" {
  command         = plan
  expect_failures = [var.processor]

  variables {
    processor = "orders.py"
  }
}

# says: table.existing.arn = "arn:aws:dynamodb:us-east-1:123456789012:table/claims", and the AWS provider deploys to the Region eu-central-1; existing parts must be in that Region. Give ARNs of parts there, or pass a provider of us-east-1
run "a_table_of_another_region" {
  command         = plan
  expect_failures = [aws_sqs_queue.dead_letter, terraform_data.location]

  variables {
    table = { existing = { arn = "arn:aws:dynamodb:us-east-1:123456789012:table/claims" } }
  }
}

# says: queue.existing.arn = "arn:aws:sqs:eu-west-1:123456789012:shop", queue.existing.dead_letter_queue.arn = "arn:aws:sqs:eu-west-1:123456789012:shop-failed", and the AWS provider
run "a_queue_of_another_region" {
  command         = plan
  expect_failures = [terraform_data.location]

  variables {
    queue = { existing = { arn = "arn:aws:sqs:eu-west-1:123456789012:shop", dead_letter_queue = { arn = "arn:aws:sqs:eu-west-1:123456789012:shop-failed", message_retention_seconds = 1209600, url = "https://sqs.eu-west-1.amazonaws.com/123456789012/shop-failed" }, max_receive_count = 5, message_retention_seconds = 345600, visibility_timeout_seconds = 180 } }
  }
}

# says: function.existing.arn = "arn:aws:lambda:us-gov-west-1:123456789012:function:orders", and the AWS provider
run "a_function_of_another_region" {
  command         = plan
  expect_failures = [terraform_data.location]

  variables {
    code     = null
    function = { existing = { arn = "arn:aws:lambda:us-gov-west-1:123456789012:function:orders", timeout_seconds = 30 } }
  }
}
