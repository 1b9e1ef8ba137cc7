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

# says: queue.existing.arn = "jobs" is not the ARN of an SQS queue.
run "an_existing_queue_by_name" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { existing = { arn = "jobs", dead_letter_queue = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs-failed", url = "https://sqs.eu-central-1.amazonaws.com/123456789012/jobs-failed", message_retention_seconds = 1209600 }, max_receive_count = 5, message_retention_seconds = 345600, visibility_timeout_seconds = 180 } }
  }
}

# says: queue.existing.dead_letter_queue.arn = "jobs-failed" is not the ARN of an SQS queue that is FIFO, or standard, as the queue.
run "an_existing_dead_letter_queue_by_name" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { existing = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs", dead_letter_queue = { arn = "jobs-failed", url = "https://sqs.eu-central-1.amazonaws.com/123456789012/jobs-failed", message_retention_seconds = 1209600 }, max_receive_count = 5, message_retention_seconds = 345600, visibility_timeout_seconds = 180 } }
  }
}

# says: queue.existing.dead_letter_queue.arn = "arn:aws:sqs:eu-central-1:123456789012:jobs-failed" is not the ARN of an SQS queue that is FIFO, or standard, as the queue.
run "an_existing_fifo_queue_with_a_standard_dead_letter_queue" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { existing = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs.fifo", dead_letter_queue = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs-failed", url = "https://sqs.eu-central-1.amazonaws.com/123456789012/jobs-failed", message_retention_seconds = 1209600 }, max_receive_count = 5, message_retention_seconds = 345600, visibility_timeout_seconds = 180 } }
  }
}

# says: queue.existing.dead_letter_queue.url = "arn:aws:sqs:eu-central-1:123456789012:jobs-failed" is not the URL of the queue with that arn
run "an_arn_for_the_url" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { existing = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs", dead_letter_queue = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs-failed", url = "arn:aws:sqs:eu-central-1:123456789012:jobs-failed", message_retention_seconds = 1209600 }, max_receive_count = 5, message_retention_seconds = 345600, visibility_timeout_seconds = 180 } }
  }
}

# says: queue.existing.message_retention_seconds = 345600 is not a whole number from 60 and below dead_letter_queue.message_retention_seconds = 345600 (at most 1209600, 14 days; with that or with FIFO, both may be equal): a dead-lettered message
run "an_existing_dead_letter_queue_that_forgets_first" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { existing = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs", dead_letter_queue = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs-failed", url = "https://sqs.eu-central-1.amazonaws.com/123456789012/jobs-failed", message_retention_seconds = 345600 }, max_receive_count = 5, message_retention_seconds = 345600, visibility_timeout_seconds = 180 } }
  }
}

# says: queue.kms_key_arn = null or queue.existing.kms_key_arn = "alias/jobs" is not the ARN of a KMS key.
run "an_existing_queues_key_by_its_alias" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { existing = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs", dead_letter_queue = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs-failed", url = "https://sqs.eu-central-1.amazonaws.com/123456789012/jobs-failed", message_retention_seconds = 1209600 }, kms_key_arn = "alias/jobs", max_receive_count = 5, message_retention_seconds = 345600, visibility_timeout_seconds = 180 } }
  }
}

# says: queue.existing.max_receive_count = 2 is not a whole number of at least 3
run "an_existing_queue_of_two_receives" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { existing = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs", dead_letter_queue = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs-failed", url = "https://sqs.eu-central-1.amazonaws.com/123456789012/jobs-failed", message_retention_seconds = 1209600 }, max_receive_count = 2, message_retention_seconds = 345600, visibility_timeout_seconds = 180 } }
  }
}

# says: queue.existing.message_retention_seconds = 59 is not a whole number from 60 and below dead_letter_queue.message_retention_seconds = 1209600 (at most 1209600, 14 days; with that or with FIFO, both may be equal): a dead-lettered message
run "an_existing_queue_that_keeps_59_seconds" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { existing = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs", dead_letter_queue = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs-failed", url = "https://sqs.eu-central-1.amazonaws.com/123456789012/jobs-failed", message_retention_seconds = 1209600 }, max_receive_count = 5, message_retention_seconds = 59, visibility_timeout_seconds = 180 } }
  }
}

# says: queue.existing.message_retention_seconds = 1209601 is not a whole number from 60 and below dead_letter_queue.message_retention_seconds = 1209600 (at most 1209600, 14 days; with that or with FIFO, both may be equal): a dead-lettered message
run "an_existing_fifo_queue_that_keeps_too_long" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { existing = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs.fifo", dead_letter_queue = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs-failed.fifo", url = "https://sqs.eu-central-1.amazonaws.com/123456789012/jobs-failed.fifo", message_retention_seconds = 1209600 }, max_receive_count = 5, message_retention_seconds = 1209601, visibility_timeout_seconds = 180 } }
  }
}

