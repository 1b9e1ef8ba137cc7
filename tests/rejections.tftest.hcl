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

run "a_zip" {
  module {
    source = "./tests/zip"
  }
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

# says: code names 0 sources; it takes exactly one.
run "code_from_nowhere" {
  command         = plan
  expect_failures = [var.code]

  variables {
    code = {}
  }
}

# says: code names 2 sources; it takes exactly one.
run "code_from_two_places" {
  command         = plan
  expect_failures = [var.code]

  variables {
    code = { source_dir = "examples/quickstart/src", filename = run.a_zip.filename }
  }
}

# says: code.filename = "examples/quickstart/src/orders.py" does not end in .zip.
run "a_filename_that_is_no_zip" {
  command         = plan
  expect_failures = [var.code]

  variables {
    code = { filename = "examples/quickstart/src/orders.py" }
  }
}

# says: code.filename = "missing.zip" does not exist; it must exist when Terraform plans the function.
run "a_zip_that_does_not_exist" {
  command         = plan
  expect_failures = [aws_lambda_function.consumer]

  variables {
    code = { filename = "missing.zip" }
  }
}

# says: code.source_dir = "missing" holds no .py file; at least one is needed.
run "a_source_dir_that_does_not_exist" {
  command         = plan
  expect_failures = [terraform_data.package]

  variables {
    code = { source_dir = "missing" }
  }
}

# says: code.source_dir = "tests/module/sources/no_python" holds no .py file; at least one is needed.
run "a_source_dir_without_python" {
  command         = plan
  expect_failures = [terraform_data.package]

  variables {
    code = { source_dir = "tests/module/sources/no_python" }
  }
}

# says: code.source_dir = "" holds no .py file; at least one is needed.
run "an_empty_source_dir_name" {
  command         = plan
  expect_failures = [terraform_data.package]

  variables {
    code = { source_dir = "" }
  }
}

# says: code.exclude has ["*.{md,txt}","/","./","","tests "]; a pattern is a name or path with *, ** and ?
run "patterns_that_terraform_does_not_know" {
  command         = plan
  expect_failures = [var.code]

  variables {
    code = { source_dir = "examples/quickstart/src", exclude = ["tests", "*.{md,txt}", "/", "./", "", "tests "] }
  }
}

# says: code has an empty python, requirements.
run "empty_texts_about_code" {
  command         = plan
  expect_failures = [var.code]

  variables {
    code = { source_dir = "examples/quickstart/src", python = "", requirements = "" }
  }
}

# says: code has an empty image.uri.
run "an_image_of_no_uri" {
  command         = plan
  expect_failures = [var.code]

  variables {
    code = { image = { uri = null } }
  }
}

# says: code.requirements or code.build_dir is set without code.source_dir, and nothing is built then.
run "requirements_of_a_zip" {
  command         = plan
  expect_failures = [var.code]

  variables {
    code = { filename = run.a_zip.filename, requirements = "requirements.txt" }
  }
}

# says: code.s3.source_code_hash = "b3c028d63dcd0654" is not a SHA-256 in base64.
run "a_hash_that_is_no_base64" {
  command         = plan
  expect_failures = [var.code]

  variables {
    code = { s3 = { bucket = "artefacts", key = "orders.zip", source_code_hash = "b3c028d63dcd0654" } }
  }
}

# says: code.source_dir = "examples/quickstart" holds main.tf, and Terraform files can hold secrets
run "a_source_dir_with_terraform_files" {
  command         = plan
  expect_failures = [terraform_data.package]

  variables {
    code      = { source_dir = "examples/quickstart" }
    processor = "src.orders.process"
  }
}

# says: code.source_dir = "tests/module/sources/[a-z]*" has one of []{}*?, and Terraform would take it for a pattern of many paths.
run "a_source_dir_that_is_a_pattern" {
  command         = plan
  expect_failures = [var.code]

  variables {
    code = { source_dir = "tests/module/sources/[a-z]*" }
  }
}

# says: code.build_dir = "examples/quickstart/src/build" lies in code.source_dir = "examples/quickstart/src", and it must lie outside.
run "a_build_dir_that_is_packed" {
  command         = plan
  expect_failures = [terraform_data.package]

  variables {
    code = { source_dir = "examples/quickstart/src", build_dir = "examples/quickstart/src/build" }
  }
}

# says: function.wrapper = "datadog_lambda.handler.handler" names a module that the function would not have: there is no layer, no requirements.txt, and no datadog_lambda/handler.py or datadog_lambda/handler/__init__.py
run "a_wrapper_from_nowhere" {
  command         = plan
  expect_failures = [terraform_data.package]

  variables {
    function = { wrapper = "datadog_lambda.handler.handler" }
  }
}

# says: code.source_dir = "tests/module/sources/poetry" holds poetry.lock but no requirements.txt, and only that is installed. Build one there with `poetry export -o requirements.txt`
run "a_lock_that_is_not_installed" {
  command         = plan
  expect_failures = [terraform_data.package]

  variables {
    code = { source_dir = "tests/module/sources/poetry" }
  }
}

# says: code.requirements = "missing.txt" does not exist.
run "requirements_that_do_not_exist" {
  command         = plan
  expect_failures = [terraform_data.package]

  variables {
    code = { source_dir = "examples/quickstart/src", requirements = "missing.txt" }
  }
}

# says: code.source_dir = "tests/module/sources/shadows" holds modules that hide modules which boto3 or idempotent_lambda imports: email, queue.
run "modules_that_hide_pythons" {
  command         = plan
  expect_failures = [terraform_data.package]

  variables {
    code = { source_dir = "tests/module/sources/shadows" }
  }
}

# says: code.source_dir = "tests/module/sources/own_package" holds its own module idempotent_lambda
run "a_package_that_hides_ours" {
  command         = plan
  expect_failures = [terraform_data.package]

  variables {
    code = { source_dir = "tests/module/sources/own_package" }
  }
}

# says: code.source_dir = "tests/module/sources/own_module" holds its own module idempotent_lambda
run "a_module_that_hides_ours" {
  command         = plan
  expect_failures = [terraform_data.package]

  variables {
    code = { source_dir = "tests/module/sources/own_module" }
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

# says: function.handler = "orders.handler" replaces the built-in entry point, so processor = "orders.process" would never be called
run "a_processor_beside_a_handler_of_ones_own" {
  command         = plan
  expect_failures = [aws_lambda_function.consumer]

  variables {
    function = { handler = "orders.handler" }
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

# says: function.architecture = "arm" is not one of arm64, x86_64.
run "an_unknown_architecture" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { architecture = "arm" }
  }
}

# says: function.environment has the names ["LEDGER-TABLE"]; Lambda takes two or more letters, digits and _, a letter first.
run "an_environment_name_with_a_dash" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { environment = { LEDGER-TABLE = "ledger", OTHER = "fine" } }
  }
}

# says: function.environment sets IDEMPOTENCY_TABLE; names starting with IDEMPOTENCY_ are the module's.
run "an_environment_name_of_the_module" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { environment = { IDEMPOTENCY_TABLE = "mine", OTHER = "fine" } }
  }
}

