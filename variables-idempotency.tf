variable "idempotency" {
  description = <<-EOT
    How the function recognizes a repeated operation, and how long it remembers one.
    - `concurrency` (1 to 100): how many messages of a batch run at the same time. Set more than 1 only if the
      processor mostly waits and is safe for threads; messages then end in any order.
    - `key` (JMESPath): an expression that finds the idempotency key in the message. The message is as the source
      delivered it, with the decoded data of its producer as `body`. Prefer a value that names the operation, such
      as `body.order_id`. The functions `lower`, `trim`, `nfc` and `sha256` join the spellings of a value, as in
      `lower(body.order_id)`; docs/sources.md describes them. When null, the key is the id that the source gives:
      the id of SNS or EventBridge, the version of an S3 object, the record of a stream. A plain message has only
      its `messageId`, which a producer's retry does not keep.
    - `lease_margin_seconds` (more than 0, at most 300 s): how long after the function's own deadline a claim
      still excludes others. It must be at least the difference between the clocks of any two workers (one may be
      slow and the other one fast) plus the time that Lambda's kill takes.
    - `log` (`all`, `problems` or `sampled:N` with N from 2 to 1000000): which messages have a log line. `problems`
      leaves out those that ended well and those that only wait for another run. `sampled:N` also logs one of N keys,
      with all its deliveries. Metrics count all messages in any case; docs/logs.md lists what each value costs.
    - `log_keys` (`plain` or `hashed`): how log lines and errors show keys.
    - `managed_instances` (`refuse` or `accept_overlapping_runs`): whether an existing function may run on Lambda
      Managed Instances, which do not stop a run at its timeout. With `refuse`, it does not start there.
    - `metrics`: whether the package writes metrics, as one log line a batch. Each metric costs up to $0.30 a
      month, and AWS charges only the hours in which it has a value. When null, the package writes them if
      `dashboard` or one of the alarms `lost_leases`, `parked`, `table_unavailable` and `takeovers` needs them, or if
      `metrics_by_decorated_name` is true.
    - `metrics_by_decorated_name`: whether CloudWatch also has separate metrics for each decorated function, by its
      `name`. Each name costs as much as the function's metrics.
    - `minimum_remaining_seconds` (more than 0 s, below the timeout less half a second): the function starts no
      message when less time than this is left before its timeout.
    - `mode` (`enforce` or `observe`): with `observe`, the function logs and counts duplicates, processes them
      nevertheless, and parks nothing.
    - `namespace` (1 to 255 characters of printable ASCII without `#`): the prefix of each key. When null, it is
      `name`. If you change it, the function forgets all records. Two consumers with the same namespace and table
      count as one.
    - `on_interrupted` (`retry` or `park`): how the function treats a message whose processor was killed. With
      `retry`, the processor runs again; with `park`, the message goes to the dead-letter queue, and an operator
      decides.
    - `retention_seconds` (at least the retention of each source: the queue's, `maximum_record_age_seconds` of a
      stream, 21600 s with `allowed_triggers`): how long a completed record suppresses duplicates. When null, it
      is the longest of these plus the retentions of the dead-letter queue and of the queue, because a redrive
      gives a message a new life.
  EOT
  nullable    = false
  default     = {}

  type = object({
    concurrency               = optional(number, 1)
    key                       = optional(string)
    lease_margin_seconds      = optional(number, 5)
    log                       = optional(string, "all")
    log_keys                  = optional(string, "plain")
    managed_instances         = optional(string, "refuse")
    metrics                   = optional(bool)
    metrics_by_decorated_name = optional(bool, false)
    minimum_remaining_seconds = optional(number, 1)
    mode                      = optional(string, "enforce")
    namespace                 = optional(string)
    on_interrupted            = optional(string, "retry")
    retention_seconds         = optional(number)
  })

  validation {
    condition = (
      floor(var.idempotency.concurrency) == var.idempotency.concurrency &&
      var.idempotency.concurrency >= 1 &&
      var.idempotency.concurrency <= 100
    )
    error_message = nonsensitive(join("", [for part in [
      "idempotency.concurrency = ", var.idempotency.concurrency, " is not a whole number from 1 to 100. Set 1 unless ",
      "the processor is safe for threads.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = var.idempotency.key == null ? true : (
      trimspace(var.idempotency.key) != "" &&
      !startswith(trimspace(var.idempotency.key), "$")
    )
    error_message = nonsensitive(join("", [for part in [
      "idempotency.key = ", jsonencode(var.idempotency.key), " is not a JMESPath expression: it is empty, or starts ",
      "with $ like JSONPath. Name the value that identifies the operation, such as \"body.order_id\", or set null for ",
      "the source's id.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = var.idempotency.lease_margin_seconds >= 0.001 && var.idempotency.lease_margin_seconds <= 300
    error_message = nonsensitive(join("", [for part in [
      "idempotency.lease_margin_seconds = ", var.idempotency.lease_margin_seconds, " is not more than 0 and at most ",
      "300 (seconds). Set about 5, which covers usual differences between two clocks and the delay of Lambda's kill.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = can(regex("^(all|problems|sampled:([2-9]|[1-9][0-9]{1,5}|1000000))$", var.idempotency.log))
    error_message = nonsensitive(join("", [for part in [
      "idempotency.log = ", jsonencode(var.idempotency.log), " is not one of all, problems, sampled:N with N from 2 ",
      "to 1000000. Choose all unless log lines cost too much.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = contains(["plain", "hashed"], var.idempotency.log_keys)
    error_message = nonsensitive(join("", [for part in [
      "idempotency.log_keys = \"", var.idempotency.log_keys, "\" is not one of plain, hashed. Choose hashed when keys ",
      "are personal data.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = contains(["refuse", "accept_overlapping_runs"], var.idempotency.managed_instances)
    error_message = nonsensitive(join("", [for part in [
      "idempotency.managed_instances = \"", var.idempotency.managed_instances, "\" is not one of refuse, ",
      "accept_overlapping_runs. Choose the latter only if you accept that two runs of a message may overlap.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = var.idempotency.minimum_remaining_seconds >= 0.001
    error_message = nonsensitive(join("", [for part in [
      "idempotency.minimum_remaining_seconds = ", var.idempotency.minimum_remaining_seconds, " is not more than 0 ",
      "(seconds). Set about the time that one message takes.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = contains(["enforce", "observe"], var.idempotency.mode)
    error_message = nonsensitive(join("", [for part in [
      "idempotency.mode = \"", var.idempotency.mode, "\" is not one of enforce, observe. Choose observe only to count ",
      "duplicates before the function suppresses them.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = var.idempotency.namespace == null ? true : (
      length(var.idempotency.namespace) >= 1 &&
      length(var.idempotency.namespace) <= 255
    )
    error_message = nonsensitive(join("", [for part in [
      "idempotency.namespace = ", jsonencode(var.idempotency.namespace), " is not 1 to 255 characters. Set a short ",
      "name, or null to use the module's name.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = var.idempotency.namespace == null ? true : can(regex("^[!\"$-~ ]*$", var.idempotency.namespace))
    error_message = nonsensitive(join("", [for part in [
      "idempotency.namespace = ", jsonencode(var.idempotency.namespace), " holds other characters than printable ",
      "ASCII without #, which separates it from the key. Use others, such as / or -.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = contains(["retry", "park"], var.idempotency.on_interrupted)
    error_message = nonsensitive(join("", [for part in [
      "idempotency.on_interrupted = \"", var.idempotency.on_interrupted, "\" is not one of retry, park. Choose park ",
      "where a side effect that happens twice is worse than one that waits for an operator.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = var.idempotency.retention_seconds == null ? true : (
      floor(var.idempotency.retention_seconds) == var.idempotency.retention_seconds &&
      var.idempotency.retention_seconds >= 60
    )
    error_message = nonsensitive(join("", [for part in [
      "idempotency.retention_seconds = ", jsonencode(var.idempotency.retention_seconds), " is not a whole number of ",
      "at least 60 (seconds). Raise it, or set null, and the module derives it.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }
}