# says: queue.existing.visibility_timeout_seconds = 43201 is not a whole number of at most 43200 (seconds, 12 hours)
run "an_existing_queue_that_hides_too_long" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { existing = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs", dead_letter_queue = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs-failed", url = "https://sqs.eu-central-1.amazonaws.com/123456789012/jobs-failed", message_retention_seconds = 1209600 }, max_receive_count = 5, message_retention_seconds = 345600, visibility_timeout_seconds = 43201 } }
  }
}

# says: queue.existing.visibility_timeout_seconds = 100 is below 6 × function.timeout_seconds + queue.maximum_batching_window_in_seconds = 180 (seconds)
run "an_existing_queue_that_hides_too_short" {
  command         = plan
  expect_failures = [aws_lambda_event_source_mapping.queue]

  variables {
    queue = { existing = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs", dead_letter_queue = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs-failed", url = "https://sqs.eu-central-1.amazonaws.com/123456789012/jobs-failed", message_retention_seconds = 1209600 }, max_receive_count = 5, message_retention_seconds = 345600, visibility_timeout_seconds = 100 } }
  }
}

# says: queue.existing is set, and a setting that only a created queue takes is not its default: {"delay_seconds":1,"fifo":true}.
run "settings_with_an_existing_queue" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { existing = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs", dead_letter_queue = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs-failed", url = "https://sqs.eu-central-1.amazonaws.com/123456789012/jobs-failed", message_retention_seconds = 1209600 }, max_receive_count = 5, message_retention_seconds = 345600, visibility_timeout_seconds = 180 }, delay_seconds = 1, fifo = true }
  }
}

# says: queue.maximum_batching_window_in_seconds = 1 and the queue is FIFO: Lambda takes no batching window for one
run "a_window_for_an_existing_fifo_queue" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { existing = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs.fifo", dead_letter_queue = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs-failed.fifo", url = "https://sqs.eu-central-1.amazonaws.com/123456789012/jobs-failed.fifo", message_retention_seconds = 1209600 }, max_receive_count = 5, message_retention_seconds = 345600, visibility_timeout_seconds = 300 }, maximum_batching_window_in_seconds = 1 }
  }
}

# says: queue.existing.max_receive_count = null is not a whole number of at least 3
run "an_existing_queue_that_never_gives_up" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { existing = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs", dead_letter_queue = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs-failed", url = "https://sqs.eu-central-1.amazonaws.com/123456789012/jobs-failed", message_retention_seconds = 1209600 }, max_receive_count = null, message_retention_seconds = 345600, visibility_timeout_seconds = 180 } }
  }
}

# says: queue.existing.dead_letter_queue.url = "https://sqs.eu-central-1.amazonaws.com/123456789012/jobs" is not the URL of the queue with that arn
run "the_url_of_another_queue" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { existing = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs", dead_letter_queue = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs-failed", url = "https://sqs.eu-central-1.amazonaws.com/123456789012/jobs", message_retention_seconds = 1209600 }, max_receive_count = 5, message_retention_seconds = 345600, visibility_timeout_seconds = 180 } }
  }
}

# says: The existing parts are in several Regions or accounts: eu-central-1 123456789012, us-east-1 123456789012
run "existing_parts_in_two_regions" {
  command         = plan
  expect_failures = [terraform_data.location]

  variables {
    queue = { existing = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs", dead_letter_queue = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs-failed", url = "https://sqs.eu-central-1.amazonaws.com/123456789012/jobs-failed", message_retention_seconds = 1209600 }, max_receive_count = 5, message_retention_seconds = 345600, visibility_timeout_seconds = 180 } }
    table = { existing = { arn = "arn:aws:dynamodb:us-east-1:123456789012:table/claims" } }
  }
}

# says: queue.existing is set, and a setting that only a created queue takes is not its default
run "a_name_for_an_existing_queue" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = {
      name     = "orders"
      existing = { arn = "arn:aws:sqs:eu-central-1:123456789012:shop", dead_letter_queue = { arn = "arn:aws:sqs:eu-central-1:123456789012:shop-failed", message_retention_seconds = 1209600, url = "https://sqs.eu-central-1.amazonaws.com/123456789012/shop-failed" }, max_receive_count = 5, message_retention_seconds = 345600, visibility_timeout_seconds = 180 }
    }
  }
}
