variable "alarms" {
  description = <<-EOT
    CloudWatch alarms of the queues, the function, the table and the messages. With null, the module creates none.
    An alarm costs about $0.10 a month, and `table_throttles` twice that: $1.10 in all, with streams $1.30, with
    `allowed_triggers` $0.10 more. `lost_leases`, `parked`, `table_unavailable` and `takeovers` need
    `idempotency.metrics`. An alarm starts when its metric reaches the threshold.
    - `actions` (up to 5 ARNs): the targets that CloudWatch notifies when an alarm starts, such as an SNS topic.
      Without actions, you see alarms only in the console.
    - `dead_letter_errors` (more than 0): events of `allowed_triggers` in 5 minutes that failed until the end of their
      retries and that Lambda could not send to the dead-letter queue.
    - `dead_letters` (more than 0): messages in the dead-letter queue.
    - `delivery_failures` (more than 0): reports in 5 minutes that Lambda could not send to the failure destination of
      a stream.
    - `duration_percent` (1 to 100 %): the longest invocation in 5 minutes, as a share of the function's timeout.
    - `errors` (more than 0): invocations in 5 minutes that were killed, timed out or raised.
    - `disabled` (`dead_letter_errors`, `dead_letters`, `delivery_failures`, `duration`, `errors`, `iterator_age`,
      `lost_leases`, `message_age`, `parked`, `table_throttles`, `table_unavailable`, `takeovers`, `throttles`; not
      all): alarms that the module does not create.
    - `evaluation_periods` (1 to 1440 for `dead_letters` and `message_age`, with a period of 1 minute; 1 to 288 for the
      others, of 5 minutes): by the name of an alarm, how many periods in a row must reach its threshold before it
      starts. For alarms without a number, 1.
    - `iterator_age_seconds` (more than 0 s, below the largest `maximum_record_age_seconds`): how old a record of a
      stream is when Lambda passes it on, if there are streams. When null, half of the smallest
      `maximum_record_age_seconds`, and at most 43200 s, because by default a stream keeps records for 24 hours. The
      other half is left to find the cause.
    - `lost_leases` (more than 0): messages in 5 minutes whose run ended after its lease, when another run had
      the record.
    - `message_age_seconds` (more than 0 s, below `message_retention_seconds`): the age of the oldest message in the
      queue, if there is a queue. When null, `delay_seconds` + `max_receive_count` × visibility timeout. By then, SQS
      moves a message that fails to the dead-letter queue, so the function did not receive a message that is older.
    - `ok_actions` (up to 5 ARNs, with `actions`): the targets that CloudWatch notifies when an alarm ends.
    - `parked` (more than 0): messages in 5 minutes that the function set aside for an operator.
    - `table_throttles` (more than 0): reads and writes in 5 minutes that the table throttled.
    - `table_unavailable` (more than 0): messages in 5 minutes that did not run because the table refused or did not
      answer.
    - `tags`: tags of the alarms, in addition to the module's `tags`.
    - `takeovers` (more than 0): messages in 5 minutes whose earlier run was interrupted.
    - `throttles` (more than 0): invocations in 5 minutes that Lambda throttled.
  EOT
  default     = null

  type = object({
    actions              = optional(list(string), [])
    dead_letter_errors   = optional(number, 1)
    dead_letters         = optional(number, 1)
    delivery_failures    = optional(number, 1)
    duration_percent     = optional(number, 80)
    errors               = optional(number, 1)
    disabled             = optional(set(string), [])
    evaluation_periods   = optional(map(number), {})
    iterator_age_seconds = optional(number)
    lost_leases          = optional(number, 1)
    message_age_seconds  = optional(number)
    ok_actions           = optional(list(string), [])
    parked               = optional(number, 1)
    table_throttles      = optional(number, 10)
    table_unavailable    = optional(number, 1)
    tags                 = optional(map(string), {})
    takeovers            = optional(number, 1)
    throttles            = optional(number, 10)
  })

  validation {
    condition = var.alarms == null ? true : alltrue([
      for arn in concat(var.alarms.actions, var.alarms.ok_actions) :
      can(regex("^arn:[^:]+:[^:]+:[^:]*:[^:]*:.+$", arn))
    ])
    error_message = nonsensitive(join("", [for part in [
      "alarms.actions = ", jsonencode(try(var.alarms.actions, null)), " and alarms.ok_actions = ",
      jsonencode(try(var.alarms.ok_actions, null)), "; each must be an ARN. Give the ARNs of SNS topics, or of other ",
      "alarm actions.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
  validation {
    condition = var.alarms == null ? true : max(length(var.alarms.actions), length(var.alarms.ok_actions)) <= 5
    error_message = nonsensitive(join("", [for part in [
      "alarms.actions has ", try(length(var.alarms.actions), 0), " ARNs and alarms.ok_actions ",
      try(length(var.alarms.ok_actions), 0), "; CloudWatch takes 5 of each. Use one SNS topic with more subscriptions.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = var.alarms == null ? true : length(var.alarms.ok_actions) == 0 || length(var.alarms.actions) > 0
    error_message = nonsensitive(join("", [for part in [
      "alarms.ok_actions has ", try(length(var.alarms.ok_actions), 0), " ARNs and alarms.actions none: CloudWatch ",
      "would notify you of the end of an alarm, but not of its start. Set alarms.actions, or remove alarms.ok_actions.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = var.alarms == null ? true : var.alarms.duration_percent <= 100 && var.alarms.duration_percent >= 1
    error_message = nonsensitive(join("", [for part in [
      "alarms.duration_percent = ", try(var.alarms.duration_percent, 0), " is not from 1 to 100 (% of the timeout). ",
      "Set 80, and the alarm starts before the timeout interrupts messages.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = var.alarms == null ? true : alltrue([
      for name in var.alarms.disabled : contains(local.alarm_names, coalesce(name, "null"))
    ])
    error_message = nonsensitive(join("", [for part in [
      "alarms.disabled = ", jsonencode(try(var.alarms.disabled, null)), "; it takes only ",
      "${join(", ", local.alarm_names)}. Correct or remove the others.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = var.alarms == null ? true : length(setsubtract(local.alarm_names, var.alarms.disabled)) > 0
    error_message = join(" ", [
      "alarms.disabled names all ${length(local.alarm_names)} alarms.",
      "Remove those that you want, or set alarms = null.",
    ])
  }

  validation {
    condition = var.alarms == null ? true : alltrue([
      for name in keys(var.alarms.evaluation_periods) : contains(local.alarm_names, name)
    ])
    error_message = nonsensitive(join("", [for part in [
      "alarms.evaluation_periods = ", jsonencode(try(var.alarms.evaluation_periods, null)), "; it takes only ",
      "${join(", ", local.alarm_names)}. Correct or remove the others.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = var.alarms == null ? true : alltrue([
      for periods in values(var.alarms.evaluation_periods) :
      floor(coalesce(periods, 1)) == coalesce(periods, 1) && coalesce(periods, 1) >= 1
    ])
    error_message = nonsensitive(join("", [for part in [
      "alarms.evaluation_periods = ", jsonencode(try(var.alarms.evaluation_periods, null)), "; each must be a whole ",
      "number of periods from 1. Correct or remove the others.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  # A null threshold is derived.
  validation {
    condition = var.alarms == null ? true : alltrue([
      for name in local.alarm_thresholds : name == "duration_percent" || coalesce(var.alarms[name], 1) > 0
    ])
    error_message = nonsensitive(join("", [for part in [
      "alarms has the thresholds ",
      jsonencode({ for name in local.alarm_thresholds : name => try(var.alarms[name], null) }), "; each must be more ",
      "than 0, or the alarm starts without a cause. Set at least 1, or name the alarm in alarms.disabled.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }
}
