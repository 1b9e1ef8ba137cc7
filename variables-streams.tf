variable "streams" {
  description = <<-EOT
    Kinesis data streams and DynamoDB streams that the function reads in addition to the queue, each by a name of your
    choice.
    - `arn` (in the function's Region; of the stream, or of a registered consumer of a Kinesis stream): the function
      reads this stream.
    - `batch_size` (1 to 10000): an invocation gets at most this many records.
    - `bisect_batch_on_function_error`: whether Lambda splits a batch in two when its invocation fails.
    - `enabled`: whether the function reads the stream.
    - `failure_destination_arn` (a standard queue or topic, not one of the module's own queues, or a bucket of this
      account): Lambda reports records that it gives up on here. A bucket also gets the records; a queue and a topic get
      only their position in the stream.
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

  # In the other rules, [*][*] leaves out what is null.
  validation {
    condition = alltrue([for stream in values(var.streams) : stream != null])
    error_message = nonsensitive(join("", [for part in [
      "streams is null at ", join(", ", [for name, stream in var.streams : name if stream == null]), "; each must be ",
      "an object. Remove the others.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = length(distinct(flatten(values(var.streams)[*][*].arn))) == length(flatten(values(var.streams)[*][*]))
    error_message = nonsensitive(join("", [for part in [
      "streams has the arns ", jsonencode({ for name, stream in var.streams : name => try(stream.arn, null) }), "; ",
      "Lambda takes each stream once for a function. Remove all but one of the same.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  # https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html and
  # https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html give the limits.

  validation {
    condition = alltrue([
      for source in flatten(values(var.streams)[*][*].source) :
      contains(keys(local.stream_arns), coalesce(source, "null"))
    ])
    error_message = nonsensitive(join("", [for part in [
      "streams has source = ", jsonencode({ for name, stream in var.streams : name => try(stream.source, null) }), "; ",
      "each must be one of ${join(", ", keys(local.stream_arns))}. Choose the service of the stream's arn.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  # The rule above reports a source that is unknown here.
  validation {
    condition = alltrue([
      for stream in flatten(values(var.streams)[*][*]) :
      !contains(keys(local.stream_arns), coalesce(stream.source, "null")) ||
      can(regex(local.stream_arns[stream.source], stream.arn))
    ])
    error_message = nonsensitive(join("", [for part in [
      "streams has arn = ", jsonencode({ for name, stream in var.streams : name => try(stream.arn, null) }), "; each ",
      "must be the ARN of a stream of its source. Give the stream_arn of a DynamoDB table, or the arn of a Kinesis ",
      "stream.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = alltrue([
      for size in flatten(values(var.streams)[*][*].batch_size) :
      floor(size) == size && size >= 1 && size <= 10000
    ])
    error_message = nonsensitive(join("", [for part in [
      "streams has batch_size = ",
      jsonencode({ for name, stream in var.streams : name => try(stream.batch_size, null) }), "; each must be a whole ",
      "number from 1 to 10000 (records). Set one in that range; 100 suits most.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = alltrue([
      for stream in flatten(values(var.streams)[*][*]) :
      can(regex(
        "^arn:[^:]+:((sqs|sns):[^:]+:[0-9]{12}:[A-Za-z0-9_.-]+|s3:::[a-z0-9.-]+)$", stream.failure_destination_arn
      ))
    ])
    error_message = nonsensitive(join("", [for part in [
      "streams has failure_destination_arn = ",
      jsonencode({ for name, stream in var.streams : name => try(stream.failure_destination_arn, null) }), "; each ",
      "must be the ARN of an SQS queue, an SNS topic or an S3 bucket. Give one that does nothing else: without it, ",
      "records that Lambda gives up on would be lost.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = alltrue([
      for arn in flatten(values(var.streams)[*][*].failure_destination_arn) :
      !can(regex(":(sqs|sns):.*\\.fifo$", arn))
    ])
    error_message = nonsensitive(join("", [for part in [
      "streams has failure_destination_arn = ",
      jsonencode({ for name, stream in var.streams : name => try(stream.failure_destination_arn, null) }), "; Lambda ",
      "sends to standard queues and topics only, not to FIFO ones. Give a standard one.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = alltrue([
      for pattern in flatten(values(var.streams)[*][*].filters) : can(keys(jsondecode(pattern)))
    ])
    error_message = nonsensitive(join("", [for part in [
      "streams has filters = ", jsonencode({ for name, stream in var.streams : name => try(stream.filters, null) }),
      "; each must be a JSON object. Use jsonencode({ ... }).",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  # https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
  validation {
    condition = alltrue([
      for stream in flatten(values(var.streams)[*][*]) :
      length(stream.filters) <= 10 && alltrue([for f in stream.filters : length(coalesce(f, "-")) <= 4096])
    ])
    error_message = nonsensitive(join("", [for part in [
      "streams has filters of ",
      jsonencode({ for name, stream in var.streams : name => try([for f in stream.filters : length(f)], null) }),
      " characters; Lambda takes up to 10 for a stream, of 4096 each. Shorten them, or use prefixes or numeric ranges.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = alltrue([
      for arn in flatten(values(var.streams)[*][*].kms_key_arn) :
      arn == null ? true : can(regex(local.kms_key_arn, arn))
    ])
    error_message = nonsensitive(join("", [for part in [
      "streams has kms_key_arn = ",
      jsonencode({ for name, stream in var.streams : name => try(stream.kms_key_arn, null) }), "; each must be the ",
      "ARN of a KMS key. Give the arn of the key that encrypts the stream, or null.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = alltrue([
      for seconds in flatten(values(var.streams)[*][*].maximum_batching_window_in_seconds) :
      floor(seconds) == seconds && seconds >= 0 && seconds <= 300
    ])
    error_message = nonsensitive(join("", [for part in [
      "streams has maximum_batching_window_in_seconds = ",
      jsonencode({
        for name, stream in var.streams : name => try(stream.maximum_batching_window_in_seconds, null)
      }),
      "; each must be a whole number from 0 to 300 (seconds). Set one in that range; 0 does not wait.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  # -1 (no limit) is AWS's default for age and attempts: one record that always fails then stops its shard until it
  # expires. 60 s: https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
  validation {
    condition = alltrue([
      for seconds in flatten(values(var.streams)[*][*].maximum_record_age_seconds) :
      floor(seconds) == seconds && seconds >= 60 && seconds <= 604800
    ])
    error_message = nonsensitive(join("", [for part in [
      "streams has maximum_record_age_seconds = ",
      jsonencode({ for name, stream in var.streams : name => try(stream.maximum_record_age_seconds, null) }), "; each ",
      "must be a whole number from 60 to 604800 (seconds, 7 days). Set one in that range, such as the stream's ",
      "retention.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = alltrue([
      for attempts in flatten(values(var.streams)[*][*].maximum_retry_attempts) :
      floor(attempts) == attempts && attempts >= 0 && attempts <= 10000
    ])
    error_message = nonsensitive(join("", [for part in [
      "streams has maximum_retry_attempts = ",
      jsonencode({ for name, stream in var.streams : name => try(stream.maximum_retry_attempts, null) }), "; each ",
      "must be a whole number from 0 to 10000. Set one in that range; about 10 outlasts a short outage.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = alltrue([
      for factor in flatten(values(var.streams)[*][*].parallelization_factor) :
      floor(factor) == factor && factor >= 1 && factor <= 10
    ])
    error_message = nonsensitive(join("", [for part in [
      "streams has parallelization_factor = ",
      jsonencode({ for name, stream in var.streams : name => try(stream.parallelization_factor, null) }), "; each ",
      "must be a whole number from 1 to 10. Set one in that range.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = alltrue([
      for stream in flatten(values(var.streams)[*][*]) : contains(local.starting_positions, stream.starting_position)
    ])
    error_message = nonsensitive(join("", [for part in [
      "streams has starting_position = ",
      jsonencode({ for name, stream in var.streams : name => try(stream.starting_position, null) }), "; each must be ",
      "one of ${join(", ", local.starting_positions)}. Choose TRIM_HORIZON to miss no record.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = alltrue([
      for stream in flatten(values(var.streams)[*][*]) :
      stream.starting_position != "AT_TIMESTAMP" || coalesce(stream.source, "null") != "dynamodb"
    ])
    error_message = nonsensitive(join("", [for part in [
      "streams has starting_position = ",
      jsonencode({ for name, stream in var.streams : name => try(stream.starting_position, null) }), "; DynamoDB ",
      "streams do not know AT_TIMESTAMP. Choose TRIM_HORIZON or LATEST for them.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = alltrue([
      for stream in flatten(values(var.streams)[*][*]) :
      (stream.starting_position == "AT_TIMESTAMP") == (stream.starting_position_timestamp != null)
    ])
    error_message = nonsensitive(join("", [for part in [
      "streams has starting_position = ",
      jsonencode({ for name, stream in var.streams : name => try(stream.starting_position, null) }), ", ",
      "starting_position_timestamp = ",
      jsonencode({ for name, stream in var.streams : name => try(stream.starting_position_timestamp, null) }), "; ",
      "AT_TIMESTAMP takes a timestamp, and no other position does. Set both or neither.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = alltrue([
      for time in flatten(values(var.streams)[*][*].starting_position_timestamp) : time == null ? true : (
        can(regex("^[0-9-]{10}T[0-9:]{8}Z$", time)) && can(formatdate("YYYY", time))
      )
    ])
    error_message = nonsensitive(join("", [for part in [
      "streams has starting_position_timestamp = ",
      jsonencode({ for name, stream in var.streams : name => try(stream.starting_position_timestamp, null) }), "; ",
      "each must be a time of the form \"2025-01-31T12:00:00Z\". Correct it.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }
}
