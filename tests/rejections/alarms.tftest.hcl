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

# says: alarms.duration_percent = 0.8 is not from 1 to 100 (% of the timeout)
run "a_share_as_percentage" {
  command         = plan
  expect_failures = [var.alarms]

  variables {
    alarms = { duration_percent = 0.8 }
  }
}

# says: alarms.actions = ["arn:aws:sns:eu-central-1:123456789012:alarms","pager"] and alarms.ok_actions = [null]; each
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

# says: alarms.ok_actions has 1 ARNs and alarms.actions none: CloudWatch would notify
run "alarms_that_only_notify_of_their_end" {
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

# says: alarms.disabled = ["errors","latency"]; it takes only dead_letter_errors, dead_letters, delivery_failures,
run "an_unknown_alarm" {
  command         = plan
  expect_failures = [var.alarms]

  variables {
    alarms = { disabled = ["errors", "latency"] }
  }
}

# says: alarms.disabled names all 13 alarms.
run "alarms_that_are_all_disabled" {
  command         = plan
  expect_failures = [var.alarms]

  variables {
    alarms = {
      disabled = [
        "dead_letter_errors", "dead_letters", "delivery_failures", "duration", "errors", "iterator_age", "lost_leases",
        "message_age", "parked", "table_throttles", "table_unavailable", "takeovers", "throttles",
      ]
    }
  }
}

# says: "errors":0,"iterator_age_seconds":null,"lost_leases":1,"message_age_seconds":-1,"parked":1
run "alarms_that_always_sound" {
  command         = plan
  expect_failures = [var.alarms]

  variables {
    alarms = { errors = 0, message_age_seconds = -1 }
  }
}

# says: "dead_letter_errors":0,"dead_letters":1,"delivery_failures":-1,"duration_percent":80,"errors":1,
run "alarms_of_losses_that_always_sound" {
  command         = plan
  expect_failures = [var.alarms]

  variables {
    alarms = { dead_letter_errors = 0, delivery_failures = -1, iterator_age_seconds = 0, table_unavailable = 0 }
  }
}

# says: alarms.evaluation_periods = {"error":3,"errors":2}; it takes only dead_letter_errors, dead_letters,
run "periods_of_an_unknown_alarm" {
  command         = plan
  expect_failures = [var.alarms]

  variables {
    alarms = { evaluation_periods = { error = 3, errors = 2 } }
  }
}

# says: alarms.evaluation_periods = {"errors":1.5}; each must be a whole number of periods from 1.
run "a_part_of_a_period" {
  command         = plan
  expect_failures = [var.alarms]

  variables {
    alarms = { evaluation_periods = { errors = 1.5 } }
  }
}

# says: alarms.evaluation_periods = {"errors":0,"parked":null}; each must be a whole number of periods from 1.
run "an_alarm_after_no_period" {
  command         = plan
  expect_failures = [var.alarms]

  variables {
    alarms = { evaluation_periods = { errors = 0, parked = null } }
  }
}

# says: alarms.evaluation_periods = {"dead_letters":1440,"errors":289}; CloudWatch looks back one day, which is 1440
run "an_alarm_that_looks_back_more_than_a_day" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    alarms = { evaluation_periods = { errors = 289, dead_letters = 1440 } }
  }
}

# says: alarms.evaluation_periods = {"message_age":1441}; CloudWatch looks back one day, which is 1440 periods
run "an_alarm_of_minutes_that_looks_back_more_than_a_day" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    alarms = { evaluation_periods = { message_age = 1441 } }
  }
}

# says: alarms.iterator_age_seconds = 3600 is not below the largest maximum_record_age_seconds of streams (3600), or
run "an_alarm_for_records_that_lambda_has_given_up_on" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    alarms = { iterator_age_seconds = 3600 }
    streams = {
      clicks = {
        source                     = "kinesis"
        arn                        = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks"
        failure_destination_arn    = "arn:aws:sqs:eu-central-1:123456789012:failed"
        maximum_record_age_seconds = 3600
      }
    }
  }
}

# says: alarms.message_age_seconds = 345600 is not below queue.message_retention_seconds (345600): nothing waits longer
run "an_alarm_for_messages_that_sqs_has_deleted" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    alarms = { message_age_seconds = 345600 }
  }
}
