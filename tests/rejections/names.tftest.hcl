# Names of queues that SQS or the module cannot take. tests/rejections/queue.tftest.hcl says how cases are written.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name      = "orders"
  code      = { source_dir = "examples/quickstart/src" }
  processor = "orders.process"
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

# says: queue.name = "orders.fifo" and queue.dead_letter_queue.name = null; each must be 1 to 80 letters, digits, - and _
run "a_queue_name_with_its_suffix" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { name = "orders.fifo", fifo = true }
  }
}

# says: queue.name = null and queue.dead_letter_queue.name = "0000000000000000000000000000000000000000000000000000000000000000000000000000"; each must be 1 to 80
run "a_dead_letter_queue_name_of_76_characters_with_fifo" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { fifo = true, dead_letter_queue = { name = "0000000000000000000000000000000000000000000000000000000000000000000000000000" } }
  }
}

# says: queue.name = "000000000000000000000000000000000000000000000000000000000000000000000000000000000" and queue.dead_letter_queue.name = null; each must
run "a_queue_name_of_81_characters" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { name = "000000000000000000000000000000000000000000000000000000000000000000000000000000000" }
  }
}

# says: The queue and the dead-letter queue would both have the name "failed.fifo"; they are two queues.
run "one_name_for_both_queues" {
  command         = plan
  expect_failures = [aws_sqs_queue.dead_letter]

  variables {
    queue = { fifo = true, name = "failed", dead_letter_queue = { name = "failed" } }
  }
}

# says: The queue and the dead-letter queue would both have the name "orders-dead-letters"; they are
run "the_dead_letter_queues_default_for_the_queue" {
  command         = plan
  expect_failures = [aws_sqs_queue.dead_letter]

  variables {
    queue = { name = "orders-dead-letters" }
  }
}

# says: The queue and the dead-letter queue would both have the name "orders"; they are
run "the_queues_default_for_the_dead_letter_queue" {
  command         = plan
  expect_failures = [aws_sqs_queue.dead_letter]

  variables {
    queue = { dead_letter_queue = { name = "orders" } }
  }
}
