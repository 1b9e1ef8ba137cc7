# The rules about idempotency.key that a plan can know. They only warn. The package itself reads the expression when the
# function starts, and refuses one that is not JMESPath.

locals {
  # 1. The fields with which an expression can start: the fields of every message, and the fields of its record, by
  # source. An event of EventBridge has no record. docs/sources.md has the same lists (a test compares them).
  message_fields = ["body", "message_attributes", "wrapped"]
  record_fields = {
    dynamodb = [
      "awsRegion", "dynamodb", "eventID", "eventName", "eventSource", "eventSourceARN", "eventVersion", "userIdentity",
    ]
    events = []
    kinesis = [
      "awsRegion", "eventID", "eventName", "eventSource", "eventSourceARN", "eventVersion", "invokeIdentityArn",
      "kinesis",
    ]
    s3 = [
      "awsRegion", "eventName", "eventSource", "eventTime", "eventVersion", "glacierEventData",
      "intelligentTieringEventData", "lifecycleEventData", "replicationEventData", "requestParameters",
      "responseElements", "s3", "userIdentity",
    ]
    sns = ["EventSource", "EventSubscriptionArn", "EventVersion", "Sns"]
    sqs = [
      "attributes", "awsRegion", "eventSource", "eventSourceARN", "md5OfBody", "md5OfMessageAttributes",
      "messageAttributes", "messageId", "receiptHandle",
    ]
  }
  key_sources = distinct(concat(
    local.has_queue ? ["sqs"] : [],
    values(var.streams)[*].source,
    values(var.allowed_triggers)[*].service,
  ))
  known_roots = distinct(concat(
    local.message_fields,
    flatten([for source in local.key_sources : lookup(local.record_fields, source, [])]),
  ))

  # 2. The expression without its literals, which are in '' or ``, and then also without its names in "". A backslash
  # escapes the next character in all three.
  key       = var.idempotency.key == null ? "" : var.idempotency.key
  key_names = replace(local.key, "/(?s)'(\\\\.|[^'\\\\])*'|`(\\\\.|[^`\\\\])*`|(\"(\\\\.|[^\"\\\\])*\")/", "$3")
  key_signs = replace(local.key_names, "/(?s)\"(\\\\.|[^\"\\\\])*\"/", "")
  is_key_balanced = !can(regex("[\"'`]", local.key_signs)) && alltrue([
    for pair in [["(", ")"], ["[", "]"], ["{", "}"]] :
    length(split(pair[0], local.key_signs)) == length(split(pair[1], local.key_signs))
  ])

  # 3. The names that may be the first of a path: each name that has no dot before it. Functions are among them. Of most
  # expressions, one known name is enough: after a pipe or in brackets, a name may be a field of something else. Of an
  # array of paths, each must be known. "@" and "*" take every field, and an escape in a name may write any.
  key_name = "(?:\"[^\",\\[]*\"|[A-Za-z_]\\w*)"
  key_roots = distinct([
    for name in flatten(regexall("(?:^|[^.\\s\\w\"])\\s*(${local.key_name})", local.key_names)) : trim(name, "\"")
  ])
  key_path       = "\\s*${local.key_name}(\\.${local.key_name}|\\[-?\\d+\\])*\\s*"
  is_key_array   = can(regex("^\\s*\\[${local.key_path}(,${local.key_path})*\\]\\s*$", local.key_names))
  takes_any_root = can(regex("@|\\\\|(^|[^.\\[\\s])\\s*\\*", local.key_names))
  has_known_root = local.takes_any_root || (
    local.is_key_array
    ? length(setsubtract(local.key_roots, local.known_roots)) == 0
    : length(setintersection(local.key_roots, local.known_roots)) > 0
  )
}

check "key_syntax" {
  assert {
    condition = local.is_key_balanced
    error_message = nonsensitive(join(" ", [for part in [
      "idempotency.key =", jsonencode(var.idempotency.key), "has a bracket or a quote without its other half, so it",
      "is not JMESPath, and the function would not start. Correct it, such as \"body.order_id\".",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }
}

# Only the built-in entry point needs the key. With an existing function, a processor says that it is used.
check "key_root" {
  assert {
    condition = (
      var.idempotency.key == null || var.processor == null || length(local.key_sources) == 0 || !local.is_key_balanced ?
      true : local.has_known_root
    )
    error_message = nonsensitive(join(" ", [for part in [
      "idempotency.key =", jsonencode(var.idempotency.key), "starts with", "${join(", ", local.key_roots)},", "and",
      "no message has such a field: the function would reject each one. Start with one of",
      "${join(", ", local.known_roots)};", "\"body.order_id\" is the field order_id of what the producer sent.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }
}
