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
  key_names = replace(
    var.idempotency.key == null ? "" : var.idempotency.key,
    "/(?s)'(\\\\.|[^'\\\\])*'|`(\\\\.|[^`\\\\])*`|(\"(\\\\.|[^\"\\\\])*\")/", "$3"
  )
  key_signs = replace(local.key_names, "/(?s)\"(\\\\.|[^\"\\\\])*\"/", "")
  is_key_balanced = !can(regex("[\"'`]", local.key_signs)) && alltrue([
    for pair in [["(", ")"], ["[", "]"], ["{", "}"]] :
    length(split(pair[0], local.key_signs)) == length(split(pair[1], local.key_signs))
  ])

  # 3. The rule: the plan warns if the expression names none of these fields. A name after a dot does not count, because
  # it is a field of something else. "@" and "*" take every field, and an escape may write any name.
  key_roots = [
    for name in regexall("(\\.?)\\s*(\"[^\"]*\"|[A-Za-z_]\\w*)", local.key_names) : trim(name[1], "\"") if name[0] == ""
  ]
}

check "key" {
  assert {
    condition = local.is_key_balanced
    error_message = nonsensitive(join("", [for part in [
      "idempotency.key = ", jsonencode(var.idempotency.key), " has a bracket or a quote without its other half, so it ",
      "is not JMESPath, and the function would not start. Correct it, such as \"body.order_id\".",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  # Only the built-in entry point needs the key. With an existing function, a processor says that it is used.
  assert {
    condition = (
      var.idempotency.key == null || var.processor == null || length(local.key_sources) == 0 || !local.is_key_balanced ?
      true : can(regex("[@*\\\\]", local.key_names)) || length(setintersection(local.key_roots, local.known_roots)) > 0
    )
    error_message = nonsensitive(join("", [for part in [
      "idempotency.key = ", jsonencode(var.idempotency.key), " names no field of a message, so the function would ",
      "reject each one, or take all of them for one. Start with one of ${join(", ", local.known_roots)}; ",
      "\"body.order_id\" is the field order_id of what the producer sent.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }
}