# says: function.environment sets AWS_REGION, which Lambda reserves and sets itself.
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

# says: allowed_triggers has the names ["the topic"]; Lambda takes 1 to 100 letters, digits, - and _.
run "an_invoker_name_with_a_space" {
  command         = plan
  expect_failures = [var.allowed_triggers]

  variables {
    allowed_triggers = { "the topic" = { service = "sns", source_arn = "arn:aws:sns:eu-central-1:123456789012:orders" } }
  }
}

# says: allowed_triggers has the services ["apigateway"], not events, s3, sns.
run "an_invoker_of_another_service" {
  command         = plan
  expect_failures = [var.allowed_triggers]

  variables {
    allowed_triggers = { api = { service = "apigateway", source_arn = "arn:aws:execute-api:eu-central-1:123456789012:api" } }
  }
}

# says: allowed_triggers has the source_arns ["arn:aws:events:eu-central-1:123456789012:event-bus/default"], which are not of their services.
run "an_invoker_that_is_a_bus_and_no_rule" {
  command         = plan
  expect_failures = [var.allowed_triggers]

  variables {
    allowed_triggers = { rule = { service = "events", source_arn = "arn:aws:events:eu-central-1:123456789012:event-bus/default" } }
  }
}

# says: allowed_triggers is not empty (topic) and the queue is FIFO
run "an_invoker_beside_a_fifo_queue" {
  command         = plan
  expect_failures = [aws_lambda_function.consumer]

  variables {
    allowed_triggers = { topic = { service = "sns", source_arn = "arn:aws:sns:eu-central-1:123456789012:orders" } }
    queue            = { fifo = true }
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

# says: function.policy_statements has a statement without actions (number 2); each needs at least one.
run "a_statement_without_actions" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { policy_statements = [{ actions = ["s3:GetObject"], resources = ["*"] }, { actions = [], resources = ["*"] }] }
  }
}

# says: function.policy_statements has a statement without resources (number 2); each needs at least one.
run "a_statement_without_resources" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { policy_statements = [{ actions = ["s3:GetObject"], resources = ["*"] }, { actions = ["s3:PutObject"], resources = [] }] }
  }
}

# says: function.policy_statements has the sids ["Read all"]; IAM takes letters and digits only.
run "a_sid_with_a_space" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { policy_statements = [{ sid = "Read all", actions = ["s3:GetObject"], resources = ["*"] }, { sid = "Write", actions = ["s3:PutObject"], resources = ["*"] }] }
  }
}

# says: function.policy_statements has the sids ["Read","Read"]; IAM takes each only once in a policy.
run "a_sid_used_twice" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { policy_statements = [{ sid = "Read", actions = ["s3:GetObject"], resources = ["*"] }, { sid = "Read", actions = ["s3:PutObject"], resources = ["*"] }] }
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

# says: function.timeout_seconds = 2 is not a whole number from 3 to 900 (seconds): less would not hold a slow claim
run "too_short_a_timeout" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { timeout_seconds = 2 }
  }
}

# says: function.timeout_seconds = 901 is not a whole number from 3 to 900 (seconds): less would not hold a slow claim
run "too_long_a_timeout" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { timeout_seconds = 901 }
  }
}

# says: function.timeout_seconds = 30.5 is not a whole number from 3 to 900 (seconds): less would not hold a slow claim
run "a_fraction_of_a_timeout" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { timeout_seconds = 30.5 }
  }
}

# says: idempotency.key = " " is not a JMESPath expression: it is empty
run "an_empty_key" {
  command         = plan
  expect_failures = [var.idempotency]

  variables {
    idempotency = { key = " " }
  }
}

# says: idempotency.lease_margin_seconds = 0 is not more than 0 and at most 300 (seconds).
run "no_lease_margin" {
  command         = plan
  expect_failures = [var.idempotency]

  variables {
    idempotency = { lease_margin_seconds = 0 }
  }
}

# says: idempotency.lease_margin_seconds = 301 is not more than 0 and at most 300 (seconds).
run "too_long_a_lease_margin" {
  command         = plan
  expect_failures = [var.idempotency]

  variables {
    idempotency = { lease_margin_seconds = 301 }
  }
}

# says: idempotency.log_keys = "none" is not one of plain, hashed.
run "an_unknown_way_to_log_keys" {
  command         = plan
  expect_failures = [var.idempotency]

  variables {
    idempotency = { log_keys = "none" }
  }
}

# says: idempotency.metrics = false, and the dashboard has no data without.
run "a_dashboard_without_metrics" {
  command         = plan
  expect_failures = [output.environment]

  variables {
    dashboard   = true
    idempotency = { metrics = false }
  }
}

# says: idempotency.metrics = false, and one of the alarms lost_leases, parked, takeovers has no data without.
run "alarms_without_the_metrics_they_need" {
  command         = plan
  expect_failures = [output.environment]

  variables {
    alarms      = { disabled = ["lost_leases", "takeovers"] }
    idempotency = { metrics = false }
  }
}

# says: idempotency.concurrency = 0 is not a whole number from 1 to 100.
run "no_concurrency" {
  command         = plan
  expect_failures = [var.idempotency]

  variables {
    idempotency = { concurrency = 0 }
  }
}

# says: idempotency.concurrency = 101 is not a whole number from 1 to 100.
run "too_much_concurrency" {
  command         = plan
  expect_failures = [var.idempotency]

  variables {
    idempotency = { concurrency = 101 }
  }
}

# says: idempotency.concurrency = 1.5 is not a whole number from 1 to 100.
run "half_a_thread" {
  command         = plan
  expect_failures = [var.idempotency]

  variables {
    idempotency = { concurrency = 1.5 }
  }
}

# says: idempotency.mode = "dry-run" is not one of enforce, observe.
run "an_unknown_mode" {
  command         = plan
  expect_failures = [var.idempotency]

  variables {
    idempotency = { mode = "dry-run" }
  }
}

# says: idempotency.on_interrupted = "ignore" is not one of retry, park.
run "an_unknown_answer_to_interruptions" {
  command         = plan
  expect_failures = [var.idempotency]

  variables {
    idempotency = { on_interrupted = "ignore" }
  }
}

