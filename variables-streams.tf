variable "streams" {
  description = <<-EOT
    Kinesis data streams and DynamoDB streams that the function reads in addition to the queue, each by a name of your
    choice.
    - `arn` (of the stream, or of a registered consumer of a Kinesis stream): the function reads this stream.
    - `batch_size` (1 to 10000): an invocation gets at most this many records.
    - `bisect_batch_on_function_error`: whether Lambda splits a batch in two when its invocation fails.
    - `enabled`: whether the function reads the stream.
    - `failure_destination_arn` (a standard queue or topic, not one of the module's own queues): Lambda reports records
      that it gives up on here. The report has their position in the stream, not the records.
    - `filters` (event patterns in JSON, up to 4096 characters; 5, or 10 if AWS raises your quota): Lambda passes on the
      records that match one, and skips the others.
    - `kms_key_arn`: the KMS key of yours that encrypts the stream, if one does. The role may then use it.
    - `maximum_batching_window_in_seconds` (0 to 300 s): Lambda waits up to this long to fill a batch.
    - `maximum_record_age_seconds` (60 to 604800 s): Lambda gives up on older records.
    - `maximum_retry_attempts` (0 to 10000): Lambda gives up on a batch after this many retries.
    - `metrics`: whether Lambda counts the events of this mapping in CloudWatch (`EventCount`), for a charge.
    - `parallelization_factor` (1 to 10): Lambda processes up to this many batches of a shard at the same time. Records
      of one partition key stay in order.
    - `source` (`kinesis` or `dynamodb`): the service of the stream.
    - `starting_position` (`TRIM_HORIZON`, `LATEST`, or for Kinesis `AT_TIMESTAMP`): the function starts with the oldest
      record, the next one, or the first one after a time. If you change it, Terraform replaces the mapping.
    - `starting_position_timestamp` (such as `"2025-01-31T12:00:00Z"`; only for `AT_TIMESTAMP`): the function starts at
      this time.
  EOT
  nullable    = false
  default     = {}

  type = map(object({
    arn                                = string
    batch_size                         = optional(number, 100)
    bisect_batch_on_function_error     = optional(bool, true)
    enabled                            = optional(bool, true)
    failure_destination_arn            = string
    filters                            = optional(list(string), [])
    kms_key_arn                        = optional(string)
    maximum_batching_window_in_seconds = optional(number, 0)
    maximum_record_age_seconds         = optional(number, 86400)
    maximum_retry_attempts             = optional(number, 10)
    metrics                            = optional(bool, false)
    parallelization_factor             = optional(number, 1)
    source                             = string
    starting_position                  = optional(string, "TRIM_HORIZON")
    starting_position_timestamp        = optional(string)
  }))

  validation {
    condition = length(distinct([for stream in var.streams : stream.arn])) == length(var.streams)
    error_message = join(" ", [
      "streams has the arns ${jsonencode({ for name, stream in var.streams : name => stream.arn })};",
      "Lambda takes each stream once for a function. Remove all but one of the same.",
    ])
  }

  # https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html and
  # https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html give the limits.

  validation {
    condition = alltrue([
      for stream in var.streams : contains(keys(local.stream_arns), coalesce(stream.source, "null"))
    ])
    error_message = join(" ", [
      "streams has source = ${jsonencode({ for name, stream in var.streams : name => stream.source })};",
      "each must be one of ${join(", ", keys(local.stream_arns))}. Choose the service of the stream's arn.",
    ])
  }

  # The rule above reports a source that is unknown here.
  validation {
    condition = alltrue([
      for stream in var.streams : !contains(keys(local.stream_arns), coalesce(stream.source, "null")) ||
      can(regex(local.stream_arns[stream.source], stream.arn))
    ])
    error_message = join(" ", [
      "streams has arn = ${jsonencode({ for name, stream in var.streams : name => stream.arn })};",
      "each must be the ARN of a stream of its source.",
      "Give the stream_arn of a DynamoDB table, or the arn of a Kinesis stream.",
    ])
  }

  validation {
    condition = alltrue([
      for size in values(var.streams)[*].batch_size :
      floor(size) == size && size >= 1 && size <= 10000
    ])
    error_message = join(" ", [
      "streams has batch_size =",
      "${jsonencode({ for name, stream in var.streams : name => stream.batch_size })};",
      "each must be a whole number from 1 to 10000 (records). Set one in that range; 100 suits most.",
    ])
  }

  validation {
    condition = alltrue([
      for stream in var.streams :
      can(regex("^arn:[^:]+:(sqs|sns):[^:]+:[0-9]{12}:[A-Za-z0-9_.-]+$", stream.failure_destination_arn))
    ])
    error_message = join(" ", [
      "streams has failure_destination_arn =",
      "${jsonencode({ for name, stream in var.streams : name => stream.failure_destination_arn })};",
      "each must be the ARN of an SQS queue or an SNS topic.",
      "Give one that does nothing else: without it, records that Lambda gives up on would be lost.",
    ])
  }

  validation {
    condition = alltrue([
      for stream in var.streams : !endswith(coalesce(stream.failure_destination_arn, "null"), ".fifo")
    ])
    error_message = join(" ", [
      "streams has failure_destination_arn =",
      "${jsonencode({ for name, stream in var.streams : name => stream.failure_destination_arn })};",
      "Lambda sends to standard queues and topics only, not to FIFO ones. Give a standard one.",
    ])
  }

  validation {
    condition = alltrue([
      for pattern in flatten(values(var.streams)[*].filters) : can(keys(jsondecode(pattern)))
    ])
    error_message = join(" ", [
      "streams has filters = ${jsonencode({ for name, stream in var.streams : name => stream.filters })};",
      "each must be a JSON object. Use jsonencode({ ... }).",
    ])
  }

  # https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
  validation {
    condition = alltrue([
      for filters in values(var.streams)[*].filters :
      length(filters) <= 10 && alltrue([for pattern in filters : length(pattern) <= 4096])
    ])
    error_message = join(" ", [
      "streams has filters of",
      "${jsonencode({ for name, stream in var.streams : name => [for pattern in stream.filters : length(pattern)] })}",
      "characters; Lambda takes up to 10 for a stream, of 4096 each. Shorten them, or use prefixes or numeric ranges.",
    ])
  }

  validation {
    condition = alltrue([
      for stream in var.streams : stream.kms_key_arn == null ? true : can(regex(local.kms_key_arn, stream.kms_key_arn))
    ])
    error_message = join(" ", [
      "streams has kms_key_arn = ${jsonencode({ for name, stream in var.streams : name => stream.kms_key_arn })};",
      "each must be the ARN of a KMS key. Give the arn of the key that encrypts the stream, or null.",
    ])
  }

  validation {
    condition = alltrue([
      for seconds in values(var.streams)[*].maximum_batching_window_in_seconds :
      floor(seconds) == seconds && seconds >= 0 && seconds <= 300
    ])
    error_message = join(" ", [
      "streams has maximum_batching_window_in_seconds =",
      "${jsonencode({ for name, stream in var.streams : name => stream.maximum_batching_window_in_seconds })};",
      "each must be a whole number from 0 to 300 (seconds). Set one in that range; 0 does not wait.",
    ])
  }

  # -1 (no limit) is AWS's default for age and attempts: one record that always fails then stops its shard until it
  # expires. 60 s: https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
  validation {
    condition = alltrue([
      for seconds in values(var.streams)[*].maximum_record_age_seconds :
      floor(seconds) == seconds && seconds >= 60 && seconds <= 604800
    ])
    error_message = join(" ", [
      "streams has maximum_record_age_seconds =",
      "${jsonencode({ for name, stream in var.streams : name => stream.maximum_record_age_seconds })};",
      "each must be a whole number from 60 to 604800 (seconds, 7 days).",
      "Set one in that range, such as the stream's retention.",
    ])
  }

  validation {
    condition = alltrue([
      for attempts in values(var.streams)[*].maximum_retry_attempts :
      floor(attempts) == attempts && attempts >= 0 && attempts <= 10000
    ])
    error_message = join(" ", [
      "streams has maximum_retry_attempts =",
      "${jsonencode({ for name, stream in var.streams : name => stream.maximum_retry_attempts })};",
      "each must be a whole number from 0 to 10000. Set one in that range; about 10 outlasts a short outage.",
    ])
  }

  validation {
    condition = alltrue([
      for factor in values(var.streams)[*].parallelization_factor :
      floor(factor) == factor && factor >= 1 && factor <= 10
    ])
    error_message = join(" ", [
      "streams has parallelization_factor =",
      "${jsonencode({ for name, stream in var.streams : name => stream.parallelization_factor })};",
      "each must be a whole number from 1 to 10. Set one in that range.",
    ])
  }

  validation {
    condition = alltrue([
      for stream in var.streams : contains(local.starting_positions, stream.starting_position)
    ])
    error_message = join(" ", [
      "streams has starting_position =",
      "${jsonencode({ for name, stream in var.streams : name => stream.starting_position })};",
      "each must be one of ${join(", ", local.starting_positions)}. Choose TRIM_HORIZON to miss no record.",
    ])
  }

  validation {
    condition = alltrue([
      for stream in var.streams :
      stream.starting_position != "AT_TIMESTAMP" || coalesce(stream.source, "null") != "dynamodb"
    ])
    error_message = join(" ", [
      "streams has starting_position =",
      "${jsonencode({ for name, stream in var.streams : name => stream.starting_position })};",
      "DynamoDB streams do not know AT_TIMESTAMP. Choose TRIM_HORIZON or LATEST for them.",
    ])
  }

  validation {
    condition = alltrue([
      for stream in var.streams :
      (stream.starting_position == "AT_TIMESTAMP") == (stream.starting_position_timestamp != null)
    ])
    error_message = join(" ", [
      "streams has starting_position =",
      "${jsonencode({ for name, stream in var.streams : name => stream.starting_position })},",
      "starting_position_timestamp =",
      "${jsonencode({ for name, stream in var.streams : name => stream.starting_position_timestamp })};",
      "AT_TIMESTAMP takes a timestamp, and no other position does. Set both or neither.",
    ])
  }

  validation {
    condition = alltrue([
      for time in values(var.streams)[*].starting_position_timestamp : time == null ? true : (
        can(regex("^[0-9-]{10}T[0-9:]{8}Z$", time)) && can(formatdate("YYYY", time))
      )
    ])
    error_message = join(" ", [
      "streams has starting_position_timestamp =",
      "${jsonencode({ for name, stream in var.streams : name => stream.starting_position_timestamp })};",
      "each must be a time of the form \"2025-01-31T12:00:00Z\". Correct it.",
    ])
  }
}
