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

# says: code names neither source_dir nor filename; it takes exactly one.
run "code_from_nowhere" {
  command         = plan
  expect_failures = [var.code]

  variables {
    code = {}
  }
}

# says: code names source_dir and filename; it takes exactly one.
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

# says: code.filename = "missing.zip" does not exist; it must when terraform plans.
run "a_zip_that_does_not_exist" {
  command         = plan
  expect_failures = [var.code]

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

# says: code.source_dir = "tests/module/sources/requirements" holds a requirements.txt, and packing installs nothing.
run "a_requirements_txt" {
  command         = plan
  expect_failures = [terraform_data.package]

  variables {
    code = { source_dir = "tests/module/sources/requirements" }
  }
}

# says: code.source_dir = "tests/module/sources/own_package" holds a module idempotent_lambda of its own
run "a_package_that_hides_ours" {
  command         = plan
  expect_failures = [terraform_data.package]

  variables {
    code = { source_dir = "tests/module/sources/own_package" }
  }
}

# says: code.source_dir = "tests/module/sources/own_module" holds a module idempotent_lambda of its own
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

# says: function.invokers has the names ["the topic"]; Lambda takes 1 to 100 letters, digits, - and _.
run "an_invoker_name_with_a_space" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { invokers = { "the topic" = { service = "sns", source_arn = "arn:aws:sns:eu-central-1:123456789012:orders" } } }
  }
}

# says: function.invokers has the services ["apigateway"], not events, s3, sns.
run "an_invoker_of_another_service" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { invokers = { api = { service = "apigateway", source_arn = "arn:aws:execute-api:eu-central-1:123456789012:api" } } }
  }
}

# says: function.invokers has the source_arns ["arn:aws:events:eu-central-1:123456789012:event-bus/default"], which are not of their services.
run "an_invoker_that_is_a_bus_and_no_rule" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { invokers = { rule = { service = "events", source_arn = "arn:aws:events:eu-central-1:123456789012:event-bus/default" } } }
  }
}

# says: function.invokers is not empty (topic) and queue.fifo = true
run "an_invoker_beside_a_fifo_queue" {
  command         = plan
  expect_failures = [aws_lambda_function.consumer]

  variables {
    function = { invokers = { topic = { service = "sns", source_arn = "arn:aws:sns:eu-central-1:123456789012:orders" } } }
    queue    = { fifo = true }
  }
}

# says: function.memory_mb = 127 is not a whole number from 128 to 10240 (MB).
run "too_little_memory" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { memory_mb = 127 }
  }
}

# says: function.memory_mb = 10241 is not a whole number from 128 to 10240 (MB).
run "too_much_memory" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { memory_mb = 10241 }
  }
}

# says: function.memory_mb = 256.5 is not a whole number from 128 to 10240 (MB).
run "a_fraction_of_memory" {
  command         = plan
  expect_failures = [var.function]

  variables {
    function = { memory_mb = 256.5 }
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

# says: idempotency.key = " " is empty; it must be a JMESPath expression.
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
  expect_failures = [aws_lambda_function.consumer]

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

# says: idempotency.retention_seconds = 345600.5 is not a whole number (seconds).
run "a_fraction_of_a_retention" {
  command         = plan
  expect_failures = [var.idempotency]

  variables {
    idempotency = { retention_seconds = 345600.5 }
  }
}

# says: idempotency.retention_seconds = 345599 is below queue.retention_seconds = 345600
run "a_retention_below_the_queues" {
  command         = plan
  expect_failures = [aws_dynamodb_table.records]

  variables {
    idempotency = { retention_seconds = 345599 }
  }
}

# says: idempotency.retention_seconds = 86399 is below the longest maximum_record_age_seconds of streams = 86400
run "a_retention_below_a_streams" {
  command         = plan
  expect_failures = [aws_dynamodb_table.records]

  variables {
    idempotency = { retention_seconds = 86399 }
    queue       = { retention_seconds = 3600 }
    streams     = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed" } }
  }
}

# says: idempotency.retention_seconds = 21599 is below 21600, and function.invokers is not empty
run "a_retention_below_lambdas_retries" {
  command         = plan
  expect_failures = [aws_dynamodb_table.records]

  variables {
    function    = { invokers = { topic = { service = "sns", source_arn = "arn:aws:sns:eu-central-1:123456789012:orders" } } }
    idempotency = { retention_seconds = 21599 }
    queue       = { retention_seconds = 3600 }
  }
}

# says: queue.visibility_timeout_seconds = 23 is not above function.timeout_seconds + idempotency.lease_margin_seconds = 23 (seconds), the longest lease
run "a_lease_that_outlives_the_visibility_timeout" {
  command         = plan
  expect_failures = [aws_sqs_queue.source]

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
    queue = { batch_size = 10001, batching_window_seconds = 1 }
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

# says: queue.batching_window_seconds = -1 is not a whole number from 0 to 300 (seconds).
run "a_negative_batching_window" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { batching_window_seconds = -1 }
  }
}

# says: queue.batching_window_seconds = 301 is not a whole number from 0 to 300 (seconds).
run "too_long_a_batching_window" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { batching_window_seconds = 301 }
  }
}