# says: idempotency.minimum_remaining_seconds = 0 is not more than 0 (seconds).
run "no_minimum_remaining" {
  command         = plan
  expect_failures = [var.idempotency]

  variables {
    idempotency = { minimum_remaining_seconds = 0 }
  }
}

# says: idempotency.minimum_remaining_seconds = 29.5 plus the reserve of 0.5 is not below function.timeout_seconds = 30 (seconds)
run "a_minimum_remaining_that_leaves_no_time" {
  command         = plan
  expect_failures = [output.function]

  variables {
    idempotency = { minimum_remaining_seconds = 29.5 }
  }
}

# says: idempotency.namespace has 0 characters, not 1 to 255.
run "an_empty_namespace" {
  command         = plan
  expect_failures = [var.idempotency]

  variables {
    idempotency = { namespace = "" }
  }
}

# says: idempotency.namespace has 256 characters, not 1 to 255.
run "a_namespace_of_256_characters" {
  command         = plan
  expect_failures = [var.idempotency]

  variables {
    idempotency = { namespace = format("%0256d", 0) }
  }
}

# says: idempotency.namespace = "shop#orders" holds other characters than printable ASCII without #
run "a_namespace_with_a_hash" {
  command         = plan
  expect_failures = [var.idempotency]

  variables {
    idempotency = { namespace = "shop#orders" }
  }
}

# says: idempotency.namespace = "commandé" holds other characters than printable ASCII without #
run "a_namespace_outside_of_ascii" {
  command         = plan
  expect_failures = [var.idempotency]

  variables {
    idempotency = { namespace = "commandé" }
  }
}

# says: idempotency.retention_seconds = 345600.5 is not a whole number of at least 60 (seconds).
run "a_fraction_of_a_retention" {
  command         = plan
  expect_failures = [var.idempotency]

  variables {
    idempotency = { retention_seconds = 345600.5 }
  }
}

# says: idempotency.retention_seconds = 345599 is below queue.message_retention_seconds = 345600
run "a_retention_below_the_queues" {
  command         = plan
  expect_failures = [output.environment]

  variables {
    idempotency = { retention_seconds = 345599 }
  }
}

# says: idempotency.retention_seconds = 86399 is below the longest maximum_record_age_seconds of streams = 86400
run "a_retention_below_a_streams" {
  command         = plan
  expect_failures = [output.environment]

  variables {
    idempotency = { retention_seconds = 86399 }
    queue       = { message_retention_seconds = 3600 }
    streams     = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed" } }
  }
}

# says: idempotency.retention_seconds = 21599 is below 21600, and allowed_triggers is not empty
run "a_retention_below_lambdas_retries" {
  command         = plan
  expect_failures = [output.environment]

  variables {
    allowed_triggers = { topic = { service = "sns", source_arn = "arn:aws:sns:eu-central-1:123456789012:orders" } }
    idempotency      = { retention_seconds = 21599 }
    queue            = { message_retention_seconds = 3600 }
  }
}

# says: queue.visibility_timeout_seconds = 23 is not above function.timeout_seconds + idempotency.lease_margin_seconds = 23 (seconds), the longest lease
run "a_lease_that_outlives_the_visibility_timeout" {
  command         = plan
  expect_failures = [aws_lambda_event_source_mapping.queue]

  variables {
    idempotency = { lease_margin_seconds = 20 }
    function    = { timeout_seconds = 3 }
    queue       = { visibility_timeout_seconds = 23 }
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

# says: queue.batch_size = 0 is not a whole number from 1 to 10000 (messages).
run "an_empty_batch" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { batch_size = 0 }
  }
}

# says: queue.batch_size = 10001 is not a whole number from 1 to 10000 (messages).
run "too_large_a_batch" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { batch_size = 10001, maximum_batching_window_in_seconds = 1 }
  }
}

# says: queue.batch_size = 1.5 is not a whole number from 1 to 10000 (messages).
run "a_fraction_of_a_message" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { batch_size = 1.5 }
  }
}

# says: queue.batch_size = 11 is above 10, which Lambda takes only with a batching window of at least 1 s.
run "a_batch_above_ten_without_a_window" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { batch_size = 11 }
  }
}

# says: queue.maximum_batching_window_in_seconds = -1 is not a whole number from 0 to 300 (seconds).
run "a_negative_batching_window" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { maximum_batching_window_in_seconds = -1 }
  }
}

# says: queue.maximum_batching_window_in_seconds = 301 is not a whole number from 0 to 300 (seconds).
run "too_long_a_batching_window" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { maximum_batching_window_in_seconds = 301 }
  }
}

# says: queue.maximum_batching_window_in_seconds = 0.5 is not a whole number from 0 to 300 (seconds).
run "a_fraction_of_a_batching_window" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { maximum_batching_window_in_seconds = 0.5 }
  }
}

# says: queue.maximum_batching_window_in_seconds = 1 and a FIFO queue: Lambda takes no batching window for one
run "a_fifo_queue_with_a_batching_window" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { fifo = true, maximum_batching_window_in_seconds = 1 }
  }
}

# says: queue.batch_size = 11 is above 10, which Lambda takes only with a batching window of at least 1 s.
run "a_fifo_queue_with_a_batch_above_ten" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { fifo = true, batch_size = 11 }
  }
}

# says: queue.content_based_deduplication = true and queue.fifo = false: only a FIFO queue deduplicates.
run "deduplication_without_fifo" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { content_based_deduplication = true }
  }
}

# says: makes the dead-letter queue's name "000000000000000000000000000000000000000000000000000000000000000-dead-letters.fifo", which has 81 characters; SQS takes 80
run "a_fifo_queue_with_a_name_of_63_characters" {
  command         = plan
  expect_failures = [aws_sqs_queue.dead_letter]

  variables {
    name  = format("%063d", 0)
    queue = { fifo = true }
  }
}

# says: queue.dead_letter_queue.message_retention_seconds = 1209601 is not a whole number of at most 1209600 (seconds, 14 days)
run "too_long_a_dead_letter_retention" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { dead_letter_queue = { message_retention_seconds = 1209601 } }
  }
}

# says: queue.dead_letter_queue.message_retention_seconds = 1000000.5 is not a whole number of at most 1209600 (seconds, 14 days)
run "a_fraction_of_a_dead_letter_retention" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { dead_letter_queue = { message_retention_seconds = 1000000.5 } }
  }
}

# says: queue.dead_letter_queue.message_retention_seconds = 345600 is not above queue.message_retention_seconds = 345600
run "a_dead_letter_queue_that_forgets_first" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { dead_letter_queue = { message_retention_seconds = 345600 } }
  }
}

