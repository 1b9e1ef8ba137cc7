locals {
  # 1. The tags of each part: the module's, and the part's own, which win. The function's tags are apart, because
  # nothing of queue and table may depend on var.function (main.tf).
  function_tags = merge(var.tags, var.function.tags)
  tags = {
    alarms = merge(var.tags, try(var.alarms.tags, {}))
    logs   = merge(var.tags, var.logs.tags)
    queue  = merge(var.tags, try(var.queue.tags, {}))
    table  = merge(var.tags, var.table.tags)
  }

  all_tags = merge(local.tags, { function = local.function_tags })

  # 2. The rules of AWS, as in policy-rules.tf; preconditions in checks.tf show the messages. The
  # module does not see the provider's default tags, which count too.
  # https://docs.aws.amazon.com/IAM/latest/APIReference/API_Tag.html
  tag_inputs = {
    "alarms.tags"   = try(var.alarms.tags, {})
    "function.tags" = var.function.tags
    "logs.tags"     = var.logs.tags
    "queue.tags"    = try(var.queue.tags, {})
    "table.tags"    = var.table.tags
    "tags"          = var.tags
  }
  tag_rules = {
    tags = flatten([
      [for input, tags in local.tag_inputs : {
        broken = !alltrue([
          for key in keys(tags) : !startswith(lower(key), "aws:") &&
          can(regex("^[\\p{L}\\p{Z}\\p{N}_.:/=+@-]{1,128}$", key))
        ])
        parts = [
          "${input} has the keys ", jsonencode(keys(tags)), "; AWS takes 1 to 128 letters, digits, spaces and ",
          "_.:/=+-@ in a key, which does not start with aws:. Rename or remove the others.",
        ]
      }],

      {
        broken = anytrue([for tags in values(local.all_tags) : length(tags) > 50])
        parts = [
          "tags, with the tags of a part, are too many: ",
          jsonencode({ for part, tags in local.all_tags : part => length(tags) if nonsensitive(length(tags) > 50) }),
          "; AWS takes 50 for a resource, and the provider's default tags count. Remove some.",
        ]
      },

      # Other services distinguish upper and lower case. https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html
      {
        broken = local.creates_function && (
          length(distinct([for key in keys(local.function_tags) : lower(key)])) < length(local.function_tags)
        )
        parts = [
          "tags and function.tags have the keys ", jsonencode(keys(local.function_tags)), "; in the keys of a role's ",
          "tags, IAM does not distinguish upper and lower case. Rename or remove all but one of the same.",
        ]
      },
    ])

    # A value may be unknown while Terraform plans. The provider leaves out a tag whose value is null.
    tag_values = [
      for input, tags in local.tag_inputs : {
        broken = !alltrue([
          for value in values(tags) :
          value == null ? true : can(regex("^[\\p{L}\\p{Z}\\p{N}_.:/=+@-]{0,256}$", value))
        ])
        parts = [
          "${input} is ", jsonencode(tags), "; AWS takes up to 256 letters, digits, spaces and _.:/=+-@ in a value. ",
          "Correct or remove the others.",
        ]
      }
    ]
  }
}
