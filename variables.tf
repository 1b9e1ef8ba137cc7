variable "code" {
  description = <<-EOT
    The function's code, from exactly one of:
    - `source_dir`: a directory of Python files. At apply they are packed together with the package
      `idempotent_lambda` (needs `python3` 3.8 or newer on the machine that applies). Hidden files,
      `__pycache__` and `*.pyc` are left out; CRLF becomes LF in text. Write `"$${path.module}/src"`.
    - `filename`: a `.zip` that you built, with this module's `handler/idempotent_lambda` at its top.
  EOT
  nullable    = false

  type = object({
    source_dir = optional(string)
    filename   = optional(string)
  })

  validation {
    condition     = (var.code.source_dir == null) != (var.code.filename == null)
    error_message = "code names ${var.code.source_dir == null ? "neither source_dir nor filename" : "source_dir and filename"}; it takes exactly one. Set source_dir to pack a directory, or filename to use a zip of your own."
  }

  validation {
    condition     = var.code.filename == null ? true : endswith(var.code.filename, ".zip")
    error_message = "code.filename = \"${coalesce(var.code.filename, "null")}\" does not end in .zip. Give the zip that holds your modules and the package idempotent_lambda, or set code.source_dir to have a directory packed."
  }

  validation {
    condition     = var.code.filename == null ? true : fileexists(var.code.filename)
    error_message = "code.filename = \"${coalesce(var.code.filename, "null")}\" does not exist; it must when terraform plans. Build the zip first, and check the path: a relative one starts where terraform runs."
  }
}