# says: queue.max_receive_count = 2 is not a whole number from 3 to 1000: with fewer
run "two_receives" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { max_receive_count = 2 }
  }
}

# says: queue.max_receive_count = 1001 is not a whole number from 3 to 1000: with fewer
run "too_many_receives" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { max_receive_count = 1001 }
  }
}

# says: queue.max_receive_count = 3.5 is not a whole number from 3 to 1000: with fewer
run "a_fraction_of_a_receive" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { max_receive_count = 3.5 }
  }
}

# says: queue.maximum_concurrency = 1 is not a whole number from 2 to 1000.
run "a_maximum_concurrency_of_one" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { maximum_concurrency = 1 }
  }
}

# says: queue.maximum_concurrency = 1001 is not a whole number from 2 to 1000.
run "too_high_a_maximum_concurrency" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { maximum_concurrency = 1001 }
  }
}

# says: queue.maximum_concurrency = 2.5 is not a whole number from 2 to 1000.
run "a_fraction_of_a_concurrency" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { maximum_concurrency = 2.5 }
  }
}

# says: queue.message_retention_seconds = 59 is not a whole number from 60 to 1209600 (seconds, 14 days).
run "too_short_a_queue_retention" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { message_retention_seconds = 59 }
  }
}

# says: queue.message_retention_seconds = 345600.5 is not a whole number from 60 to 1209600 (seconds, 14 days).
run "a_fraction_of_a_queue_retention" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { message_retention_seconds = 345600.5 }
  }
}

# says: queue.message_retention_seconds = 900 is not above delay + max_receive_count × visibility timeout = 0 + 5 × 180 (seconds)
run "a_retention_that_ends_before_the_last_receive" {
  command         = plan
  expect_failures = [aws_lambda_event_source_mapping.queue]

  variables {
    queue = { message_retention_seconds = 900 }
  }
}

# says: queue.allowed_senders has the services ["sqs"], not events, s3, sns.
run "a_sender_of_another_service" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { allowed_senders = [{ service = "sns", source_arn = "arn:aws:sns:eu-central-1:123456789012:orders" }, { service = "sqs", source_arn = "arn:aws:sqs:eu-central-1:123456789012:orders" }] }
  }
}

# says: queue.allowed_senders has the source_arns ["orders"], which are not of their services.
run "a_sender_without_an_arn" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { allowed_senders = [{ service = "sns", source_arn = "arn:aws:sns:eu-central-1:123456789012:orders" }, { service = "s3", source_arn = "orders" }] }
  }
}

# says: queue.allowed_senders has s3 and queue.fifo = true, but S3 sends no notifications to FIFO queues.
run "a_bucket_that_sends_to_a_fifo_queue" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { fifo = true, allowed_senders = [{ service = "s3", source_arn = "arn:aws:s3:::orders" }] }
  }
}

# says: queue.unwrap has ["sqs"], not only events, pipes, s3, sns.
run "unwrapping_of_another_service" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { unwrap = ["sns", "sqs"] }
  }
}

# says: queue.visibility_timeout_seconds = 43201 is not a whole number of at most 43200 (seconds, 12 hours)
run "too_long_a_visibility_timeout" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { visibility_timeout_seconds = 43201 }
  }
}

# says: queue.visibility_timeout_seconds = 180.5 is not a whole number of at most 43200 (seconds, 12 hours)
run "a_fraction_of_a_visibility_timeout" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { visibility_timeout_seconds = 180.5 }
  }
}

# says: queue.visibility_timeout_seconds = 189 is below 6 × function.timeout_seconds + queue.maximum_batching_window_in_seconds = 190 (seconds)
run "a_visibility_timeout_below_six_timeouts_and_the_window" {
  command         = plan
  expect_failures = [aws_lambda_event_source_mapping.queue]

  variables {
    queue = { visibility_timeout_seconds = 189, maximum_batching_window_in_seconds = 10 }
  }
}

# says: streams.clicks.arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/accounts" is not the ARN of a stream of its source.
run "a_table_instead_of_its_stream" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "dynamodb", arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/accounts", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed" } }
  }
}

# says: streams.clicks.arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/accounts/stream/2025-01-01T00:00:00.000" is not the ARN of a stream of its source.
run "a_stream_of_the_other_source" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/accounts/stream/2025-01-01T00:00:00.000", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed" } }
  }
}

# says: streams.clicks.source = "kafka" is not one of dynamodb, kinesis.
run "a_stream_of_an_unknown_source" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kafka", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed" } }
  }
}

# says: streams.clicks.batch_size = 0 is not a whole number from 1 to 10000 (records).
run "an_empty_batch_of_a_stream" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", batch_size = 0 } }
  }
}

# says: streams.clicks.batch_size = 10001 is not a whole number from 1 to 10000 (records).
run "too_large_a_batch_of_a_stream" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", batch_size = 10001 } }
  }
}

# says: streams.clicks.batch_size = 1.5 is not a whole number from 1 to 10000 (records).
run "a_fraction_of_a_record" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", batch_size = 1.5 } }
  }
}

# says: streams.clicks.maximum_batching_window_in_seconds = -1 is not a whole number from 0 to 300 (seconds).
run "a_negative_batching_window_of_a_stream" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", maximum_batching_window_in_seconds = -1 } }
  }
}

# says: streams.clicks.maximum_batching_window_in_seconds = 301 is not a whole number from 0 to 300 (seconds).
run "too_long_a_batching_window_of_a_stream" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", maximum_batching_window_in_seconds = 301 } }
  }
}

# says: streams.clicks.maximum_batching_window_in_seconds = 0.5 is not a whole number from 0 to 300 (seconds).
run "a_fraction_of_a_batching_window_of_a_stream" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", maximum_batching_window_in_seconds = 0.5 } }
  }
}

# says: streams.clicks.failure_destination_arn = "null" is not the ARN of an SQS queue or an SNS topic.
run "a_stream_without_a_failure_destination" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = null } }
  }
}

# says: streams.clicks.failure_destination_arn = "arn:aws:s3:::failed" is not the ARN of an SQS queue or an SNS topic.
run "a_failure_destination_that_is_a_bucket" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:s3:::failed" } }
  }
}

# says: streams.clicks.failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed.fifo" is FIFO
run "a_failure_destination_that_is_fifo" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed.fifo" } }
  }
}

# says: streams.clicks.filters[1] = "kind = buy" is not a JSON object.
run "a_filter_that_is_no_json" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", filters = ["{}", "kind = buy"] } }
  }
}

# says: streams.clicks.filters[0] = "[]" is not a JSON object.
run "a_filter_that_is_a_list" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", filters = ["[]"] } }
  }
}

