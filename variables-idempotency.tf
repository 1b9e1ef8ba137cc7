variable "idempotency" {
  description = <<-EOT
    What counts as the same operation, and for how long.
    - `concurrency` (1 to 100): how many messages of a batch run at the same time. More than 1 is for
      processors that wait for others, and that are safe for threads; messages then end in any order.
    - `key` (JMESPath): of the idempotency key in the message as it was delivered, with what its producer
      sent, decoded, as `body`. Prefer what names the operation, such as `body.order_id`. When null, the id
      that the source gives: SNS's or EventBridge's, the version of an S3 object, the record of a stream, for
      a plain message its `messageId`, which a producer's retry does not keep.
    - `lease_margin_seconds` (more than 0, at most 300 s): how long after the function's own deadline a claim
      still excludes others. It must be at least the difference between the clocks of any two workers (one may be
      slow and the other one fast) plus the time that Lambda's kill takes.
    - `log_keys` (`plain` or `hashed`): how log lines and errors show keys.
    - `metrics` (true or false): whether the package writes metrics, as one log line a batch. Each metric costs up
      to $0.30 a month, charged only for hours in which it has a value. When null, if `dashboard` or one of the alarms
      `lost_leases`, `parked` and `takeovers` needs them.
    - `minimum_remaining_seconds` (more than 0 s, below the timeout less half a second): no message is started
      with less time left before the function's timeout.
    - `mode` (`enforce` or `observe`): with the second, duplicates are logged and counted, and processed all
      the same; nothing is parked then.
    - `namespace` (1 to 255 characters of printable ASCII without `#`): put before every key; `name` when
      null. Changing it forgets every record. Two consumers of one namespace and table count as one.
    - `on_interrupted` (`retry` or `park`): what becomes of a message whose processor was killed: run again,
      or set aside in the dead-letter queue for a person to decide.
    - `retention_seconds` (at least the retention of every source: the queue's, `maximum_record_age_seconds`
      of a stream, 21600 s with `allowed_triggers`): how long a completed record suppresses duplicates. When null,
      that plus the retentions of the dead-letter queue and the queue: a redrive gives a message a new life.
  EOT
  nullable    = false
  default     = {}

  type = object({
    concurrency               = optional(number, 1)
    key                       = optional(string)
    lease_margin_seconds      = optional(number, 5)
    log_keys                  = optional(string, "plain")
    metrics                   = optional(bool)
    minimum_remaining_seconds = optional(number, 1)
    mode                      = optional(string, "enforce")
    namespace                 = optional(string)
    on_interrupted            = optional(string, "retry")
    retention_seconds         = optional(number)
  })

  validation {
    condition     = floor(var.idempotency.concurrency) == var.idempotency.concurrency && var.idempotency.concurrency >= 1 && var.idempotency.concurrency <= 100
    error_message = "idempotency.concurrency = ${var.idempotency.concurrency} is not a whole number from 1 to 100. Set 1 unless the processor is safe for threads."
  }

  validation {
    condition     = var.idempotency.key == null ? true : trimspace(var.idempotency.key) != "" && !startswith(trimspace(var.idempotency.key), "$")
    error_message = "idempotency.key = \"${var.idempotency.key == null ? "null" : var.idempotency.key}\" is not a JMESPath expression: it is empty, or starts with $ like JSONPath. Name what identifies the operation, such as \"body.order_id\", or set null for the source's id."
  }

  validation {
    condition     = var.idempotency.lease_margin_seconds >= 0.001 && var.idempotency.lease_margin_seconds <= 300
    error_message = "idempotency.lease_margin_seconds = ${var.idempotency.lease_margin_seconds} is not more than 0 and at most 300 (seconds). Set about 5, which covers usual differences between two clocks and the delay of Lambda's kill."
  }

  validation {
    condition     = contains(["plain", "hashed"], var.idempotency.log_keys)
    error_message = "idempotency.log_keys = \"${var.idempotency.log_keys}\" is not one of plain, hashed. Choose hashed when keys are personal data."
  }

  validation {
    condition     = var.idempotency.minimum_remaining_seconds >= 0.001
    error_message = "idempotency.minimum_remaining_seconds = ${var.idempotency.minimum_remaining_seconds} is not more than 0 (seconds). Set about what one message takes."
  }

  validation {
    condition     = contains(["enforce", "observe"], var.idempotency.mode)
    error_message = "idempotency.mode = \"${var.idempotency.mode}\" is not one of enforce, observe. Choose observe only to look on before anything is suppressed."
  }

  validation {
    condition     = var.idempotency.namespace == null ? true : length(var.idempotency.namespace) >= 1 && length(var.idempotency.namespace) <= 255
    error_message = "idempotency.namespace has ${var.idempotency.namespace == null ? 0 : length(var.idempotency.namespace)} characters, not 1 to 255. Set a short name, or null to use the module's name."
  }

  validation {
    condition     = var.idempotency.namespace == null ? true : can(regex("^[!\"$-~ ]*$", var.idempotency.namespace))
    error_message = "idempotency.namespace = \"${coalesce(var.idempotency.namespace, "null")}\" holds other characters than printable ASCII without #, which separates it from the key. Use others, such as / or -."
  }

  validation {
    condition     = contains(["retry", "park"], var.idempotency.on_interrupted)
    error_message = "idempotency.on_interrupted = \"${var.idempotency.on_interrupted}\" is not one of retry, park. Choose park where an effect that happens twice is worse than one that waits for a person."
  }

  validation {
    condition     = var.idempotency.retention_seconds == null ? true : floor(var.idempotency.retention_seconds) == var.idempotency.retention_seconds && var.idempotency.retention_seconds >= 60
    error_message = "idempotency.retention_seconds = ${coalesce(var.idempotency.retention_seconds, "null")} is not a whole number of at least 60 (seconds). Raise it, or set null to have it derived."
  }
}