variable "function" {
  description = <<-EOT
    The Lambda function:
    - `architecture`: `arm64` or `x86_64`.
    - `environment`: variables for your code. Names starting with `IDEMPOTENCY_` are the module's.
    - `handler`: the entry point; the default calls `processor` once per idempotency key. Another one is on its
      own: set `processor` to null.
    - `invokers`: what may invoke the function directly, by a name of your choice (letters, digits, - and _):
      `service` (`events`, `s3` or `sns`) and `source_arn`, the ARN of the rule, bucket or topic. Events
      that fail to the end of Lambda's retries go to the dead-letter queue; not with a FIFO queue. A bucket
      must be of this account.
    - `memory_mb`: 128 to 10240 MB.
    - `policy_statements`: what your code may do, added to the role as allow statements; `sid` is
      optional, of letters and digits.
    - `runtime`: `python3.11` or newer.
    - `timeout_seconds`: 3 to 900 s, for a whole batch.
    - `tracing`: whether X-Ray traces are sent.
  EOT
  nullable    = false
  default     = {}

  type = object({
    architecture = optional(string, "arm64")
    environment  = optional(map(string), {})
    handler      = optional(string, "idempotent_lambda.entrypoint.handler")
    invokers = optional(map(object({
      service    = string
      source_arn = string
    })), {})
    memory_mb = optional(number, 256)
    policy_statements = optional(list(object({
      sid       = optional(string)
      actions   = list(string)
      resources = list(string)
    })), [])
    runtime         = optional(string, "python3.13")
    timeout_seconds = optional(number, 30)
    tracing         = optional(bool, true)
  })

  validation {
    condition     = contains(["arm64", "x86_64"], var.function.architecture)
    error_message = "function.architecture = \"${var.function.architecture}\" is not one of arm64, x86_64. Choose arm64 unless a dependency is built for x86_64 only."
  }

  validation {
    condition     = alltrue([for name in keys(var.function.environment) : can(regex("^[A-Za-z][A-Za-z0-9_]+$", name))])
    error_message = "function.environment has the names ${jsonencode([for name in keys(var.function.environment) : name if !can(regex("^[A-Za-z][A-Za-z0-9_]+$", name))])}; Lambda takes two or more letters, digits and _, a letter first. Rename them."
  }

  validation {
    condition     = !anytrue([for name in keys(var.function.environment) : startswith(name, "IDEMPOTENCY_")])
    error_message = "function.environment sets ${join(", ", [for name in keys(var.function.environment) : name if startswith(name, "IDEMPOTENCY_")])}; names starting with IDEMPOTENCY_ are the module's. Use the variables idempotency and processor instead."
  }

  validation {
    condition     = length(setintersection(keys(var.function.environment), local.reserved_environment)) == 0
    error_message = "function.environment sets ${join(", ", setintersection(keys(var.function.environment), local.reserved_environment))}, which Lambda reserves and sets itself. Remove or rename it."
  }

  validation {
    condition     = can(regex("^[^.\\s]\\S*\\.[A-Za-z_][A-Za-z0-9_]*$", var.function.handler)) && length(var.function.handler) <= 128
    error_message = "function.handler = \"${var.function.handler}\" is not \"module.function\" of at most 128 characters. Leave it unset to use the built-in entry point with processor."
  }

  validation {
    condition     = alltrue([for name in keys(var.function.invokers) : can(regex("^[A-Za-z0-9_-]{1,100}$", name))])
    error_message = "function.invokers has the names ${jsonencode([for name in keys(var.function.invokers) : name if !can(regex("^[A-Za-z0-9_-]{1,100}$", name))])}; Lambda takes 1 to 100 letters, digits, - and _. Rename them."
  }

  validation {
    condition     = alltrue([for invoker in var.function.invokers : contains(local.services, coalesce(invoker.service, "null"))])
    error_message = "function.invokers has the services ${jsonencode([for invoker in var.function.invokers : invoker.service if !contains(local.services, coalesce(invoker.service, "null"))])}, not ${join(", ", local.services)}. For others, add an aws_lambda_permission of your own."
  }

  validation {
    condition     = alltrue([for invoker in var.function.invokers : can(regex(local.source_arns[invoker.service], invoker.source_arn)) || !contains(local.services, coalesce(invoker.service, "null"))])
    error_message = "function.invokers has the source_arns ${jsonencode([for invoker in var.function.invokers : invoker.source_arn if !can(regex(local.source_arns[invoker.service], invoker.source_arn))])}, which are not of their services. Give the ARN of the EventBridge rule, the S3 bucket or the SNS topic."
  }

  validation {
    condition     = floor(var.function.memory_mb) == var.function.memory_mb && var.function.memory_mb >= 128 && var.function.memory_mb <= 10240
    error_message = "function.memory_mb = ${var.function.memory_mb} is not a whole number from 128 to 10240 (MB). Set one in that range."
  }

  validation {
    condition     = alltrue([for statement in var.function.policy_statements : length(statement.actions) > 0])
    error_message = "function.policy_statements has a statement without actions (number ${join(", ", [for index, statement in var.function.policy_statements : index + 1 if length(statement.actions) == 0])}); each needs at least one. Name the actions that your code uses, or remove the statement."
  }

  validation {
    condition     = alltrue([for statement in var.function.policy_statements : length(statement.resources) > 0])
    error_message = "function.policy_statements has a statement without resources (number ${join(", ", [for index, statement in var.function.policy_statements : index + 1 if length(statement.resources) == 0])}); each needs at least one. Name the ARNs that your code uses, or remove the statement."
  }

  validation {
    condition     = alltrue([for statement in var.function.policy_statements : can(regex("^[A-Za-z0-9]+$", coalesce(statement.sid, "none")))])
    error_message = "function.policy_statements has the sids ${jsonencode([for statement in var.function.policy_statements : statement.sid if !can(regex("^[A-Za-z0-9]+$", coalesce(statement.sid, "none")))])}; IAM takes letters and digits only. Rename or remove them."
  }

  validation {
    condition     = length(distinct([for statement in var.function.policy_statements : statement.sid if statement.sid != null])) == length([for statement in var.function.policy_statements : statement.sid if statement.sid != null])
    error_message = "function.policy_statements has the sids ${jsonencode([for statement in var.function.policy_statements : statement.sid if statement.sid != null])}; IAM takes each only once in a policy. Rename or remove the repeated ones."
  }

  validation {
    condition     = can(regex("^python3\\.[0-9]+$", var.function.runtime)) ? tonumber(split(".", var.function.runtime)[1]) >= 11 : false
    error_message = "function.runtime = \"${var.function.runtime}\" is not python3.11 or newer, which the package idempotent_lambda needs. Set for example \"python3.13\"."
  }

  validation {
    condition     = floor(var.function.timeout_seconds) == var.function.timeout_seconds && var.function.timeout_seconds >= 3 && var.function.timeout_seconds <= 900
    error_message = "function.timeout_seconds = ${var.function.timeout_seconds} is not a whole number from 3 to 900 (seconds): less would not hold a slow claim, and Lambda takes no more. Set one in that range."
  }
}