# says: streams.clicks.maximum_record_age_seconds = -1 is not a whole number from 60 to 604800 (seconds, 7 days).
run "records_of_any_age" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", maximum_record_age_seconds = -1 } }
  }
}

# says: streams.clicks.maximum_record_age_seconds = 59 is not a whole number from 60 to 604800 (seconds, 7 days).
run "too_low_a_record_age" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", maximum_record_age_seconds = 59 } }
  }
}

# says: streams.clicks.maximum_record_age_seconds = 604801 is not a whole number from 60 to 604800 (seconds, 7 days).
run "too_high_a_record_age" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", maximum_record_age_seconds = 604801 } }
  }
}

# says: streams.clicks.maximum_record_age_seconds = 60.5 is not a whole number from 60 to 604800 (seconds, 7 days).
run "a_fraction_of_a_record_age" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", maximum_record_age_seconds = 60.5 } }
  }
}

# says: streams.clicks.maximum_retry_attempts = -1 is not a whole number from 0 to 10000.
run "endless_retries" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", maximum_retry_attempts = -1 } }
  }
}

# says: streams.clicks.maximum_retry_attempts = 10001 is not a whole number from 0 to 10000.
run "too_many_retries" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", maximum_retry_attempts = 10001 } }
  }
}

# says: streams.clicks.maximum_retry_attempts = 0.5 is not a whole number from 0 to 10000.
run "half_a_retry" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", maximum_retry_attempts = 0.5 } }
  }
}

# says: streams.clicks.parallelization_factor = 0 is not a whole number from 1 to 10.
run "no_batch_at_a_time" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", parallelization_factor = 0 } }
  }
}

# says: streams.clicks.parallelization_factor = 11 is not a whole number from 1 to 10.
run "too_many_batches_at_a_time" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", parallelization_factor = 11 } }
  }
}

# says: streams.clicks.parallelization_factor = 1.5 is not a whole number from 1 to 10.
run "a_fraction_of_a_batch_at_a_time" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", parallelization_factor = 1.5 } }
  }
}

# says: streams.clicks.starting_position = "OLDEST" is not one of AT_TIMESTAMP, LATEST, TRIM_HORIZON.
run "an_unknown_starting_position" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", starting_position = "OLDEST" } }
  }
}

# says: streams.clicks.starting_position = "AT_TIMESTAMP", which DynamoDB streams do not know.
run "a_dynamodb_stream_from_a_time" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "dynamodb", arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/accounts/stream/2025-01-01T00:00:00.000", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", starting_position = "AT_TIMESTAMP", starting_position_timestamp = "2025-01-31T12:00:00Z" } }
  }
}

# says: streams.clicks.starting_position = "AT_TIMESTAMP" with starting_position_timestamp = "null": AT_TIMESTAMP takes a timestamp, and no other position does.
run "a_start_at_no_time" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", starting_position = "AT_TIMESTAMP" } }
  }
}

# says: streams.clicks.starting_position = "LATEST" with starting_position_timestamp = "2025-01-31T12:00:00Z": AT_TIMESTAMP takes a timestamp, and no other position does.
run "a_start_at_the_latest_and_at_a_time" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", starting_position = "LATEST", starting_position_timestamp = "2025-01-31T12:00:00Z" } }
  }
}

# says: streams.clicks.starting_position_timestamp = "yesterday" is no time of the form "2025-01-31T12:00:00Z".
run "a_start_yesterday" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", starting_position = "AT_TIMESTAMP", starting_position_timestamp = "yesterday" } }
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

# says: function.wrapper = "datadog_lambda.handler.handler" is set together with function.handler = "orders.handler", and a wrapper calls the built-in entry point.
run "a_wrapper_and_a_handler" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function  = { wrapper = "datadog_lambda.handler.handler", handler = "orders.handler" }
    processor = null
  }
}

# says: code is null, and a function that the module creates needs it.
run "no_code" {
  command         = plan
  expect_failures = [aws_lambda_function.consumer]

  variables {
    code      = null
    processor = null
    function  = { handler = "orders.handler" }
  }
}

# says: code is set beside function.existing, whose code is its own.
run "code_beside_a_brought_function" {
  command         = plan
  expect_failures = [output.function]

  variables {
    function = { existing = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:worker", timeout_seconds = 30 } }
  }
}

# says: code names 2 sources; it takes exactly one.
run "an_image_beside_a_zip" {
  command         = plan
  expect_failures = [var.code]

  variables {
    code = { image = { uri = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/orders:1" }, s3 = { bucket = "artefacts", key = "orders.zip" } }
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

# says: function.existing.arn = "worker" is not the ARN of a function or of its alias.
run "a_brought_function_by_name" {
  command         = plan
  expect_failures = [var.function]

  variables {
    code     = null
    function = { existing = { arn = "worker", timeout_seconds = 30 } }
  }
}

# says: function.existing.timeout_seconds = 2 is not a whole number from 3 to 900 (seconds).
run "a_brought_function_of_2_seconds" {
  command         = plan
  expect_failures = [var.function]

  variables {
    code     = null
    function = { existing = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:worker", timeout_seconds = 2 } }
  }
}

# says: function.existing stands beside function.environment, function.memory_size_mb, which only a function that the module creates takes.
run "settings_beside_a_brought_function" {
  command         = plan
  expect_failures = [var.function]

  variables {
    code     = null
    function = { existing = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:worker", timeout_seconds = 30 }, environment = { LEDGER = "x" }, memory_size_mb = 512 }
  }
}

# says: function.layers has 6 layers; Lambda takes 5.
run "six_layers" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { layers = [for number in range(6) : "arn:aws:lambda:eu-central-1:123456789012:layer:deps:${number}"] }
  }
}

# says: function.layers has ["arn:aws:lambda:eu-central-1:123456789012:layer:deps"], not ARNs of layer versions.
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

# says: function.vpc.security_group_ids has 0 groups, not 1 to 5.
run "a_vpc_without_a_security_group" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { vpc = { security_group_ids = [], subnet_ids = ["subnet-1"] } }
  }
}

# says: function.vpc.subnet_ids has 0 subnets, not 1 to 16.
run "a_vpc_without_a_subnet" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { vpc = { security_group_ids = ["sg-1"], subnet_ids = [] } }
  }
}

# says: allowed_triggers is not empty (topic) beside function.existing: the module cannot set its dead-letter config
run "invokers_of_a_brought_function" {
  command         = plan
  expect_failures = [output.function]

  variables {
    code             = null
    function         = { existing = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:worker", timeout_seconds = 30 } }
    allowed_triggers = { topic = { service = "sns", source_arn = "arn:aws:sns:eu-central-1:123456789012:orders" } }
  }
}

# says: allowed_triggers has FIFO topics, ["arn:aws:sns:eu-central-1:123456789012:orders.fifo"], which deliver to queues only.
run "a_fifo_topic_that_invokes" {
  command         = plan
  expect_failures = [var.allowed_triggers]

  variables {
    allowed_triggers = { topic = { service = "sns", source_arn = "arn:aws:sns:eu-central-1:123456789012:orders.fifo" } }
  }
}

# says: queue.allowed_senders has standard topics, ["arn:aws:sns:eu-central-1:123456789012:orders"], and queue.fifo = true
run "a_standard_topic_for_a_fifo_queue" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { fifo = true, allowed_senders = [{ service = "sns", source_arn = "arn:aws:sns:eu-central-1:123456789012:orders" }] }
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

# says: queue.deduplication_scope = "group" is not one of queue, messageGroup.
run "an_unknown_deduplication_scope" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { fifo = true, deduplication_scope = "group" }
  }
}

