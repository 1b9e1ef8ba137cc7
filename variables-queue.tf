variable "queue" {
  description = <<-EOT
    The queue, its dead-letter queue, and how the function reads from it. Null for no queue: then `streams`,
    `allowed_triggers` or a mapping of your own deliver, and only the dead-letter queue is created.
    - `batch_size` (1 to 10000; above 10 needs a batching window): messages per invocation.
    - `maximum_batching_window_in_seconds` (0 to 300 s; 0 with FIFO): how long Lambda waits to fill a batch.
    - `content_based_deduplication` (true or false; FIFO only): whether SQS drops a second message of the same
      body within 5 minutes when its producer gives no deduplication id. Off, such a producer gets an error.
      EventBridge needs it.
    - `dead_letter_queue.message_retention_seconds` (above `message_retention_seconds` unless FIFO, at most 1209600 s, 14 days): how
      long a dead-lettered message is kept.
    - `deduplication_scope` (`queue` or `messageGroup`; FIFO only): within what SQS drops repeated messages.
    - `delay_seconds` (0 to 900 s): how long a new message waits before it is delivered.
    - `enabled` (true or false): whether the function reads from the queue.
    - `existing.arn` (of a queue in this account and Region): a queue that exists, instead of one that the
      module creates. What is said of it below cannot be looked up; the module checks it.
    - `existing.dead_letter_queue.arn` (of a queue of the same kind): the dead-letter queue in its redrive
      policy.
    - `existing.dead_letter_queue.message_retention_seconds` (above the queue's, at most 1209600 s): its message
      retention.
    - `existing.dead_letter_queue.url` (of the same): where copies of parked messages are sent.
    - `existing.kms_key_arn` (of a KMS key): the key of yours that encrypts both queues, if one does, for the
      role to use.
    - `existing.max_receive_count` (3 or more): `maxReceiveCount` in its redrive policy.
    - `existing.message_retention_seconds` (60 to 1209600 s): its message retention.
    - `existing.visibility_timeout_seconds` (see `visibility_timeout_seconds`): its visibility timeout.
    - `fifo` (true or false): whether both queues are FIFO: `.fifo` is added to their names, and `name` has at
      most 62 characters. Changing it creates both queues anew.
    - `fifo_throughput_limit` (`perQueue` or `perMessageGroupId`; FIFO only): the second, with
      `deduplication_scope = "messageGroup"`, is high throughput.
    - `filters` (event patterns in JSON; 5, by AWS's default quota): which messages are processed. Lambda
      **deletes** the others.
    - `max_receive_count` (3 to 1000; AWS advises at least 5): receives before a message goes to the
      dead-letter queue. A delivery that meets another's live claim costs one too.
    - `maximum_concurrency` (2 to 1000, at most `function.reserved_concurrency`): most concurrent invocations
      by this queue; null for no limit.
    - `max_message_size_bytes` (1024 to 262144 bytes): larger messages are refused.
    - `metrics` (true or false): whether Lambda counts the events of this mapping in CloudWatch
      (`EventCount`), for a charge.
    - `policy_statements.actions` (at least one, of SQS): what else the queue's policy says, beside `allowed_senders`:
      which actions.
    - `policy_statements.conditions` (operators, then condition keys, then values): when, as in IAM.
    - `policy_statements.effect` (`Allow` or `Deny`): which of the two.
    - `policy_statements.principals` (at least one; not everyone without a condition): who, by type, such as
      `{ AWS = [...] }`.
    - `policy_statements.sid` (letters and digits, each once; not `DenyInsecureTransport`, nor from `From`): a name for
      the statement.
    - `receive_wait_time_seconds` (0 to 20 s): how long other readers wait for messages; Lambda's own waits by
      itself.
    - `message_retention_seconds` (60 to 1209599 s; below `dead_letter_queue.message_retention_seconds`, above `delay_seconds` and
      all receives together): how long an undelivered message is kept.
    - `allowed_senders.service` (`events`, `s3`, not with FIFO, or `sns`): a service that may send to the queue.
      Producers with a role of their own in this account need no entry.
    - `allowed_senders.source_arn` (of the EventBridge rule, S3 bucket or SNS topic, FIFO as the queue): for what. A
      bucket must be of this account.
    - `unwrap` (`events`, `pipes`, `s3`, `sns`): services that may wrap what a producer sent, so that
      `message.body` is without the wrapper. When null, the services in `allowed_senders` and `allowed_triggers`; `[]` unwraps
      nothing. Set it for an existing queue, because the module does not know who sends to that, and for
      EventBridge Pipes (`pipes`). S3 and EventBridge may send their events to a topic, so `sns` unwraps these
      events too. With raw message delivery SNS adds no wrapper: leave `sns` out, and name `events` or `s3` if
      the topic carries their events. Whoever may send to the queue chooses the default key of a message that
      is unwrapped: see `docs/security.md`.
    - `visibility_timeout_seconds` (at least 6 × function timeout + batching window, longer than a lease, at
      most 43200 s): how long a received message stays hidden. When null, the least that fits.
  EOT
  default     = {}

  type = object({
    batch_size                         = optional(number, 10)
    maximum_batching_window_in_seconds = optional(number, 0)
    content_based_deduplication        = optional(bool, false)
    dead_letter_queue = optional(object({
      message_retention_seconds = optional(number, 1209600)
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
    fifo                   = optional(bool, false)
    fifo_throughput_limit  = optional(string)
    filters                = optional(list(string), [])
    max_receive_count      = optional(number, 5)
    maximum_concurrency    = optional(number)
    max_message_size_bytes = optional(number, 262144)
    metrics                = optional(bool, false)
    policy_statements = optional(list(object({
      sid        = optional(string)
      effect     = optional(string, "Allow")
      principals = map(list(string))
      actions    = list(string)
      conditions = optional(map(map(list(string))), {})
    })), [])
    receive_wait_time_seconds = optional(number, 0)
    message_retention_seconds = optional(number, 345600)
    allowed_senders = optional(list(object({
      service    = string
      source_arn = string
    })), [])
    unwrap                     = optional(list(string))
    visibility_timeout_seconds = optional(number)
  })

  validation {
    condition     = try(floor(var.queue.batch_size) == var.queue.batch_size && var.queue.batch_size >= 1 && var.queue.batch_size <= 10000, var.queue == null)
    error_message = "queue.batch_size = ${try(var.queue.batch_size, "null")} is not a whole number from 1 to 10000 (messages). Set one in that range; 10 suits most."
  }

  validation {
    condition     = try(var.queue.batch_size <= 10 || var.queue.maximum_batching_window_in_seconds >= 1, var.queue == null)
    error_message = "queue.batch_size = ${try(var.queue.batch_size, "null")} is above 10, which Lambda takes only with a batching window of at least 1 s. Set queue.maximum_batching_window_in_seconds, or lower the batch size."
  }

  validation {
    condition     = try(floor(var.queue.maximum_batching_window_in_seconds) == var.queue.maximum_batching_window_in_seconds && var.queue.maximum_batching_window_in_seconds >= 0 && var.queue.maximum_batching_window_in_seconds <= 300, var.queue == null)
    error_message = "queue.maximum_batching_window_in_seconds = ${try(var.queue.maximum_batching_window_in_seconds, "null")} is not a whole number from 0 to 300 (seconds). Set one in that range; 0 does not wait."
  }

  # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-parameters.html
  validation {
    condition     = try(var.queue.maximum_batching_window_in_seconds <= 0 || !(var.queue.fifo || endswith(try(var.queue.existing.arn, ""), ".fifo")), var.queue == null)
    error_message = "queue.maximum_batching_window_in_seconds = ${try(var.queue.maximum_batching_window_in_seconds, "null")} and a FIFO queue: Lambda takes no batching window for one, and so no batch above 10. Set it to 0."
  }

  validation {
    condition     = try(var.queue.fifo || !var.queue.content_based_deduplication, var.queue == null)
    error_message = "queue.content_based_deduplication = true and queue.fifo = false: only a FIFO queue deduplicates. Remove the first, or set queue.fifo."
  }

  validation {
    condition     = try(floor(var.queue.dead_letter_queue.message_retention_seconds) == var.queue.dead_letter_queue.message_retention_seconds && var.queue.dead_letter_queue.message_retention_seconds <= 1209600, var.queue == null)
    error_message = "queue.dead_letter_queue.message_retention_seconds = ${try(var.queue.dead_letter_queue.message_retention_seconds, "null")} is not a whole number of at most 1209600 (seconds, 14 days), which is SQS's limit. Lower it."
  }

  validation {
    condition     = try(var.queue.fifo || var.queue.dead_letter_queue.message_retention_seconds > var.queue.message_retention_seconds, var.queue == null)
    error_message = "queue.dead_letter_queue.message_retention_seconds = ${try(var.queue.dead_letter_queue.message_retention_seconds, "null")} is not above queue.message_retention_seconds = ${try(var.queue.message_retention_seconds, "null")}: a dead-lettered message keeps its age and could be gone soon after. Raise the first (at most 1209600) or lower the second."
  }

  validation {
    condition     = try(floor(var.queue.max_receive_count) == var.queue.max_receive_count && var.queue.max_receive_count >= 3 && var.queue.max_receive_count <= 1000, var.queue == null)
    error_message = "queue.max_receive_count = ${try(var.queue.max_receive_count, "null")} is not a whole number from 3 to 1000: with fewer, deliveries that meet another's live claim would dead-letter a good message. Set one in that range."
  }

  validation {
    condition     = try(var.queue.maximum_concurrency == null ? true : floor(var.queue.maximum_concurrency) == var.queue.maximum_concurrency && var.queue.maximum_concurrency >= 2 && var.queue.maximum_concurrency <= 1000, var.queue == null)
    error_message = "queue.maximum_concurrency = ${try(coalesce(var.queue.maximum_concurrency, "null"), "null")} is not a whole number from 2 to 1000. Set one in that range, or null for no limit."
  }

  validation {
    condition     = try(floor(var.queue.message_retention_seconds) == var.queue.message_retention_seconds && var.queue.message_retention_seconds >= 60 && var.queue.message_retention_seconds <= 1209600, var.queue == null)
    error_message = "queue.message_retention_seconds = ${try(var.queue.message_retention_seconds, "null")} is not a whole number from 60 to 1209600 (seconds, 14 days). Set one in that range."
  }

  validation {
    condition     = try(alltrue([for sender in var.queue.allowed_senders : contains(local.services, coalesce(sender.service, "null"))]), var.queue == null)
    error_message = "queue.allowed_senders has the services ${try(jsonencode([for sender in var.queue.allowed_senders : sender.service if !contains(local.services, coalesce(sender.service, "null"))]), "null")}, not ${join(", ", local.services)}. For producers with a role, remove the entry and allow sqs:SendMessage in that role."
  }

  validation {
    condition     = try(alltrue([for sender in var.queue.allowed_senders : can(regex(local.source_arns[sender.service], sender.source_arn)) || !contains(local.services, coalesce(sender.service, "null"))]), var.queue == null)
    error_message = "queue.allowed_senders has the source_arns ${try(jsonencode([for sender in var.queue.allowed_senders : sender.source_arn if !can(regex(local.source_arns[sender.service], sender.source_arn))]), "null")}, which are not of their services. Give the ARN of the EventBridge rule, the S3 bucket or the SNS topic."
  }

  # https://docs.aws.amazon.com/sns/latest/dg/fifo-topic-message-delivery.html
  validation {
    condition     = try(!var.queue.fifo || alltrue([for sender in var.queue.allowed_senders : sender.service != "sns" || endswith(sender.source_arn, ".fifo")]), var.queue == null)
    error_message = "queue.allowed_senders has standard topics, ${try(jsonencode([for sender in var.queue.allowed_senders : sender.source_arn if sender.service == "sns" && !endswith(sender.source_arn, ".fifo")]), "null")}, and queue.fifo = true: only a FIFO topic delivers to a FIFO queue. Use a FIFO topic, or set queue.fifo = false."
  }

  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html
  validation {
    condition     = try(!var.queue.fifo || alltrue([for sender in var.queue.allowed_senders : coalesce(sender.service, "null") != "s3"]), var.queue == null)
    error_message = "queue.allowed_senders has s3 and queue.fifo = true, but S3 sends no notifications to FIFO queues. Remove the sender, or set queue.fifo = false."
  }

  validation {
    condition     = try(alltrue([for service in coalesce(var.queue.unwrap, []) : contains(local.wrappers, coalesce(service, "null"))]), var.queue == null)
    error_message = "queue.unwrap has ${try(jsonencode([for service in coalesce(var.queue.unwrap, []) : service if !contains(local.wrappers, coalesce(service, "null"))]), "null")}, not only ${join(", ", local.wrappers)}. Correct or remove them; messages from other services are never unwrapped."
  }

  validation {
    condition     = try(var.queue.visibility_timeout_seconds == null ? true : floor(var.queue.visibility_timeout_seconds) == var.queue.visibility_timeout_seconds && var.queue.visibility_timeout_seconds <= 43200, var.queue == null)
    error_message = "queue.visibility_timeout_seconds = ${try(coalesce(var.queue.visibility_timeout_seconds, "null"), "null")} is not a whole number of at most 43200 (seconds, 12 hours), which is SQS's limit. Lower it, or set null to have it derived."
  }

  validation {
    condition     = try(contains(["queue", "messageGroup"], coalesce(var.queue.deduplication_scope, "queue")), var.queue == null)
    error_message = "queue.deduplication_scope = \"${try(coalesce(var.queue.deduplication_scope, "null"), "null")}\" is not one of queue, messageGroup. Choose messageGroup for high throughput, or leave it unset."
  }

  validation {
    condition     = try(var.queue.fifo || var.queue.deduplication_scope == null, var.queue == null)
    error_message = "queue.deduplication_scope = \"${try(coalesce(var.queue.deduplication_scope, "null"), "null")}\" and queue.fifo = false: only a FIFO queue deduplicates. Remove the first, or set queue.fifo."
  }

  validation {
    condition     = try(floor(var.queue.delay_seconds) == var.queue.delay_seconds && var.queue.delay_seconds >= 0 && var.queue.delay_seconds <= 900, var.queue == null)
    error_message = "queue.delay_seconds = ${try(var.queue.delay_seconds, "null")} is not a whole number from 0 to 900 (seconds). Set one in that range."
  }

  validation {
    condition     = try(var.queue.existing == null ? true : can(regex("^arn:[^:]+:sqs:[^:]+:[0-9]{12}:[A-Za-z0-9_.-]+$", var.queue.existing.arn)), var.queue == null)
    error_message = "queue.existing.arn = \"${try(coalesce(var.queue.existing.arn), "null")}\" is not the ARN of an SQS queue. Give the queue's arn."
  }

  validation {
    condition     = try(var.queue.existing == null ? true : can(regex("^arn:[^:]+:sqs:[^:]+:[0-9]{12}:[A-Za-z0-9_.-]+$", var.queue.existing.dead_letter_queue.arn)), var.queue == null)
    error_message = "queue.existing.dead_letter_queue.arn = \"${try(coalesce(var.queue.existing.dead_letter_queue.arn), "null")}\" is not the ARN of an SQS queue. Give the arn of the queue that the queue's redrive policy names."
  }

  validation {
    condition     = try(var.queue.existing == null ? true : endswith(var.queue.existing.arn, ".fifo") == endswith(var.queue.existing.dead_letter_queue.arn, ".fifo"), var.queue == null)
    error_message = "queue.existing.arn = \"${try(coalesce(var.queue.existing.arn), "null")}\" and queue.existing.dead_letter_queue.arn = \"${try(coalesce(var.queue.existing.dead_letter_queue.arn), "null")}\" are not of one kind; SQS moves messages from FIFO to FIFO and from standard to standard queues only. Correct one of them."
  }

  validation {
    condition     = try(var.queue.existing == null ? true : can(regex("^https?://.+$", var.queue.existing.dead_letter_queue.url)) && endswith(var.queue.existing.dead_letter_queue.url, "/${reverse(split(":", var.queue.existing.dead_letter_queue.arn))[0]}"), var.queue == null)
    error_message = "queue.existing.dead_letter_queue.url = \"${try(coalesce(var.queue.existing.dead_letter_queue.url), "null")}\" is not the URL of queue.existing.dead_letter_queue.arn, and copies of parked messages are sent there. Give the url of that queue."
  }

  validation {
    condition     = try(var.queue.existing == null ? true : (endswith(var.queue.existing.arn, ".fifo") || var.queue.existing.dead_letter_queue.message_retention_seconds > var.queue.existing.message_retention_seconds) && var.queue.existing.dead_letter_queue.message_retention_seconds <= 1209600, var.queue == null)
    error_message = "queue.existing.dead_letter_queue.message_retention_seconds = ${try(coalesce(var.queue.existing.dead_letter_queue.message_retention_seconds), "null")} is not above queue.existing.message_retention_seconds = ${try(coalesce(var.queue.existing.message_retention_seconds), "null")} and at most 1209600 (14 days): a dead-lettered message keeps its age and could be gone soon after. Raise that queue's retention, or lower the other's."
  }

  validation {
    condition     = try(var.queue.existing == null ? true : (var.queue.existing.kms_key_arn == null ? true : can(regex(local.kms_key_arn, var.queue.existing.kms_key_arn))), var.queue == null)
    error_message = "queue.existing.kms_key_arn = \"${try(coalesce(var.queue.existing.kms_key_arn, "null"), "null")}\" is not the ARN of a KMS key. Give the arn of the key that encrypts the queue, or null."
  }

  validation {
    condition     = try(var.queue.existing == null ? true : floor(var.queue.existing.max_receive_count) == var.queue.existing.max_receive_count && var.queue.existing.max_receive_count >= 3, var.queue == null)
    error_message = "queue.existing.max_receive_count = ${try(coalesce(var.queue.existing.max_receive_count), "null")} is not a whole number of at least 3: with fewer, deliveries that meet another's live claim would dead-letter a good message. Raise maxReceiveCount in the queue's redrive policy, and give it here."
  }

  validation {
    condition     = try(var.queue.existing == null ? true : floor(var.queue.existing.message_retention_seconds) == var.queue.existing.message_retention_seconds && var.queue.existing.message_retention_seconds >= 60, var.queue == null)
    error_message = "queue.existing.message_retention_seconds = ${try(coalesce(var.queue.existing.message_retention_seconds), "null")} is not a whole number from 60 to 1209600 (seconds, 14 days). Give the queue's message_retention_seconds."
  }

  validation {
    condition     = try(var.queue.existing == null ? true : floor(var.queue.existing.visibility_timeout_seconds) == var.queue.existing.visibility_timeout_seconds && var.queue.existing.visibility_timeout_seconds <= 43200, var.queue == null)
    error_message = "queue.existing.visibility_timeout_seconds = ${try(coalesce(var.queue.existing.visibility_timeout_seconds), "null")} is not a whole number of at most 43200 (seconds, 12 hours), which is SQS's limit. Give the queue's visibility_timeout_seconds."
  }

  validation {
    condition     = try(var.queue.existing == null ? true : alltrue([for name, value in local.queue_defaults : jsonencode(var.queue[name]) == jsonencode(value)]), var.queue == null)
    error_message = "queue.existing stands beside ${try(join(", ", [for name, value in local.queue_defaults : "queue.${name}" if jsonencode(var.queue[name]) != jsonencode(value)]), "null")}, which only a queue that the module creates takes. Set that where the queue is declared, or remove queue.existing."
  }

  validation {
    condition     = try(contains(["perQueue", "perMessageGroupId"], coalesce(var.queue.fifo_throughput_limit, "perQueue")), var.queue == null)
    error_message = "queue.fifo_throughput_limit = \"${try(coalesce(var.queue.fifo_throughput_limit, "null"), "null")}\" is not one of perQueue, perMessageGroupId. Choose perMessageGroupId for high throughput, or leave it unset."
  }

  validation {
    condition     = try(var.queue.fifo || var.queue.fifo_throughput_limit == null, var.queue == null)
    error_message = "queue.fifo_throughput_limit = \"${try(coalesce(var.queue.fifo_throughput_limit, "null"), "null")}\" and queue.fifo = false: a standard queue has no such limit. Remove the first, or set queue.fifo."
  }

  # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
  validation {
    condition     = try(coalesce(var.queue.fifo_throughput_limit, "perQueue") != "perMessageGroupId" || coalesce(var.queue.deduplication_scope, "queue") == "messageGroup", var.queue == null)
    error_message = "queue.fifo_throughput_limit = \"perMessageGroupId\" with queue.deduplication_scope = \"${try(coalesce(var.queue.deduplication_scope, "queue"), "null")}\": SQS takes that limit only with messageGroup. Set queue.deduplication_scope = \"messageGroup\"."
  }

  validation {
    condition     = try(alltrue([for pattern in var.queue.filters : can(keys(jsondecode(pattern)))]), var.queue == null)
    error_message = "queue.filters has ${try(jsonencode([for pattern in var.queue.filters : pattern if !can(keys(jsondecode(pattern)))]), "null")}, not JSON objects. Use jsonencode({ body = ... })."
  }

  validation {
    condition     = try(floor(var.queue.max_message_size_bytes) == var.queue.max_message_size_bytes && var.queue.max_message_size_bytes >= 1024 && var.queue.max_message_size_bytes <= 262144, var.queue == null)
    error_message = "queue.max_message_size_bytes = ${try(var.queue.max_message_size_bytes, "null")} is not a whole number from 1024 to 262144 (bytes, 256 KiB). Set one in that range."
  }

  validation {
    condition     = try(alltrue([for statement in var.queue.policy_statements : contains(["Allow", "Deny"], statement.effect)]), var.queue == null)
    error_message = "queue.policy_statements has the effects ${try(jsonencode([for statement in var.queue.policy_statements : statement.effect if !contains(["Allow", "Deny"], statement.effect)]), "null")}, not Allow or Deny. Correct them."
  }

  validation {
    condition     = try(alltrue([for statement in var.queue.policy_statements : length(statement.actions) > 0 && alltrue([for action in statement.actions : startswith(action, "sqs:")])]), var.queue == null)
    error_message = "queue.policy_statements has the actions ${try(jsonencode([for statement in var.queue.policy_statements : statement.actions if length(statement.actions) == 0 || !alltrue([for action in statement.actions : startswith(action, "sqs:")])]), "null")}; a queue's policy takes at least one, all of SQS. Name them, such as \"sqs:SendMessage\"."
  }

  validation {
    condition     = try(alltrue([for statement in var.queue.policy_statements : statement.effect == "Deny" || length(statement.conditions) > 0 || !contains(flatten(values(statement.principals)), "*")]), var.queue == null)
    error_message = "queue.policy_statements allows everyone (\"*\") without a condition (number ${try(join(", ", [for index, statement in var.queue.policy_statements : index + 1 if statement.effect != "Deny" && length(statement.conditions) == 0 && contains(flatten(values(statement.principals)), "*")]), "null")}). Name the principals, or set conditions such as aws:PrincipalOrgID."
  }

  validation {
    condition     = try(alltrue([for statement in var.queue.policy_statements : length(setsubtract(keys(statement.principals), ["AWS", "CanonicalUser", "Federated", "Service"])) == 0]), var.queue == null)
    error_message = "queue.policy_statements has principals of the types ${try(jsonencode(flatten([for statement in var.queue.policy_statements : keys(statement.principals)])), "null")}, not only AWS, CanonicalUser, Federated and Service. Correct them; for everyone write { AWS = [\"*\"] }."
  }

  validation {
    condition     = try(alltrue([for statement in var.queue.policy_statements : length(flatten(values(statement.principals))) > 0]), var.queue == null)
    error_message = "queue.policy_statements has a statement without principals (number ${try(join(", ", [for index, statement in var.queue.policy_statements : index + 1 if length(flatten(values(statement.principals))) == 0]), "null")}); each says of whom it speaks. Set for example principals = { AWS = [\"arn:aws:iam::123456789012:root\"] }."
  }

  validation {
    condition     = try(alltrue([for statement in var.queue.policy_statements : can(regex("^[A-Za-z0-9]+$", coalesce(statement.sid, "none"))) && !can(regex("^(DenyInsecureTransport$|From)", coalesce(statement.sid, "none")))]), var.queue == null)
    error_message = "queue.policy_statements has the sids ${try(jsonencode([for statement in var.queue.policy_statements : statement.sid if statement.sid != null]), "null")}; they are letters and digits, and DenyInsecureTransport and what starts with From are the module's. Rename or remove them."
  }

  validation {
    condition     = try(length(distinct([for statement in var.queue.policy_statements : statement.sid if statement.sid != null])) == length([for statement in var.queue.policy_statements : statement.sid if statement.sid != null]), var.queue == null)
    error_message = "queue.policy_statements repeats a sid: ${try(jsonencode([for statement in var.queue.policy_statements : statement.sid if statement.sid != null]), "null")}; a policy takes each only once. Rename or remove the repeated ones."
  }

  validation {
    condition     = try(floor(var.queue.receive_wait_time_seconds) == var.queue.receive_wait_time_seconds && var.queue.receive_wait_time_seconds >= 0 && var.queue.receive_wait_time_seconds <= 20, var.queue == null)
    error_message = "queue.receive_wait_time_seconds = ${try(var.queue.receive_wait_time_seconds, "null")} is not a whole number from 0 to 20 (seconds). Set one in that range."
  }
}

# What only a part takes that the module creates, with the defaults above (a test compares them): with
# `queue.existing`, these must keep their defaults.
locals {
  queue_defaults = {
    content_based_deduplication = false
    dead_letter_queue           = { message_retention_seconds = 1209600 }
    deduplication_scope         = null
    delay_seconds               = 0
    fifo                        = false
    fifo_throughput_limit       = null
    max_receive_count           = 5
    max_message_size_bytes      = 262144
    policy_statements           = []
    receive_wait_time_seconds   = 0
    message_retention_seconds   = 345600
    allowed_senders             = []
    visibility_timeout_seconds  = null
  }
}