variable "idempotency" {
  description = <<-EOT
    What counts as the same operation, and for how long:
    - `concurrency`: 1 to 100; how many messages of a batch run at the same time. More than 1 is for
      processors that wait for others, and that are safe for threads; messages then end in any order.
    - `key`: JMESPath of the idempotency key in the message as it was delivered, with what its producer
      sent, decoded, as `body`. Prefer what names the operation, such as `body.order_id`. When null, the
      id that the source gives: SNS's or EventBridge's, the version of an S3 object, the record of a
      stream, for a plain message its `messageId`, which a producer's retry does not keep.
    - `lease_margin_seconds`: more than 0, at most 300 s; how long after the function's own deadline a
      claim still excludes others. Covers the difference between clocks.
    - `log_keys`: `plain` or `hashed`; how log lines show keys.
    - `minimum_remaining_seconds`: more than 0 s; no message is started with less time left before the
      function's timeout.
    - `mode`: `enforce`, or `observe`: duplicates are logged and counted, and processed all the same.
    - `namespace`: put before every key, 1 to 255 characters of printable ASCII without `#`; `name` when null. Changing it
      forgets every record.
    - `on_interrupted`: what becomes of a message whose processor was killed: `retry` runs it again, `park`
      sets it aside in the dead-letter queue for a person to decide.
    - `retention_seconds`: how long a completed record suppresses duplicates; at least as long as the queue,
      a stream (`maximum_record_age_seconds`) or an invoker (21600 s) may deliver a message again. When
      null, that plus the retentions of the dead-letter queue and the queue: a redrive gives a message a
      new life.
  EOT
  nullable    = false
  default     = {}

  type = object({
    concurrency               = optional(number, 1)
    key                       = optional(string)
    lease_margin_seconds      = optional(number, 5)
    log_keys                  = optional(string, "plain")
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
    condition     = var.idempotency.key == null ? true : trimspace(var.idempotency.key) != ""
    error_message = "idempotency.key = \"${var.idempotency.key == null ? "null" : var.idempotency.key}\" is empty; it must be a JMESPath expression. Name what identifies the operation, such as \"body.order_id\", or set null for the source's id."
  }

  validation {
    condition     = var.idempotency.lease_margin_seconds >= 0.001 && var.idempotency.lease_margin_seconds <= 300
    error_message = "idempotency.lease_margin_seconds = ${var.idempotency.lease_margin_seconds} is not more than 0 and at most 300 (seconds). Set about 5, which covers usual differences between clocks."
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
    condition     = var.idempotency.retention_seconds == null ? true : floor(var.idempotency.retention_seconds) == var.idempotency.retention_seconds
    error_message = "idempotency.retention_seconds = ${coalesce(var.idempotency.retention_seconds, "null")} is not a whole number (seconds). Round it up, or set null to have it derived."
  }
}

variable "logs" {
  description = <<-EOT
    The function's log group:
    - `retention_days`: how long log lines are kept, one of the values CloudWatch Logs takes (1, 3, 5, 7,
      14, 30, 60, 90 … 3653 days); 0 keeps them for ever.
  EOT
  nullable    = false
  default     = {}

  type = object({
    retention_days = optional(number, 30)
  })

  validation {
    condition     = contains(local.log_retention_days, var.logs.retention_days)
    error_message = "logs.retention_days = ${var.logs.retention_days} is not one of ${join(", ", local.log_retention_days)} (days; 0 is for ever). Choose the next larger."
  }
}

variable "name" {
  description = "Names everything the module creates: 1 to 64 letters, digits, - and _. Changing it creates everything anew."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]*$", var.name))
    error_message = "name = \"${var.name}\" holds other characters than letters, digits, - and _, which names of functions and queues do not take. Replace them with -; for a FIFO queue set queue.fifo, which adds .fifo."
  }

  validation {
    condition     = length(var.name) >= 1 && length(var.name) <= 64
    error_message = "name = \"${var.name}\" has ${length(var.name)} characters; a function's name takes 1 to 64. Shorten it or set one."
  }
}