# says: queue.deduplication_scope = "queue" and queue.fifo = false: only a FIFO queue deduplicates.
run "a_deduplication_scope_without_fifo" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { deduplication_scope = "queue" }
  }
}

# says: queue.delay_seconds = 901 is not a whole number from 0 to 900 (seconds).
run "a_delay_of_901_seconds" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { delay_seconds = 901 }
  }
}

# says: queue.existing.arn = "jobs" is not the ARN of an SQS queue.
run "a_brought_queue_by_name" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { existing = { arn = "jobs", dead_letter_queue = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs-failed", url = "https://sqs.eu-central-1.amazonaws.com/123456789012/jobs-failed", message_retention_seconds = 1209600 }, max_receive_count = 5, message_retention_seconds = 345600, visibility_timeout_seconds = 180 } }
  }
}

# says: queue.existing.dead_letter_queue.arn = "jobs-failed" is not the ARN of an SQS queue.
run "a_brought_dead_letter_queue_by_name" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { existing = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs", dead_letter_queue = { arn = "jobs-failed", url = "https://sqs.eu-central-1.amazonaws.com/123456789012/jobs-failed", message_retention_seconds = 1209600 }, max_receive_count = 5, message_retention_seconds = 345600, visibility_timeout_seconds = 180 } }
  }
}

# says: queue.existing.arn = "arn:aws:sqs:eu-central-1:123456789012:jobs.fifo" and queue.existing.dead_letter_queue.arn = "arn:aws:sqs:eu-central-1:123456789012:jobs-failed" are not of one kind
run "a_brought_fifo_queue_with_a_standard_dead_letter_queue" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { existing = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs.fifo", dead_letter_queue = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs-failed", url = "https://sqs.eu-central-1.amazonaws.com/123456789012/jobs-failed", message_retention_seconds = 1209600 }, max_receive_count = 5, message_retention_seconds = 345600, visibility_timeout_seconds = 180 } }
  }
}

# says: queue.existing.dead_letter_queue.url = "arn:aws:sqs:eu-central-1:123456789012:jobs-failed" is not the URL of queue.existing.dead_letter_queue.arn
run "an_arn_for_the_url" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { existing = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs", dead_letter_queue = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs-failed", url = "arn:aws:sqs:eu-central-1:123456789012:jobs-failed", message_retention_seconds = 1209600 }, max_receive_count = 5, message_retention_seconds = 345600, visibility_timeout_seconds = 180 } }
  }
}

# says: queue.existing.dead_letter_queue.message_retention_seconds = 345600 is not above queue.existing.message_retention_seconds = 345600
run "a_brought_dead_letter_queue_that_forgets_first" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { existing = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs", dead_letter_queue = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs-failed", url = "https://sqs.eu-central-1.amazonaws.com/123456789012/jobs-failed", message_retention_seconds = 345600 }, max_receive_count = 5, message_retention_seconds = 345600, visibility_timeout_seconds = 180 } }
  }
}

# says: queue.existing.kms_key_arn = "alias/jobs" is not the ARN of a KMS key.
run "a_brought_queues_key_by_its_alias" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { existing = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs", dead_letter_queue = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs-failed", url = "https://sqs.eu-central-1.amazonaws.com/123456789012/jobs-failed", message_retention_seconds = 1209600 }, kms_key_arn = "alias/jobs", max_receive_count = 5, message_retention_seconds = 345600, visibility_timeout_seconds = 180 } }
  }
}

# says: queue.existing.max_receive_count = 2 is not a whole number of at least 3
run "a_brought_queue_of_two_receives" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { existing = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs", dead_letter_queue = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs-failed", url = "https://sqs.eu-central-1.amazonaws.com/123456789012/jobs-failed", message_retention_seconds = 1209600 }, max_receive_count = 2, message_retention_seconds = 345600, visibility_timeout_seconds = 180 } }
  }
}

# says: queue.existing.message_retention_seconds = 59 is not a whole number from 60 to 1209600 (seconds, 14 days).
run "a_brought_queue_that_keeps_59_seconds" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { existing = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs", dead_letter_queue = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs-failed", url = "https://sqs.eu-central-1.amazonaws.com/123456789012/jobs-failed", message_retention_seconds = 1209600 }, max_receive_count = 5, message_retention_seconds = 59, visibility_timeout_seconds = 180 } }
  }
}

# says: queue.existing.visibility_timeout_seconds = 43201 is not a whole number of at most 43200 (seconds, 12 hours)
run "a_brought_queue_that_hides_too_long" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { existing = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs", dead_letter_queue = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs-failed", url = "https://sqs.eu-central-1.amazonaws.com/123456789012/jobs-failed", message_retention_seconds = 1209600 }, max_receive_count = 5, message_retention_seconds = 345600, visibility_timeout_seconds = 43201 } }
  }
}

# says: queue.existing.visibility_timeout_seconds = 100 is below 6 × function.timeout_seconds + queue.maximum_batching_window_in_seconds = 180 (seconds)
run "a_brought_queue_that_hides_too_short" {
  command         = plan
  expect_failures = [aws_lambda_event_source_mapping.queue]

  variables {
    queue = { existing = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs", dead_letter_queue = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs-failed", url = "https://sqs.eu-central-1.amazonaws.com/123456789012/jobs-failed", message_retention_seconds = 1209600 }, max_receive_count = 5, message_retention_seconds = 345600, visibility_timeout_seconds = 100 } }
  }
}

# says: queue.existing stands beside queue.delay_seconds, queue.fifo, which only a queue that the module creates takes.
run "settings_beside_a_brought_queue" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { existing = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs", dead_letter_queue = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs-failed", url = "https://sqs.eu-central-1.amazonaws.com/123456789012/jobs-failed", message_retention_seconds = 1209600 }, max_receive_count = 5, message_retention_seconds = 345600, visibility_timeout_seconds = 180 }, delay_seconds = 1, fifo = true }
  }
}

