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

# says: alarms.disabled = ["errors","latency"]; it takes only dead_letters, duration, errors,
run "an_unknown_alarm" {
  command         = plan
  expect_failures = [var.alarms]

  variables {
    alarms = { disabled = ["errors", "latency"] }
  }
}

# says: alarms.disabled names all 9 alarms.
run "alarms_that_are_all_disabled" {
  command         = plan
  expect_failures = [var.alarms]

  variables {
    alarms = {
      disabled = [
        "dead_letters", "duration", "errors", "lost_leases", "message_age", "parked", "table_throttles", "takeovers",
        "throttles",
      ]
    }
  }
}

# says: "errors":0,"lost_leases":1,"message_age_seconds":-1,"parked":1
run "alarms_that_always_sound" {
  command         = plan
  expect_failures = [var.alarms]

  variables {
    alarms = { errors = 0, message_age_seconds = -1 }
  }
}
