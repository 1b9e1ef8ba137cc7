variable "queue" {
  description = <<-EOT
    The queue, its dead-letter queue, and how the function reads from them. With null there is no queue: `streams`,
    `allowed_triggers` or an event source mapping of yours deliver, and the module creates only the dead-letter queue.
    - `allowed_senders.service` (`events`, `s3`, not with FIFO, or `sns`): this service may send to the queue. A
      producer in this account with a role needs no entry.
    - `allowed_senders.source_arn` (rule, bucket of this account, or topic, FIFO as the queue): only for this source.
    - `batch_size` (1 to 10000; above 10 needs a batching window): an invocation gets at most this many messages.
    - `content_based_deduplication` (FIFO only): whether SQS drops a second message with the same body within 5 minutes
      when its producer gives no deduplication id; otherwise such a producer gets an error. EventBridge needs it.
    - `dead_letter_queue.message_retention_seconds` (above `message_retention_seconds` unless FIFO, at most 1209600 s,
      14 days): the dead-letter queue keeps a message this long.
    - `dead_letter_queue.name` (as `name`): the dead-letter queue's name; when null, the module's `name`-dead-letters.
    - `dead_letter_queue.policy_statements.actions` (as `policy_statements`): a statement of its policy is about these.
    - `dead_letter_queue.policy_statements.conditions` (as `policy_statements`): when the statement applies.
    - `dead_letter_queue.policy_statements.effect` (`Allow` or `Deny`): whether it allows or denies the actions.
    - `dead_letter_queue.policy_statements.principals` (as `policy_statements`): whom it is about.
    - `dead_letter_queue.policy_statements.sid` (as `policy_statements`): its name.
    - `deduplication_scope` (`queue` or `messageGroup`; FIFO only): SQS drops a repeated message within this scope.
    - `delay_seconds` (0 to 900 s): a new message waits this long before it is delivered.
    - `enabled`: whether the function reads from the queue.
    - `existing.arn` (in this account and Region): the module uses this queue. It cannot look up the rest.
    - `existing.dead_letter_queue.arn` (FIFO as the queue): the queue's redrive policy names this dead-letter queue.
    - `existing.dead_letter_queue.message_retention_seconds` (1209600 s, SQS's most, or less if it is above the queue's
      or FIFO): the dead-letter queue keeps a message this long.
    - `existing.dead_letter_queue.url`: the function sends copies of parked messages to this URL.
    - `existing.kms_key_arn`: the KMS key of yours that encrypts both queues, if one does. The role may then use it.
    - `existing.max_receive_count` (3 or more): the queue's redrive policy has this `maxReceiveCount`.
    - `existing.message_retention_seconds` (60 to 1209600 s): the queue keeps a message this long.
    - `existing.visibility_timeout_seconds` (as `visibility_timeout_seconds`): the queue has this visibility timeout.
    - `fifo`: whether both queues are FIFO. Their names then end in `.fifo`. A change replaces both queues.
    - `fifo_throughput_limit` (`perQueue` or `perMessageGroupId`; FIFO only): SQS limits the throughput of the queue or
      of each message group. The second needs `deduplication_scope = "messageGroup"` and is high throughput.
    - `filters` (event patterns in JSON, up to 4096 characters; 5, or 10 if AWS raises your quota): which messages are
      processed. Lambda **deletes** the others.
    - `kms_key_arn`: the KMS key of yours that encrypts both queues. When null, the module's `kms_key_arn`.
    - `max_message_size_bytes` (1024 to 1048576 bytes; above 262144: hashicorp/aws 6.8): SQS refuses larger messages. An
      event of EventBridge may have 1 MB. EventBridge drops it if the queue refuses it, unless its rule has a
      dead-letter queue.
    - `max_receive_count` (3 to 1000; AWS advises at least 5): receives until a message goes to the dead-letter queue. A
      delivery that meets another's live claim counts too.
    - `maximum_batching_window_in_seconds` (0 to 300 s; 0 with FIFO): Lambda waits up to this long to fill a batch.
    - `maximum_concurrency` (2 to 1000, at most `function.reserved_concurrency`): invocations at a time; null: any.
    - `message_retention_seconds` (60 to 1209599 s; below `dead_letter_queue.message_retention_seconds`, above
      `delay_seconds` and all receives together): the queue keeps an undelivered message this long.
    - `metrics`: whether Lambda counts the events of this mapping in CloudWatch (`EventCount`), for a charge.
    - `name` (1 to 80 letters, digits, - and _, or 75 with FIFO, where the module adds `.fifo`): the queue's name; when
      null, the module's `name`. If you change it, Terraform replaces the queue, and its messages are lost.
    - `policy_statements.actions` (1 to 7, of SQS): a further statement of the queue's policy is about these.
    - `policy_statements.conditions` (operators, then up to 10 keys, then values): when it applies, as in IAM.
    - `policy_statements.effect` (`Allow` or `Deny`): whether it allows or denies the actions.
    - `policy_statements.principals` (1 to 50; not everyone without a condition): who, such as `{ AWS = [...] }`.
    - `policy_statements.sid` (letters, digits, spaces, - and _; different from the others): its name. The module's
      are `DenyInsecureTransport` and one such as `FromSns` for each service in `allowed_senders`. A queue's policy has
      up to 20 statements and 8192 bytes.
    - `provisioned_poller_config.maximum_pollers` (2 to 10000; providers up to 6.69.1 take 2000): Lambda keeps at most
      this many pollers for the queue. Each invokes the function up to 10 times at a time, so it needs 10 × as much
      `function.reserved_concurrency`, if that is set. It excludes `maximum_concurrency`.
    - `provisioned_poller_config.minimum_pollers` (2 to 200): at least this many, for a charge, also without messages.
    - `receive_wait_time_seconds` (0 to 20 s): other readers wait this long for messages; Lambda sets its wait itself.
    - `tags`: tags of both queues and the mapping, in addition to the module's `tags`.
    - `unwrap` (`events`, `pipes`, `s3`, `sns`): services that may wrap what a producer sends; `message.body` is then
      without the wrapper. When null, the services in `allowed_senders` and `allowed_triggers`; `[]` unwraps nothing.
      Set it for an existing queue, because the module does not know who sends to that, and for EventBridge Pipes
      (`pipes`). S3 and EventBridge may send their events to a topic, so `sns` unwraps these events too. With raw
      message delivery SNS adds no wrapper: leave `sns` out, and name `events` or `s3` if the topic carries their
      events. A sender chooses the default key of an unwrapped message: see `docs/security.md`.
    - `visibility_timeout_seconds` (at least 6 × function timeout + batching window, longer than a lease, at most
      43200 s): a received message stays hidden this long. When null, the module sets the shortest that fits.
  EOT
  default     = {}

  type = object({
    allowed_senders = optional(list(object({
      service    = string
      source_arn = string
    })), [])
    batch_size                  = optional(number, 10)
    content_based_deduplication = optional(bool, false)
    dead_letter_queue = optional(object({
      message_retention_seconds = optional(number, 1209600)
      name                      = optional(string)
      policy_statements = optional(list(object({
        sid        = optional(string)
        effect     = optional(string, "Allow")
        principals = map(list(string))
        actions    = list(string)
        conditions = optional(map(map(list(string))), {})
      })), [])
    }), {})
    deduplication_scope = optional(string)
    delay_seconds       = optional(number, 0)
    enabled             = optional(bool, true)
    existing = optional(object({
      arn = string
      dead_letter_queue = object({
        arn                       = string
        message_retention_seconds = number
        url                       = string
      })
      kms_key_arn                = optional(string)
      max_receive_count          = number
      message_retention_seconds  = number
      visibility_timeout_seconds = number
    }))
    fifo                               = optional(bool, false)
    fifo_throughput_limit              = optional(string)
    filters                            = optional(list(string), [])
    kms_key_arn                        = optional(string)
    max_message_size_bytes             = optional(number, 262144)
    max_receive_count                  = optional(number, 5)
    maximum_batching_window_in_seconds = optional(number, 0)
    maximum_concurrency                = optional(number)
    message_retention_seconds          = optional(number, 345600)
    metrics                            = optional(bool, false)
    name                               = optional(string)
    policy_statements = optional(list(object({
      sid        = optional(string)
      effect     = optional(string, "Allow")
      principals = map(list(string))
      actions    = list(string)
      conditions = optional(map(map(list(string))), {})
    })), [])
    provisioned_poller_config = optional(object({
      maximum_pollers = optional(number, 200)
      minimum_pollers = optional(number, 2)
    }))
    receive_wait_time_seconds  = optional(number, 0)
    tags                       = optional(map(string), {})
    unwrap                     = optional(list(string))
    visibility_timeout_seconds = optional(number)
  })

  # For a queue that is null, `var.queue[*]` is empty. Terraform evaluates a message even if its rule holds, so `try` in
  # it is for such a queue. An ARN may be unknown while Terraform plans: rules and messages without it then still work.
  # In the other rules, [*][*] leaves out what is null.
  validation {
    condition = alltrue([
      for element in flatten([
        for queue in var.queue[*] :
        [queue.allowed_senders, queue.policy_statements, queue.dead_letter_queue.policy_statements]
      ]) : element != null
    ])
    error_message = join(" ", [
      "queue.allowed_senders, queue.policy_statements or queue.dead_letter_queue.policy_statements has a null; each",
      "element must be an object. Remove it, or write [for element in [...] : element if element != null].",
    ])
  }

  validation {
    condition = alltrue([
      for service in flatten(var.queue[*].allowed_senders[*][*].service) :
      contains(local.services, coalesce(service, "null"))
    ])
    error_message = nonsensitive(join("", [for part in [
      "queue.allowed_senders has the services ",
      jsonencode(try(flatten(var.queue.allowed_senders[*][*].service), null)), "; each must be one of ",
      "${join(", ", local.services)}. For a producer with a role, allow sqs:SendMessage in that role.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = alltrue([
      for sender in flatten(var.queue[*].allowed_senders[*][*]) :
      contains(local.services, coalesce(sender.service, "null")) ?
      can(regex(local.source_arns[sender.service], sender.source_arn)) : true
    ])
    error_message = nonsensitive(join("", [for part in [
      "queue.allowed_senders has the source_arns ",
      jsonencode(try(flatten(var.queue.allowed_senders[*][*].source_arn), null)), "; each must be of its service. ",
      "Give the ARN of the EventBridge rule, the S3 bucket or the SNS topic.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  # https://docs.aws.amazon.com/sns/latest/dg/fifo-topic-message-delivery.html
  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html
  validation {
    condition = var.queue == null ? true : !var.queue.fifo ? true : alltrue([
      for sender in flatten(var.queue.allowed_senders[*][*]) : coalesce(sender.service, "null") == "sns" ?
      endswith(coalesce(sender.source_arn, "null"), ".fifo") : coalesce(sender.service, "null") != "s3"
    ])
    error_message = nonsensitive(join("", [for part in [
      "queue.fifo = true and queue.allowed_senders has ",
      jsonencode(try(flatten(var.queue.allowed_senders[*][*].service), null)), ": S3 and standard topics do not send ",
      "to FIFO queues. Use a FIFO topic or EventBridge, or set queue.fifo = false.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  # A number that is null has no limit.
  validation {
    condition = alltrue(flatten([
      for queue in var.queue[*] : [
        for name, range in local.queue_ranges :
        queue[name] == null ? true : queue[name] % 1 == 0 && queue[name] >= range[0] && queue[name] <= range[1]
      ]
    ]))
    error_message = nonsensitive(join(" ", [
      for name, range in local.queue_ranges : join("", [for part in [
        "queue.${name} = ", try(var.queue[name], null), " is not a whole number from ${range[0]} to ${range[1]} ",
        "(${range[2]}). Set one in that range.",
      ] : issensitive(part) ? "(sensitive)" : part])
      if nonsensitive(
        try(var.queue[name] % 1 != 0 || var.queue[name] < range[0] || var.queue[name] > range[1], false)
      )
    ]))
  }

  validation {
    condition = alltrue([for q in var.queue[*] : q.batch_size <= 10 || q.maximum_batching_window_in_seconds >= 1])
    error_message = nonsensitive(join("", [for part in [
      "queue.batch_size = ", try(var.queue.batch_size, "null"), " is above 10, which Lambda takes only with a ",
      "batching window of at least 1 s. Lower the batch size, or set queue.maximum_batching_window_in_seconds unless ",
      "FIFO.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = alltrue([
      for queue in var.queue[*] : queue.fifo || !queue.content_based_deduplication &&
      queue.deduplication_scope == null && queue.fifo_throughput_limit == null
    ])
    error_message = nonsensitive(join("", [for part in [
      "queue.fifo = false with content_based_deduplication = ", try(var.queue.content_based_deduplication, "null"),
      ", deduplication_scope = ", jsonencode(try(var.queue.deduplication_scope, null)), ", fifo_throughput_limit = ",
      jsonencode(try(var.queue.fifo_throughput_limit, null)), ": only FIFO takes these. Remove them, or set fifo.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = alltrue([
      for queue in var.queue[*] : queue.dead_letter_queue.message_retention_seconds <= 1209600 &&
      floor(queue.dead_letter_queue.message_retention_seconds) == queue.dead_letter_queue.message_retention_seconds &&
      (queue.fifo || queue.dead_letter_queue.message_retention_seconds > queue.message_retention_seconds)
    ])
    error_message = nonsensitive(join("", [for part in [
      "queue.dead_letter_queue.message_retention_seconds = ",
      try(var.queue.dead_letter_queue.message_retention_seconds, "null"), " is not a whole number above ",
      "queue.message_retention_seconds = ", try(var.queue.message_retention_seconds, "null"), " and at most 1209600 ",
      "(14 days): a dead-lettered message keeps its age and could be gone soon after. Raise the first or lower the ",
      "second.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
  validation {
    condition = var.queue == null ? true : contains(
      ["queue perQueue", "messageGroup perQueue", "messageGroup perMessageGroupId"],
      "${coalesce(var.queue.deduplication_scope, "queue")} ${coalesce(var.queue.fifo_throughput_limit, "perQueue")}"
    )
    error_message = nonsensitive(join("", [for part in [
      "queue.deduplication_scope = ", jsonencode(try(var.queue.deduplication_scope, null)), " and ",
      "queue.fifo_throughput_limit = ", jsonencode(try(var.queue.fifo_throughput_limit, null)), ": the first is queue ",
      "or messageGroup, the second perQueue or, with messageGroup, perMessageGroupId. Correct them, or leave both ",
      "unset.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  # A required attribute of queue.existing may be null, and most functions fail on null: `try` makes that false.
  validation {
    condition = alltrue([for arn in one(var.queue[*].existing)[*].arn : can(regex(local.sqs_arn, arn))])
    error_message = nonsensitive(join("", [for part in [
      "queue.existing.arn = ", jsonencode(try(var.queue.existing.arn, null)), " is not the ARN of an SQS queue. Give ",
      "it.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = alltrue(flatten([
      for existing in one(var.queue[*].existing)[*] : [
        can(regex(local.sqs_arn, existing.dead_letter_queue.arn)),
        can(regex("\\.fifo$", existing.dead_letter_queue.arn)) == can(regex("\\.fifo$", existing.arn)),
      ]
    ]))
    error_message = nonsensitive(join("", [for part in [
      "queue.existing.dead_letter_queue.arn = ", jsonencode(try(var.queue.existing.dead_letter_queue.arn, null)),
      " is not the ARN of an SQS queue that is FIFO, or standard, as the queue. Give the arn in its redrive policy.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = alltrue([
      for dead_letter_queue in one(var.queue[*].existing)[*].dead_letter_queue : try(
        can(regex("^https?://.+$", dead_letter_queue.url)) &&
        endswith(dead_letter_queue.url, "/${reverse(split(":", dead_letter_queue.arn))[0]}"), false
      ) if can(regex(local.sqs_arn, dead_letter_queue.arn))
    ])
    error_message = nonsensitive(join("", [for part in [
      "queue.existing.dead_letter_queue.url = ", jsonencode(try(var.queue.existing.dead_letter_queue.url, null)),
      " is not the URL of the queue with that arn, which gets copies of parked messages. Give the url of that queue.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = alltrue(flatten([
      for existing in one(var.queue[*].existing)[*] : try([
        floor(existing.message_retention_seconds) == existing.message_retention_seconds,
        existing.message_retention_seconds >= 60,
        max(existing.message_retention_seconds, existing.dead_letter_queue.message_retention_seconds) <= 1209600,
        existing.dead_letter_queue.message_retention_seconds == 1209600 ? true :
        existing.dead_letter_queue.message_retention_seconds > existing.message_retention_seconds ? true :
        endswith(existing.arn, ".fifo"),
      ], false) if existing.dead_letter_queue != null
    ]))
    error_message = nonsensitive(join("", [for part in [
      "queue.existing.message_retention_seconds = ",
      jsonencode(try(var.queue.existing.message_retention_seconds, null)), " is not a whole number from 60 and below ",
      "dead_letter_queue.message_retention_seconds = ",
      jsonencode(try(var.queue.existing.dead_letter_queue.message_retention_seconds, null)), " (at most 1209600, 14 ",
      "days; with that or with FIFO, both may be equal): a dead-lettered message keeps its age and could be gone soon ",
      "after. Raise the second or lower the first where the queues are declared, and here.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = alltrue([
      for arn in concat(var.queue[*].kms_key_arn, one(var.queue[*].existing)[*].kms_key_arn) :
      arn == null ? true : can(regex(local.kms_key_arn, arn))
    ])
    error_message = nonsensitive(join("", [for part in [
      "queue.kms_key_arn = ", jsonencode(try(var.queue.kms_key_arn, null)), " or queue.existing.kms_key_arn = ",
      jsonencode(try(var.queue.existing.kms_key_arn, null)), " is not the ARN of a KMS key. Give the arn of the key ",
      "that encrypts both queues, or null.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = alltrue([for n in one(var.queue[*].existing)[*].max_receive_count : try(n % 1 == 0 && n >= 3, false)])
    error_message = nonsensitive(join("", [for part in [
      "queue.existing.max_receive_count = ", jsonencode(try(var.queue.existing.max_receive_count, null)), " is not a ",
      "whole number of at least 3: fewer dead-letter good messages that meet a claim. Raise maxReceiveCount there.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = alltrue([
      for n in one(var.queue[*].existing)[*].visibility_timeout_seconds : try(n % 1 == 0 && n <= 43200, false)
    ])
    error_message = nonsensitive(join("", [for part in [
      "queue.existing.visibility_timeout_seconds = ",
      jsonencode(try(var.queue.existing.visibility_timeout_seconds, null)), " is not a whole number of at most 43200 ",
      "(seconds, 12 hours), which is SQS's limit. Give the queue's visibility_timeout_seconds.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = one(var.queue[*].existing) == null ? true : alltrue([
      for name, value in local.queue_defaults : jsonencode(var.queue[name]) == jsonencode(value)
    ])
    error_message = nonsensitive(join("", [for part in [
      "queue.existing is set, and a setting that only a created queue takes is not its default: ",
      jsonencode({
        for name, value in local.queue_defaults : name => try(var.queue[name], null)
        if try(nonsensitive(jsonencode(var.queue[name]) != jsonencode(value)), false)
      }), ". Set it where the queue is declared, or remove queue.existing.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = alltrue([for pattern in flatten(var.queue[*].filters) : can(keys(jsondecode(pattern)))])
    error_message = nonsensitive(join("", [for part in [
      "queue.filters is ", jsonencode(try(var.queue.filters, null)), ", not all JSON objects. Use jsonencode({ ... }).",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  # https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
  validation {
    condition = alltrue([
      for filters in var.queue[*].filters :
      length(filters) <= 10 && alltrue([for f in filters : length(coalesce(f, "-")) <= 4096])
    ])
    error_message = nonsensitive(join("", [for part in [
      "queue.filters has patterns of ", jsonencode(try([for f in var.queue.filters : length(f)], null)),
      " characters; Lambda takes up to 10 patterns of 4096 characters each. Shorten them, or use prefixes or numeric ",
      "ranges.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-parameters.html
  validation {
    condition = alltrue([
      for queue in var.queue[*] : queue.maximum_batching_window_in_seconds <= 0 ||
      !queue.fifo && !can(regex("\\.fifo$", queue.existing.arn))
    ])
    error_message = nonsensitive(join("", [for part in [
      "queue.maximum_batching_window_in_seconds = ", try(var.queue.maximum_batching_window_in_seconds, "null"), " and ",
      "the queue is FIFO: Lambda takes no batching window for one, and so no batch above 10. Set it to 0.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = alltrue(flatten([
      for queue in var.queue[*] : [
        for name in [queue.name, queue.dead_letter_queue.name] : name == null ? true :
        can(regex("^[A-Za-z0-9_-]+$", name)) && length(name) <= (queue.fifo ? 75 : 80)
      ]
    ]))
    error_message = nonsensitive(join("", [for part in [
      "queue.name = ", jsonencode(try(var.queue.name, null)), " and queue.dead_letter_queue.name = ",
      jsonencode(try(var.queue.dead_letter_queue.name, null)), "; each must be 1 to 80 letters, digits, - and _, or 1 ",
      "to 75 with FIFO, where the module adds .fifo. Correct them, or leave them unset for the module's names.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  # https://docs.aws.amazon.com/lambda/latest/api/API_ProvisionedPollerConfig.html
  validation {
    condition = alltrue([
      for pollers in one(var.queue[*].provisioned_poller_config)[*] :
      pollers.minimum_pollers % 1 == 0 && pollers.minimum_pollers >= 2 && pollers.minimum_pollers <= 200 &&
      pollers.maximum_pollers % 1 == 0 && pollers.maximum_pollers >= pollers.minimum_pollers &&
      pollers.maximum_pollers <= 10000
    ])
    error_message = nonsensitive(join("", [for part in [
      "queue.provisioned_poller_config = ", jsonencode(try(var.queue.provisioned_poller_config, null)), "; minimum_",
      "pollers must be a whole number from 2 to 200, and maximum_pollers one from minimum_pollers to 10000 (the ",
      "AWS provider takes 2000 up to 6.69.1). Set both in these ranges.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = alltrue([
      for service in coalesce(one(var.queue[*].unwrap), []) : contains(local.wrappers, coalesce(service, "null"))
    ])
    error_message = nonsensitive(join("", [for part in [
      "queue.unwrap = ", jsonencode(try(var.queue.unwrap, null)), "; each must be one of ",
      "${join(", ", local.wrappers)}. Correct or remove the others; messages from other services are never unwrapped.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = alltrue([
      for n in var.queue[*].visibility_timeout_seconds : n == null ? true : n % 1 == 0 && n <= 43200
    ])
    error_message = nonsensitive(join("", [for part in [
      "queue.visibility_timeout_seconds = ", jsonencode(try(var.queue.visibility_timeout_seconds, null)), " is not a ",
      "whole number of at most 43200 (seconds, 12 hours). Lower it, or set null for the shortest that fits.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }
}
