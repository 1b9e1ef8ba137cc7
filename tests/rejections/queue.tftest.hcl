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

# says: queue.batch_size = 0 is not a whole number from 1 to 10000 (messages; 10 suits most).
run "an_empty_batch" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { batch_size = 0 }
  }
}

# says: queue.batch_size = 10001 is not a whole number from 1 to 10000 (messages; 10 suits most).
run "too_large_a_batch" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { batch_size = 10001, maximum_batching_window_in_seconds = 1 }
  }
}

# says: queue.batch_size = 1.5 is not a whole number from 1 to 10000 (messages; 10 suits most).
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

# says: queue.maximum_batching_window_in_seconds = -1 is not a whole number from 0 to 300 (seconds; 0 does not wait).
run "a_negative_batching_window" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { maximum_batching_window_in_seconds = -1 }
  }
}

# says: queue.maximum_batching_window_in_seconds = 301 is not a whole number from 0 to 300 (seconds; 0 does not wait).
run "too_long_a_batching_window" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { maximum_batching_window_in_seconds = 301 }
  }
}

# says: queue.maximum_batching_window_in_seconds = 0.5 is not a whole number from 0 to 300 (seconds; 0 does not wait).
run "a_fraction_of_a_batching_window" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { maximum_batching_window_in_seconds = 0.5 }
  }
}

# says: queue.maximum_batching_window_in_seconds = 1 and the queue is FIFO: Lambda takes no batching window for one
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

# says: queue.fifo = false with content_based_deduplication = true, deduplication_scope = null, fifo_throughput_limit = null: only FIFO takes these.
run "deduplication_without_fifo" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { content_based_deduplication = true }
  }
}

# says: queue.dead_letter_queue.message_retention_seconds = 1209601 is not a whole number above queue.message_retention_seconds = 345600 and at most 1209600 (14 days)
run "too_long_a_dead_letter_retention" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { dead_letter_queue = { message_retention_seconds = 1209601 } }
  }
}

# says: queue.dead_letter_queue.message_retention_seconds = 1000000.5 is not a whole number above queue.message_retention_seconds = 345600 and at most 1209600 (14 days)
run "a_fraction_of_a_dead_letter_retention" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { dead_letter_queue = { message_retention_seconds = 1000000.5 } }
  }
}

# says: queue.dead_letter_queue.message_retention_seconds = 345600 is not a whole number above queue.message_retention_seconds = 345600
run "a_dead_letter_queue_that_forgets_first" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { dead_letter_queue = { message_retention_seconds = 345600 } }
  }
}

# says: queue.max_receive_count = 2 is not a whole number from 3 to 1000 (receives; with fewer,
run "two_receives" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { max_receive_count = 2 }
  }
}

# says: queue.max_receive_count = 1001 is not a whole number from 3 to 1000 (receives; with fewer,
run "too_many_receives" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { max_receive_count = 1001 }
  }
}

# says: queue.max_receive_count = 3.5 is not a whole number from 3 to 1000 (receives; with fewer,
run "a_fraction_of_a_receive" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { max_receive_count = 3.5 }
  }
}

# says: queue.maximum_concurrency = 1 is not a whole number from 2 to 1000 (invocations at a time; null for no limit).
run "a_maximum_concurrency_of_one" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { maximum_concurrency = 1 }
  }
}

# says: queue.maximum_concurrency = 1001 is not a whole number from 2 to 1000 (invocations at a time; null for no limit).
run "too_high_a_maximum_concurrency" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { maximum_concurrency = 1001 }
  }
}

# says: queue.maximum_concurrency = 2.5 is not a whole number from 2 to 1000 (invocations at a time; null for no limit).
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

# says: queue.allowed_senders has the services ["sns","sqs"]; each must be one of events, s3, sns.
run "a_sender_of_another_service" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { allowed_senders = [{ service = "sns", source_arn = "arn:aws:sns:eu-central-1:123456789012:orders" }, { service = "sqs", source_arn = "arn:aws:sqs:eu-central-1:123456789012:orders" }] }
  }
}

# says: queue.allowed_senders has the source_arns ["arn:aws:sns:eu-central-1:123456789012:orders","orders"]; each must be of its service.
run "a_sender_without_an_arn" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { allowed_senders = [{ service = "sns", source_arn = "arn:aws:sns:eu-central-1:123456789012:orders" }, { service = "s3", source_arn = "orders" }] }
  }
}

# says: queue.fifo = true and queue.allowed_senders has ["s3"]: S3 and standard topics do not send to FIFO queues.
run "a_bucket_that_sends_to_a_fifo_queue" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { fifo = true, allowed_senders = [{ service = "s3", source_arn = "arn:aws:s3:::orders" }] }
  }
}

# says: queue.unwrap = ["sns","sqs"]; each must be one of events, pipes, s3, sns.
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

# says: queue.fifo = true and queue.allowed_senders has ["sns"]: S3 and standard topics do not send to FIFO queues.
run "a_standard_topic_for_a_fifo_queue" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { fifo = true, allowed_senders = [{ service = "sns", source_arn = "arn:aws:sns:eu-central-1:123456789012:orders" }] }
  }
}

