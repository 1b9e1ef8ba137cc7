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

# says: queue.provisioned_poller_config = {"maximum_pollers":200,"minimum_pollers":1}; minimum_pollers must be a whole number from 2 to 200, and maximum_pollers one from minimum_pollers to 10000 (the AWS provider takes 2000 up to 6.69.1).
run "one_poller" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { provisioned_poller_config = { minimum_pollers = 1 } }
  }
}

# says: queue.provisioned_poller_config = {"maximum_pollers":300,"minimum_pollers":201}; minimum_pollers must be a whole number from 2 to 200
run "too_many_pollers_at_least" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { provisioned_poller_config = { minimum_pollers = 201, maximum_pollers = 300 } }
  }
}

# says: queue.provisioned_poller_config = {"maximum_pollers":5.5,"minimum_pollers":2}; minimum_pollers must be a whole number
run "half_a_poller" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { provisioned_poller_config = { maximum_pollers = 5.5 } }
  }
}

# says: queue.provisioned_poller_config = {"maximum_pollers":4,"minimum_pollers":5}; minimum_pollers must be a whole number from 2 to 200, and maximum_pollers one from minimum_pollers to 10000
run "fewer_pollers_at_most_than_at_least" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { provisioned_poller_config = { minimum_pollers = 5, maximum_pollers = 4 } }
  }
}

# says: queue.provisioned_poller_config = {"maximum_pollers":10001,"minimum_pollers":2}; minimum_pollers must be a whole number from 2 to 200, and maximum_pollers one from minimum_pollers to 10000 (the AWS provider takes 2000 up to 6.69.1).
run "too_many_pollers_at_most" {
  command         = plan
  expect_failures = [var.queue]

  variables {
    queue = { provisioned_poller_config = { maximum_pollers = 10001 } }
  }
}

# says: queue.maximum_concurrency = 5 is set together with queue.provisioned_poller_config, and Lambda takes only one of them. Remove it, or the pollers
run "pollers_and_a_maximum_concurrency" {
  command         = plan
  expect_failures = [aws_lambda_event_source_mapping.queue]

  variables {
    queue = { maximum_concurrency = 5, provisioned_poller_config = {} }
  }
}

# says: queue.provisioned_poller_config.maximum_pollers = 3 does not keep the queue within function.reserved_concurrency = 29: each poller invokes the function up to 10 times at a time, and messages that are throttled use up their receives and are dead-lettered without a run. Raise function.reserved_concurrency to at least 30, or lower maximum_pollers; even 2, the fewest, need 20.
run "more_pollers_than_reserved_concurrency" {
  command         = plan
  expect_failures = [aws_lambda_event_source_mapping.queue]

  variables {
    queue    = { provisioned_poller_config = { maximum_pollers = 3 } }
    function = { reserved_concurrency = 29 }
  }
}
