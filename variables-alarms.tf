variable "alarms" {
  description = <<-EOT
    CloudWatch alarms of the queues, the function, the table and the messages; null for none. Each costs about
    $0.10 a month, `table_throttles` twice that; `lost_leases`, `parked` and `takeovers` need
    `idempotency.metrics`. A threshold is what an alarm starts at: its value or more.
    - `actions` (up to 5 ARNs): what is told that an alarm has begun, such as an SNS topic. Without any,
      alarms are seen in the console only.
    - `dead_letters` (more than 0): messages in the dead-letter queue.
    - `duration_percent` (1 to 100 %): the longest invocation in 5 minutes, of the function's timeout.
    - `errors` (more than 0): invocations in 5 minutes that were killed, timed out or raised.
    - `disabled` (`dead_letters`, `duration`, `errors`, `lost_leases`, `message_age`, `parked`,
      `table_throttles`, `takeovers`, `throttles`; not all): alarms that are not wanted.
    - `lost_leases` (more than 0): messages in 5 minutes whose run ended after its lease, when the record was
      another's.
    - `message_age_seconds` (more than 0 s): age of the oldest message in the queue, if there is a queue. When
      null, `max_receive_count` × visibility timeout: by then a message that fails is dead-lettered, so what
      is older was not received.
    - `ok_actions` (up to 5 ARNs, with `actions`): what is told that an alarm is over.
    - `parked` (more than 0): messages in 5 minutes that were set aside for a person.
    - `table_throttles` (more than 0): reads and writes in 5 minutes that the table throttled.
    - `takeovers` (more than 0): messages in 5 minutes whose earlier run was interrupted.
    - `throttles` (more than 0): invocations in 5 minutes that Lambda throttled.
  EOT
  default     = null

  type = object({
    actions             = optional(list(string), [])
    dead_letters        = optional(number, 1)
    duration_percent    = optional(number, 80)
    errors              = optional(number, 1)
    disabled            = optional(set(string), [])
    lost_leases         = optional(number, 1)
    message_age_seconds = optional(number)
    ok_actions          = optional(list(string), [])
    parked              = optional(number, 1)
    table_throttles     = optional(number, 10)
    takeovers           = optional(number, 1)
    throttles           = optional(number, 10)
  })

  validation {
    condition     = var.alarms == null ? true : alltrue([for arn in concat(var.alarms.actions, var.alarms.ok_actions) : can(regex("^arn:[^:]+:[^:]+:[^:]*:[^:]*:.+$", arn))])
    error_message = "alarms.actions and alarms.ok_actions have ${jsonencode([for arn in try(concat(var.alarms.actions, var.alarms.ok_actions), []) : arn if !can(regex("^arn:[^:]+:[^:]+:[^:]*:[^:]*:.+$", arn))])}, which are not ARNs. Give those of SNS topics, or of other alarm actions."
  }

  # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
  validation {
    condition     = var.alarms == null ? true : max(length(var.alarms.actions), length(var.alarms.ok_actions)) <= 5
    error_message = "alarms.actions has ${try(length(var.alarms.actions), 0)} ARNs and alarms.ok_actions ${try(length(var.alarms.ok_actions), 0)}; CloudWatch takes 5 of each. Use one SNS topic with more subscriptions."
  }

  validation {
    condition     = var.alarms == null ? true : length(var.alarms.ok_actions) == 0 || length(var.alarms.actions) > 0
    error_message = "alarms.ok_actions has ${try(length(var.alarms.ok_actions), 0)} ARNs and alarms.actions none: nobody would be told that an alarm has begun, only that it is over. Set alarms.actions, or remove alarms.ok_actions."
  }

  validation {
    condition     = var.alarms == null ? true : var.alarms.duration_percent <= 100 && var.alarms.duration_percent >= 1
    error_message = "alarms.duration_percent = ${try(var.alarms.duration_percent, "null")} is not from 1 to 100 (% of the timeout). Set 80 to be told before messages are interrupted."
  }

  validation {
    condition     = var.alarms == null ? true : alltrue([for name in var.alarms.disabled : contains(local.alarm_names, coalesce(name, "null"))])
    error_message = "alarms.disabled has ${jsonencode([for name in try(var.alarms.disabled, []) : name if !contains(local.alarm_names, coalesce(name, "null"))])}, not only ${join(", ", local.alarm_names)}. Correct or remove them."
  }

  validation {
    condition     = var.alarms == null ? true : length(setsubtract(local.alarm_names, var.alarms.disabled)) > 0
    error_message = "alarms.disabled names all ${length(local.alarm_names)} alarms, so none is left. Remove those that are wanted, or set alarms = null."
  }

  validation {
    condition     = var.alarms == null ? true : alltrue([for name in local.alarm_thresholds : try(var.alarms[name] > 0, true)])
    error_message = "${join(", ", [for name in local.alarm_thresholds : "alarms.${name} = ${var.alarms[name]}" if try(var.alarms[name] <= 0, false)])} is not more than 0: the alarm would ring without a cause. Set at least 1, or name the alarm in alarms.disabled."
  }
}