# says: queue.batching_window_seconds = 0.5 is not a whole number from 0 to 300 (seconds).
run "a_fraction_of_a_batching_window" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { batching_window_seconds = 0.5 }
  }
}

# says: queue.batching_window_seconds = 1 and queue.fifo = true: Lambda takes no batching window for a FIFO queue
run "a_fifo_queue_with_a_batching_window" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { fifo = true, batching_window_seconds = 1 }
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

# says: queue.dead_letter_retention_seconds = 1209601 is not a whole number of at most 1209600 (seconds, 14 days)
run "too_long_a_dead_letter_retention" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { dead_letter_retention_seconds = 1209601 }
  }
}

# says: queue.dead_letter_retention_seconds = 1000000.5 is not a whole number of at most 1209600 (seconds, 14 days)
run "a_fraction_of_a_dead_letter_retention" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { dead_letter_retention_seconds = 1000000.5 }
  }
}

# says: queue.dead_letter_retention_seconds = 345600 is not above queue.retention_seconds = 345600
run "a_dead_letter_queue_that_forgets_first" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { dead_letter_retention_seconds = 345600 }
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

# says: queue.retention_seconds = 59 is not a whole number from 60 to 1209600 (seconds, 14 days).
run "too_short_a_queue_retention" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { retention_seconds = 59 }
  }
}

# says: queue.retention_seconds = 345600.5 is not a whole number from 60 to 1209600 (seconds, 14 days).
run "a_fraction_of_a_queue_retention" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { retention_seconds = 345600.5 }
  }
}

# says: queue.retention_seconds = 900 is not above queue.max_receive_count × visibility timeout = 5 × 180 (seconds)
run "a_retention_that_ends_before_the_last_receive" {
  command         = plan
  expect_failures = [aws_sqs_queue.source]

  variables {
    queue = { retention_seconds = 900 }
  }
}

# says: queue.senders has the services ["sqs"], not events, s3, sns.
run "a_sender_of_another_service" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { senders = [{ service = "sns", source_arn = "arn:aws:sns:eu-central-1:123456789012:orders" }, { service = "sqs", source_arn = "arn:aws:sqs:eu-central-1:123456789012:orders" }] }
  }
}

# says: queue.senders has the source_arns ["orders"], which are not of their services.
run "a_sender_without_an_arn" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { senders = [{ service = "sns", source_arn = "arn:aws:sns:eu-central-1:123456789012:orders" }, { service = "s3", source_arn = "orders" }] }
  }
}

# says: queue.senders has s3 and queue.fifo = true, but S3 sends no notifications to FIFO queues.
run "a_bucket_that_sends_to_a_fifo_queue" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { fifo = true, senders = [{ service = "s3", source_arn = "arn:aws:s3:::orders" }] }
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

# says: queue.visibility_timeout_seconds = 189 is below 6 × function.timeout_seconds + queue.batching_window_seconds = 190 (seconds)
run "a_visibility_timeout_below_six_timeouts_and_the_window" {
  command         = plan
  expect_failures = [aws_sqs_queue.source]

  variables {
    queue = { visibility_timeout_seconds = 189, batching_window_seconds = 10 }
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

# says: streams.clicks.batching_window_seconds = -1 is not a whole number from 0 to 300 (seconds).
run "a_negative_batching_window_of_a_stream" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", batching_window_seconds = -1 } }
  }
}

# says: streams.clicks.batching_window_seconds = 301 is not a whole number from 0 to 300 (seconds).
run "too_long_a_batching_window_of_a_stream" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", batching_window_seconds = 301 } }
  }
}

# says: streams.clicks.batching_window_seconds = 0.5 is not a whole number from 0 to 300 (seconds).
run "a_fraction_of_a_batching_window_of_a_stream" {
  command         = plan
  expect_failures = [var.streams]

  variables {
    streams = { clicks = { source = "kinesis", arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks", failure_destination_arn = "arn:aws:sqs:eu-central-1:123456789012:failed", batching_window_seconds = 0.5 } }
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