variable "processor" {
  description = <<-EOT
    Your code, as `"module.function"` (dots in the module's path are fine); called as `function(message)`
    once per idempotency key. Returning means done; raising an Exception means not done: the message is
    delivered again. Null only with a `function.handler` of your own.
  EOT
  type        = string
  default     = null

  validation {
    condition     = var.processor == null ? true : can(regex("^[A-Za-z_][A-Za-z0-9_]*(\\.[A-Za-z_][A-Za-z0-9_]*)+$", var.processor))
    error_message = "processor = \"${coalesce(var.processor, "null")}\" is not \"module.function\". For process() in orders.py write \"orders.process\"."
  }
}

variable "queue" {
  description = <<-EOT
    The queue, its dead-letter queue, and how the function reads from it:
    - `batch_size`: messages per invocation, 1 to 10000; above 10 needs a batching window.
    - `batching_window_seconds`: how long Lambda waits to fill a batch, 0 to 300 s.
    - `content_based_deduplication`: whether SQS drops a second message of the same body within 5 minutes
      when its producer gives no deduplication id; FIFO only. Off, such a producer gets an error.
      EventBridge needs it.
    - `dead_letter_retention_seconds`: above `retention_seconds`, at most 1209600 s (14 days).
    - `fifo`: whether both queues are FIFO: `.fifo` is added to their names, and `name` has at most 62
      characters. Changing it creates both queues anew.
    - `max_receive_count`: receives before a message goes to the dead-letter queue, 3 to 1000; AWS advises at
      least 5. A delivery that meets another's live claim costs one too.
    - `maximum_concurrency`: most concurrent invocations by this queue, 2 to 1000; null for no limit.
    - `retention_seconds`: how long an undelivered message is kept, 60 to 1209600 s.
    - `senders`: services that may send to the queue: `service` (`events`, `s3` or `sns`) and `source_arn`,
      the ARN of the rule, bucket or topic. A bucket must be of this account. Producers with a role of
      their own in this account need no entry.
    - `visibility_timeout_seconds`: how long a received message stays hidden, at most 43200 s: at least
      6 × function timeout + batching window, and longer than a lease. When null, the least that fits.
  EOT
  nullable    = false
  default     = {}

  type = object({
    batch_size                    = optional(number, 10)
    batching_window_seconds       = optional(number, 0)
    content_based_deduplication   = optional(bool, false)
    dead_letter_retention_seconds = optional(number, 1209600)
    fifo                          = optional(bool, false)
    max_receive_count             = optional(number, 5)
    maximum_concurrency           = optional(number)
    retention_seconds             = optional(number, 345600)
    senders = optional(list(object({
      service    = string
      source_arn = string
    })), [])
    visibility_timeout_seconds = optional(number)
  })

  validation {
    condition     = floor(var.queue.batch_size) == var.queue.batch_size && var.queue.batch_size >= 1 && var.queue.batch_size <= 10000
    error_message = "queue.batch_size = ${var.queue.batch_size} is not a whole number from 1 to 10000 (messages). Set one in that range; 10 suits most."
  }

  validation {
    condition     = var.queue.batch_size <= 10 || var.queue.batching_window_seconds >= 1
    error_message = "queue.batch_size = ${var.queue.batch_size} is above 10, which Lambda takes only with a batching window of at least 1 s. Set queue.batching_window_seconds, or lower the batch size."
  }

  validation {
    condition     = floor(var.queue.batching_window_seconds) == var.queue.batching_window_seconds && var.queue.batching_window_seconds >= 0 && var.queue.batching_window_seconds <= 300
    error_message = "queue.batching_window_seconds = ${var.queue.batching_window_seconds} is not a whole number from 0 to 300 (seconds). Set one in that range; 0 does not wait."
  }

  # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-parameters.html
  validation {
    condition     = !var.queue.fifo || var.queue.batching_window_seconds <= 0
    error_message = "queue.batching_window_seconds = ${var.queue.batching_window_seconds} and queue.fifo = true: Lambda takes no batching window for a FIFO queue, and so no batch above 10. Set it to 0."
  }

  validation {
    condition     = var.queue.fifo || !var.queue.content_based_deduplication
    error_message = "queue.content_based_deduplication = true and queue.fifo = false: only a FIFO queue deduplicates. Remove the first, or set queue.fifo."
  }

  validation {
    condition     = floor(var.queue.dead_letter_retention_seconds) == var.queue.dead_letter_retention_seconds && var.queue.dead_letter_retention_seconds <= 1209600
    error_message = "queue.dead_letter_retention_seconds = ${var.queue.dead_letter_retention_seconds} is not a whole number of at most 1209600 (seconds, 14 days), which is SQS's limit. Lower it."
  }

  validation {
    condition     = var.queue.dead_letter_retention_seconds > var.queue.retention_seconds
    error_message = "queue.dead_letter_retention_seconds = ${var.queue.dead_letter_retention_seconds} is not above queue.retention_seconds = ${var.queue.retention_seconds}: a dead-lettered message keeps its age and would be gone at once. Raise the first (at most 1209600) or lower the second."
  }

  validation {
    condition     = floor(var.queue.max_receive_count) == var.queue.max_receive_count && var.queue.max_receive_count >= 3 && var.queue.max_receive_count <= 1000
    error_message = "queue.max_receive_count = ${var.queue.max_receive_count} is not a whole number from 3 to 1000: with fewer, deliveries that meet another's live claim would dead-letter a good message. Set one in that range."
  }

  validation {
    condition     = var.queue.maximum_concurrency == null ? true : floor(var.queue.maximum_concurrency) == var.queue.maximum_concurrency && var.queue.maximum_concurrency >= 2 && var.queue.maximum_concurrency <= 1000
    error_message = "queue.maximum_concurrency = ${coalesce(var.queue.maximum_concurrency, "null")} is not a whole number from 2 to 1000. Set one in that range, or null for no limit."
  }

  validation {
    condition     = floor(var.queue.retention_seconds) == var.queue.retention_seconds && var.queue.retention_seconds >= 60 && var.queue.retention_seconds <= 1209600
    error_message = "queue.retention_seconds = ${var.queue.retention_seconds} is not a whole number from 60 to 1209600 (seconds, 14 days). Set one in that range."
  }

  validation {
    condition     = alltrue([for sender in var.queue.senders : contains(local.services, coalesce(sender.service, "null"))])
    error_message = "queue.senders has the services ${jsonencode([for sender in var.queue.senders : sender.service if !contains(local.services, coalesce(sender.service, "null"))])}, not ${join(", ", local.services)}. For producers with a role, remove the entry and allow sqs:SendMessage in that role."
  }

  validation {
    condition     = alltrue([for sender in var.queue.senders : can(regex(local.source_arns[sender.service], sender.source_arn)) || !contains(local.services, coalesce(sender.service, "null"))])
    error_message = "queue.senders has the source_arns ${jsonencode([for sender in var.queue.senders : sender.source_arn if !can(regex(local.source_arns[sender.service], sender.source_arn))])}, which are not of their services. Give the ARN of the EventBridge rule, the S3 bucket or the SNS topic."
  }

  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html
  validation {
    condition     = !var.queue.fifo || alltrue([for sender in var.queue.senders : coalesce(sender.service, "null") != "s3"])
    error_message = "queue.senders has s3 and queue.fifo = true, but S3 sends no notifications to FIFO queues. Remove the sender, or set queue.fifo = false."
  }

  validation {
    condition     = var.queue.visibility_timeout_seconds == null ? true : floor(var.queue.visibility_timeout_seconds) == var.queue.visibility_timeout_seconds && var.queue.visibility_timeout_seconds <= 43200
    error_message = "queue.visibility_timeout_seconds = ${coalesce(var.queue.visibility_timeout_seconds, "null")} is not a whole number of at most 43200 (seconds, 12 hours), which is SQS's limit. Lower it, or set null to have it derived."
  }
}

variable "streams" {
  description = <<-EOT
    Further sources beside the queue, by a name of your choice: Kinesis data streams and DynamoDB streams.
    - `arn`: of the stream, or of a registered consumer of a Kinesis stream.
    - `batch_size`: records per invocation, 1 to 10000.
    - `batching_window_seconds`: how long Lambda waits to fill a batch, 0 to 300 s.
    - `bisect_batch_on_error`: whether a batch whose invocation fails is split in two.
    - `enabled`: whether the stream is read.
    - `failure_destination_arn`: a standard queue or topic that is told of records which Lambda gives up on.
      It gets where they stand in the stream, not the records; so not the module's own queues.
    - `filters`: event patterns (JSON) of the records to process; others are skipped. 5, by AWS's default quota.
    - `maximum_record_age_seconds`: Lambda gives up on older records, 60 to 604800 s.
    - `maximum_retry_attempts`: Lambda gives up on a batch after as many retries, 0 to 10000.
    - `parallelization_factor`: batches of a shard that are processed at the same time, 1 to 10. Records of
      one partition key stay in order.
    - `source`: `kinesis` or `dynamodb`.
    - `starting_position`: `TRIM_HORIZON` (the oldest record), `LATEST`, or for Kinesis `AT_TIMESTAMP`.
      Changing it creates the mapping anew.
    - `starting_position_timestamp`: for `AT_TIMESTAMP`, such as `"2025-01-31T12:00:00Z"`.
  EOT
  nullable    = false
  default     = {}

  type = map(object({
    arn                         = string
    batch_size                  = optional(number, 100)
    batching_window_seconds     = optional(number, 0)
    bisect_batch_on_error       = optional(bool, true)
    enabled                     = optional(bool, true)
    failure_destination_arn     = string
    filters                     = optional(list(string), [])
    maximum_record_age_seconds  = optional(number, 86400)
    maximum_retry_attempts      = optional(number, 10)
    parallelization_factor      = optional(number, 1)
    source                      = string
    starting_position           = optional(string, "TRIM_HORIZON")
    starting_position_timestamp = optional(string)
  }))

  # https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html and
  # https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html give the limits.

  validation {
    condition     = alltrue([for stream in var.streams : can(regex(local.stream_arns[stream.source], stream.arn)) || !contains(keys(local.stream_arns), coalesce(stream.source, "null"))])
    error_message = "${join(", ", [for name, stream in var.streams : "streams.${name}.arn = \"${coalesce(stream.arn, "null")}\"" if !can(regex(local.stream_arns[stream.source], stream.arn))])} is not the ARN of a stream of its source. Give the stream_arn of a DynamoDB table, or the arn of a Kinesis stream."
  }

  validation {
    condition     = alltrue([for stream in var.streams : floor(stream.batch_size) == stream.batch_size && stream.batch_size >= 1 && stream.batch_size <= 10000])
    error_message = "${join(", ", [for name, stream in var.streams : "streams.${name}.batch_size = ${stream.batch_size}" if floor(stream.batch_size) != stream.batch_size || stream.batch_size < 1 || stream.batch_size > 10000])} is not a whole number from 1 to 10000 (records). Set one in that range; 100 suits most."
  }

  validation {
    condition     = alltrue([for stream in var.streams : floor(stream.batching_window_seconds) == stream.batching_window_seconds && stream.batching_window_seconds >= 0 && stream.batching_window_seconds <= 300])
    error_message = "${join(", ", [for name, stream in var.streams : "streams.${name}.batching_window_seconds = ${stream.batching_window_seconds}" if floor(stream.batching_window_seconds) != stream.batching_window_seconds || stream.batching_window_seconds < 0 || stream.batching_window_seconds > 300])} is not a whole number from 0 to 300 (seconds). Set one in that range; 0 does not wait."
  }

  validation {
    condition     = alltrue([for stream in var.streams : can(regex("^arn:[^:]+:(sqs|sns):[^:]+:[0-9]{12}:[A-Za-z0-9_.-]+$", stream.failure_destination_arn))])
    error_message = "${join(", ", [for name, stream in var.streams : "streams.${name}.failure_destination_arn = \"${coalesce(stream.failure_destination_arn, "null")}\"" if !can(regex("^arn:[^:]+:(sqs|sns):[^:]+:[0-9]{12}:[A-Za-z0-9_.-]+$", stream.failure_destination_arn))])} is not the ARN of an SQS queue or an SNS topic. Give one of a queue or topic of its own: records that Lambda gives up on would be lost."
  }

  validation {
    condition     = !anytrue([for stream in var.streams : endswith(coalesce(stream.failure_destination_arn, "null"), ".fifo")])
    error_message = "${join(", ", [for name, stream in var.streams : "streams.${name}.failure_destination_arn = \"${coalesce(stream.failure_destination_arn, "null")}\"" if endswith(coalesce(stream.failure_destination_arn, "null"), ".fifo")])} is FIFO; Lambda sends to standard queues and topics only. Give a standard one."
  }

  validation {
    condition     = alltrue(flatten([for stream in var.streams : [for pattern in stream.filters : can(keys(jsondecode(pattern)))]]))
    error_message = "${join(", ", flatten([for name, stream in var.streams : [for index, pattern in stream.filters : "streams.${name}.filters[${index}] = ${jsonencode(pattern)}" if !can(keys(jsondecode(pattern)))]]))} is not a JSON object. Use jsonencode({ ... })."
  }

  # Infinite (-1) is AWS's default for both: one record that always fails then stops its shard until it
  # expires. 60 s: https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
  validation {
    condition     = alltrue([for stream in var.streams : floor(stream.maximum_record_age_seconds) == stream.maximum_record_age_seconds && stream.maximum_record_age_seconds >= 60 && stream.maximum_record_age_seconds <= 604800])
    error_message = "${join(", ", [for name, stream in var.streams : "streams.${name}.maximum_record_age_seconds = ${stream.maximum_record_age_seconds}" if floor(stream.maximum_record_age_seconds) != stream.maximum_record_age_seconds || stream.maximum_record_age_seconds < 60 || stream.maximum_record_age_seconds > 604800])} is not a whole number from 60 to 604800 (seconds, 7 days). Set one in that range, such as the stream's retention."
  }

  validation {
    condition     = alltrue([for stream in var.streams : floor(stream.maximum_retry_attempts) == stream.maximum_retry_attempts && stream.maximum_retry_attempts >= 0 && stream.maximum_retry_attempts <= 10000])
    error_message = "${join(", ", [for name, stream in var.streams : "streams.${name}.maximum_retry_attempts = ${stream.maximum_retry_attempts}" if floor(stream.maximum_retry_attempts) != stream.maximum_retry_attempts || stream.maximum_retry_attempts < 0 || stream.maximum_retry_attempts > 10000])} is not a whole number from 0 to 10000. Set one in that range; about 10 outlasts a short outage."
  }

  validation {
    condition     = alltrue([for stream in var.streams : floor(stream.parallelization_factor) == stream.parallelization_factor && stream.parallelization_factor >= 1 && stream.parallelization_factor <= 10])
    error_message = "${join(", ", [for name, stream in var.streams : "streams.${name}.parallelization_factor = ${stream.parallelization_factor}" if floor(stream.parallelization_factor) != stream.parallelization_factor || stream.parallelization_factor < 1 || stream.parallelization_factor > 10])} is not a whole number from 1 to 10. Set one in that range."
  }

  validation {
    condition     = alltrue([for stream in var.streams : contains(keys(local.stream_arns), coalesce(stream.source, "null"))])
    error_message = "${join(", ", [for name, stream in var.streams : "streams.${name}.source = \"${coalesce(stream.source, "null")}\"" if !contains(keys(local.stream_arns), coalesce(stream.source, "null"))])} is not one of ${join(", ", keys(local.stream_arns))}. Choose the one that the ARN is of."
  }

  validation {
    condition     = alltrue([for stream in var.streams : contains(local.starting_positions, stream.starting_position)])
    error_message = "${join(", ", [for name, stream in var.streams : "streams.${name}.starting_position = \"${stream.starting_position}\"" if !contains(local.starting_positions, stream.starting_position)])} is not one of ${join(", ", local.starting_positions)}. Choose TRIM_HORIZON to miss no record."
  }

  validation {
    condition     = !anytrue([for stream in var.streams : stream.starting_position == "AT_TIMESTAMP" && coalesce(stream.source, "null") == "dynamodb"])
    error_message = "${join(", ", [for name, stream in var.streams : "streams.${name}.starting_position = \"AT_TIMESTAMP\"" if stream.starting_position == "AT_TIMESTAMP" && coalesce(stream.source, "null") == "dynamodb"])}, which DynamoDB streams do not know. Choose TRIM_HORIZON or LATEST."
  }

  validation {
    condition     = alltrue([for stream in var.streams : (stream.starting_position == "AT_TIMESTAMP") == (stream.starting_position_timestamp != null)])
    error_message = "${join(", ", [for name, stream in var.streams : "streams.${name}.starting_position = \"${stream.starting_position}\" with starting_position_timestamp = \"${coalesce(stream.starting_position_timestamp, "null")}\"" if(stream.starting_position == "AT_TIMESTAMP") != (stream.starting_position_timestamp != null)])}: AT_TIMESTAMP takes a timestamp, and no other position does. Set both or neither."
  }

  validation {
    condition     = alltrue([for stream in var.streams : stream.starting_position_timestamp == null ? true : can(formatdate("YYYY", stream.starting_position_timestamp))])
    error_message = "${join(", ", [for name, stream in var.streams : "streams.${name}.starting_position_timestamp = \"${coalesce(stream.starting_position_timestamp, "null")}\"" if stream.starting_position_timestamp == null ? false : !can(formatdate("YYYY", stream.starting_position_timestamp))])} is no time of the form \"2025-01-31T12:00:00Z\". Correct it."
  }
}

variable "table" {
  description = <<-EOT
    The table of idempotency records, billed per request, encrypted, with TTL:
    - `deletion_protection`: whether the table refuses to be deleted.
    - `point_in_time_recovery`: whether it can be restored to any second of the last 35 days.
  EOT
  nullable    = false
  default     = {}

  type = object({
    deletion_protection    = optional(bool, false)
    point_in_time_recovery = optional(bool, true)
  })
}

variable "tags" {
  description = "Tags for everything that takes them, beside the provider's default tags."
  type        = map(string)
  nullable    = false
  default     = {}
}