# says: queue.maximum_batching_window_in_seconds = 1 and a FIFO queue: Lambda takes no batching window for one
run "a_window_for_a_brought_fifo_queue" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { existing = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs.fifo", dead_letter_queue = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs-failed.fifo", url = "https://sqs.eu-central-1.amazonaws.com/123456789012/jobs-failed.fifo", message_retention_seconds = 1209600 }, max_receive_count = 5, message_retention_seconds = 345600, visibility_timeout_seconds = 300 }, maximum_batching_window_in_seconds = 1 }
  }
}

# says: queue.fifo_throughput_limit = "perGroup" is not one of perQueue, perMessageGroupId.
run "an_unknown_throughput_limit" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { fifo = true, fifo_throughput_limit = "perGroup" }
  }
}

# says: queue.fifo_throughput_limit = "perQueue" and queue.fifo = false: a standard queue has no such limit.
run "a_throughput_limit_without_fifo" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { fifo_throughput_limit = "perQueue" }
  }
}

# says: queue.fifo_throughput_limit = "perMessageGroupId" with queue.deduplication_scope = "queue": SQS takes that limit only with messageGroup.
run "high_throughput_with_the_queues_scope" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { fifo = true, fifo_throughput_limit = "perMessageGroupId" }
  }
}

# says: queue.filters has ["body.kind"], not JSON objects.
run "a_queue_filter_that_is_no_json" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { filters = ["body.kind"] }
  }
}

# says: queue.max_message_size_bytes = 1048576 is not a whole number from 1024 to 262144 (bytes, 256 KiB).
run "messages_of_1_mib" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { max_message_size_bytes = 1048576 }
  }
}

# says: queue.policy_statements has the effects ["allow"], not Allow or Deny.
run "an_unknown_effect" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { policy_statements = [{ effect = "allow", principals = { AWS = ["arn:aws:iam::123456789012:root"] }, actions = ["sqs:SendMessage"] }] }
  }
}

# says: queue.policy_statements has the actions [["sns:Publish"]]; a queue's policy takes at least one, all of SQS.
run "an_action_of_another_service" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { policy_statements = [{ principals = { AWS = ["arn:aws:iam::123456789012:root"] }, actions = ["sns:Publish"] }] }
  }
}

# says: queue.policy_statements allows everyone ("*") without a condition (number 1).
run "everyone_may_send" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { policy_statements = [{ principals = { AWS = ["*"] }, actions = ["sqs:SendMessage"] }] }
  }
}

# says: queue.policy_statements has principals of the types ["*"], not only AWS, CanonicalUser, Federated and Service.
run "a_principal_of_no_type" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { policy_statements = [{ principals = { "*" = ["arn:aws:iam::123456789012:root"] }, actions = ["sqs:SendMessage"] }] }
  }
}

# says: queue.policy_statements has a statement without principals (number 1); each says of whom it speaks.
run "nobody_may_send" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { policy_statements = [{ principals = {}, actions = ["sqs:SendMessage"] }] }
  }
}

# says: queue.policy_statements has the sids ["DenyInsecureTransport"]; they are letters and digits, and DenyInsecureTransport and what starts with From are the module's.
run "a_sid_of_the_modules" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { policy_statements = [{ sid = "DenyInsecureTransport", principals = { AWS = ["arn:aws:iam::123456789012:root"] }, actions = ["sqs:SendMessage"] }] }
  }
}

# says: queue.policy_statements repeats a sid: ["Send","Send"]; a policy takes each only once.
run "one_sid_for_two_senders" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { policy_statements = [for user in ["a", "b"] : { sid = "Send", principals = { AWS = ["arn:aws:iam::123456789012:user/${user}"] }, actions = ["sqs:SendMessage"] }] }
  }
}

# says: queue.receive_wait_time_seconds = 21 is not a whole number from 0 to 20 (seconds).
run "a_wait_of_21_seconds" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { receive_wait_time_seconds = 21 }
  }
}

# says: queue.maximum_concurrency = 11 does not keep the queue within function.reserved_concurrency = 10
run "more_concurrency_than_is_reserved" {
  command         = plan
  expect_failures = [aws_lambda_event_source_mapping.queue]

  variables {
    queue    = { maximum_concurrency = 11 }
    function = { reserved_concurrency = 10 }
  }
}

# says: queue.message_retention_seconds = 1500 is not above delay + max_receive_count × visibility timeout = 600 + 5 × 180 (seconds)
run "a_delay_that_outlasts_the_queue" {
  command         = plan
  expect_failures = [aws_lambda_event_source_mapping.queue]

  variables {
    queue = { message_retention_seconds = 1500, delay_seconds = 600 }
  }
}

# says: queue.maximum_concurrency = null does not keep the queue within function.reserved_concurrency = 0
run "reserved_concurrency_that_the_queue_may_exceed" {
  command         = plan
  expect_failures = [aws_lambda_event_source_mapping.queue]

  variables {
    function = { reserved_concurrency = 0 }
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

# says: kms_key_arn = "" is not the ARN of a KMS key
run "an_empty_key_arn" {
  command         = plan
  expect_failures = [var.kms_key_arn]

  variables {
    kms_key_arn = ""
  }
}

# says: table.existing.arn = "null" is not the ARN of a DynamoDB table.
run "a_brought_table_of_no_name" {
  command         = plan
  expect_failures = [var.table]

  variables {
    table = { existing = { arn = null } }
  }
}

# says: function.existing.arn = "null" is not the ARN of a function or of its alias.
run "a_brought_function_of_no_name" {
  command         = plan
  expect_failures = [var.function]

  variables {
    code     = null
    function = { existing = { arn = null, timeout_seconds = 30 } }
  }
}

# says: queue.existing.max_receive_count = null is not a whole number of at least 3
run "a_brought_queue_that_never_gives_up" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { existing = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs", dead_letter_queue = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs-failed", url = "https://sqs.eu-central-1.amazonaws.com/123456789012/jobs-failed", message_retention_seconds = 1209600 }, max_receive_count = null, message_retention_seconds = 345600, visibility_timeout_seconds = 180 } }
  }
}

# says: queue.existing.dead_letter_queue.url = "https://sqs.eu-central-1.amazonaws.com/123456789012/jobs" is not the URL of queue.existing.dead_letter_queue.arn
run "the_url_of_another_queue" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { existing = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs", dead_letter_queue = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs-failed", url = "https://sqs.eu-central-1.amazonaws.com/123456789012/jobs", message_retention_seconds = 1209600 }, max_receive_count = 5, message_retention_seconds = 345600, visibility_timeout_seconds = 180 } }
  }
}