# says: queue.deduplication_scope = "group" and queue.fifo_throughput_limit = null: the first is queue or messageGroup
run "an_unknown_deduplication_scope" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { fifo = true, deduplication_scope = "group" }
  }
}

# says: queue.fifo = false with content_based_deduplication = false, deduplication_scope = "queue", fifo_throughput_limit = null: only FIFO takes these.
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

# says: queue.deduplication_scope = null and queue.fifo_throughput_limit = "perGroup": the first is queue or messageGroup, the second perQueue or, with messageGroup, perMessageGroupId.
run "an_unknown_throughput_limit" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { fifo = true, fifo_throughput_limit = "perGroup" }
  }
}

# says: queue.fifo = false with content_based_deduplication = false, deduplication_scope = null, fifo_throughput_limit = "perQueue": only FIFO takes these.
run "a_throughput_limit_without_fifo" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { fifo_throughput_limit = "perQueue" }
  }
}

# says: queue.deduplication_scope = null and queue.fifo_throughput_limit = "perMessageGroupId": the first is queue or messageGroup, the second perQueue or, with messageGroup, perMessageGroupId.
run "high_throughput_with_the_queues_scope" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { fifo = true, fifo_throughput_limit = "perMessageGroupId" }
  }
}

# says: queue.filters is ["body.kind"], not all JSON objects.
run "a_queue_filter_that_is_no_json" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { filters = ["body.kind"] }
  }
}

# says: queue.max_message_size_bytes = 1048577 is not a whole number from 1024 to 1048576 (bytes, 1 MiB).
run "messages_above_1_mib" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { max_message_size_bytes = 1048577 }
  }
}

# says: queue.policy_statements has the effects ["allow"]; each must be Allow or Deny.
run "an_unknown_effect" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    queue = { policy_statements = [{ effect = "allow", principals = { AWS = ["arn:aws:iam::123456789012:root"] }, actions = ["sqs:SendMessage"] }] }
  }
}

# says: queue.policy_statements has the actions [["sns:Publish"]]; the policy of a queue takes actions of SQS only.
run "an_action_of_another_service" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    queue = { policy_statements = [{ principals = { AWS = ["arn:aws:iam::123456789012:root"] }, actions = ["sns:Publish"] }] }
  }
}

# says: queue.policy_statements allows everyone (the principal "*") without a condition.
run "everyone_may_send" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    queue = { policy_statements = [{ principals = { AWS = ["*"] }, actions = ["sqs:SendMessage"] }] }
  }
}

# says: queue.policy_statements has principals of the types [["*"]]; each statement needs a principal, of AWS, CanonicalUser, Federated, Service.
run "a_principal_of_no_type" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    queue = { policy_statements = [{ principals = { "*" = ["arn:aws:iam::123456789012:root"] }, actions = ["sqs:SendMessage"] }] }
  }
}

# says: queue.policy_statements has principals of the types [[]]; each statement needs a principal
run "nobody_may_send" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    queue = { policy_statements = [{ principals = {}, actions = ["sqs:SendMessage"] }] }
  }
}

# says: queue.policy_statements makes a policy with the sids ["DenyInsecureTransport","FromSns","FromSns"]; each may be in a policy only once.
run "a_sid_of_the_modules" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    queue = { allowed_senders = [{ service = "sns", source_arn = "arn:aws:sns:eu-central-1:123456789012:orders" }], policy_statements = [{ sid = "FromSns", principals = { AWS = ["arn:aws:iam::123456789012:root"] }, actions = ["sqs:SendMessage"] }] }
  }
}

# says: queue.policy_statements makes a policy with the sids ["DenyInsecureTransport","Send","Send"]; each may be in a policy only once.
run "one_sid_for_two_senders" {
  command         = plan
  expect_failures = [terraform_data.checks]

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

# says: queue.maximum_concurrency = 11 does not keep the queue within function.reserved_concurrency = 10: Lambda would receive more messages than the function may run, and they would use up their receives and be dead-lettered without a run. Set queue.maximum_concurrency to at most 10, or set queue.enabled = false.
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

# says: run. Set queue.enabled = false, or raise function.reserved_concurrency to at least 2 and set queue.maximum_concurrency = 2, the least that Lambda takes
run "reserved_concurrency_below_the_least_of_the_queue" {
  command         = plan
  expect_failures = [aws_lambda_event_source_mapping.queue]

  variables {
    function = { reserved_concurrency = 1 }
  }
}

# says: queue.allowed_senders, queue.policy_statements or queue.dead_letter_queue.policy_statements has a null; each element
run "a_sender_that_is_null" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { allowed_senders = [null] }
  }
}

# says: queue.allowed_senders, queue.policy_statements or queue.dead_letter_queue.policy_statements has a null; each element
run "a_queue_statement_that_is_null" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { policy_statements = [null] }
  }
}

# says: queue.allowed_senders, queue.policy_statements or queue.dead_letter_queue.policy_statements has a null; each element
run "a_dead_letter_queue_statement_that_is_null" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { dead_letter_queue = { policy_statements = [null] } }
  }
}

# says: queue.policy_statements has the sids [""]; each must be letters, digits, spaces, - and _.
run "an_empty_sid" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    queue = { policy_statements = [{ sid = "", principals = { AWS = ["arn:aws:iam::123456789012:root"] }, actions = ["sqs:SendMessage"] }] }
  }
}