# says: The existing parts are in several Regions or accounts: us-east-1 123456789012, eu-central-1 123456789012
run "brought_parts_in_two_regions" {
  command         = plan
  expect_failures = [output.function]

  variables {
    queue = { existing = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs", dead_letter_queue = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs-failed", url = "https://sqs.eu-central-1.amazonaws.com/123456789012/jobs-failed", message_retention_seconds = 1209600 }, max_receive_count = 5, message_retention_seconds = 345600, visibility_timeout_seconds = 180 } }
    table = { existing = { arn = "arn:aws:dynamodb:us-east-1:123456789012:table/claims" } }
  }
}

# says: kms_key_arn is set, and every part exists already: it encrypts nothing.
run "a_key_for_nothing" {
  command         = plan
  expect_failures = [output.function]

  variables {
    code        = null
    kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/7a1c1f2e-0000-4000-8000-000000000000"
    function    = { existing = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:worker", timeout_seconds = 30 } }
    queue       = { existing = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs", dead_letter_queue = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs-failed", url = "https://sqs.eu-central-1.amazonaws.com/123456789012/jobs-failed", message_retention_seconds = 1209600 }, max_receive_count = 5, message_retention_seconds = 345600, visibility_timeout_seconds = 180 } }
    table       = { existing = { arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/claims" } }
  }
}

# says: idempotency.key = "$.order_id" is not a JMESPath expression
run "a_json_path" {
  command         = plan
  expect_failures = [var.idempotency]

  variables {
    idempotency = { key = "$.order_id" }
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

# says: alarms.duration_percent = 0.8 is not from 1 to 100 (% of the timeout)
run "a_share_as_percentage" {
  command         = plan
  expect_failures = [var.alarms]

  variables {
    alarms = { duration_percent = 0.8 }
  }
}

# says: streams has one arn under several names: again, clicks; Lambda takes each stream once for a function.
run "one_stream_twice" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { for name in ["again", "clicks"] : name => { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed" } }
  }
}

# says: streams.clicks.starting_position_timestamp = "2025-01-31T13:00:00+01:00" is no time of the form
run "a_time_of_another_zone" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", starting_position = "AT_TIMESTAMP", starting_position_timestamp = "2025-01-31T13:00:00+01:00" } }
  }
}

# says: streams.clicks.failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:orders" is the module's own queue
run "the_modules_own_queue_as_failure_destination" {
  command         = plan
  expect_failures = [aws_lambda_event_source_mapping.stream]

  variables {
    table   = { existing = { arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/claims" } }
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:orders" } }
  }
}

# says: streams.clicks.kms_key_arn = "alias/clicks" is not the ARN of a KMS key.
run "a_streams_key_by_its_alias" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", kms_key_arn = "alias/clicks" } }
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
run "a_brought_table_by_name" {
  command         = plan
  expect_failures = [var.table]

  variables {
    table = { existing = { arn = "claims" } }
  }
}

# says: table.existing.kms_key_arn = "alias/claims" is not the ARN of a KMS key.
run "a_brought_tables_key_by_its_alias" {
  command         = plan
  expect_failures = [var.table]

  variables {
    table = { existing = { arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/claims", kms_key_arn = "alias/claims" } }
  }
}

# says: table.existing stands beside table.deletion_protection, table.shared, which only a table that the module creates takes.
run "settings_beside_a_brought_table" {
  command         = plan
  expect_failures = [var.table]

  variables {
    table = { existing = { arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/claims" }, deletion_protection = true, shared = true }
  }
}

# says: table.max_read_request_units = 0.5 or table.max_write_request_units = null is not a whole number of at least 1, nor -1.
run "half_a_read_unit" {
  command         = plan
  expect_failures = [var.table]

  variables {
    table = { max_read_request_units = 0.5 }
  }
}

# says: table.provisioned stands beside table.max_read_request_units or table.max_write_request_units
run "a_limit_for_a_provisioned_table" {
  command         = plan
  expect_failures = [var.table]

  variables {
    table = { provisioned = { read_units = 5, write_units = 5 }, max_write_request_units = 5 }
  }
}

# says: table.provisioned has {"read_units":5,"write_units":0}, not whole numbers of at least 1.
run "no_write_units" {
  command         = plan
  expect_failures = [var.table]

  variables {
    table = { provisioned = { read_units = 5, write_units = 0 } }
  }
}

# says: alarms.actions and alarms.ok_actions have ["pager",null], which are not ARNs.
run "an_alarm_action_that_is_no_arn" {
  command         = plan
  expect_failures = [var.alarms]

  variables {
    alarms = { actions = ["arn:aws:sns:eu-central-1:123456789012:alarms", "pager"], ok_actions = [null] }
  }
}

# says: alarms.actions has 6 ARNs and alarms.ok_actions 0; CloudWatch takes 5 of each.
run "six_alarm_actions" {
  command         = plan
  expect_failures = [var.alarms]

  variables {
    alarms = { actions = [for number in range(6) : "arn:aws:sns:eu-central-1:123456789012:alarms-${number}"] }
  }
}

# says: alarms.ok_actions has 1 ARNs and alarms.actions none: nobody would be told that an alarm has begun
run "alarms_that_only_tell_that_they_are_over" {
  command         = plan
  expect_failures = [var.alarms]

  variables {
    alarms = { ok_actions = ["arn:aws:sns:eu-central-1:123456789012:alarms"] }
  }
}

# says: alarms.duration_percent = 101 is not from 1 to 100 (% of the timeout)
run "an_alarm_above_the_timeout" {
  command         = plan
  expect_failures = [var.alarms]

  variables {
    alarms = { duration_percent = 101 }
  }
}

# says: alarms.disabled has ["latency"], not only dead_letters, duration, errors,
run "an_unknown_alarm" {
  command         = plan
  expect_failures = [var.alarms]

  variables {
    alarms = { disabled = ["errors", "latency"] }
  }
}

# says: alarms.disabled names all 9 alarms, so none is left.
run "alarms_without_an_alarm" {
  command         = plan
  expect_failures = [var.alarms]

  variables {
    alarms = { disabled = ["dead_letters", "duration", "errors", "lost_leases", "message_age", "parked", "table_throttles", "takeovers", "throttles"] }
  }
}

# says: alarms.errors = 0, alarms.message_age_seconds = -1 is not more than 0: the alarm would ring without a cause.
run "alarms_that_always_ring" {
  command         = plan
  expect_failures = [var.alarms]

  variables {
    alarms = { errors = 0, message_age_seconds = -1 }
  }
}
