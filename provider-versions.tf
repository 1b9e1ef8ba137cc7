# Where the versions of hashicorp/aws differ. A module cannot ask Terraform for the version. But data.aws_region has the
# attribute `region` since 6.0, and keys() looks at the schema, which every plan knows. What differs between versions of
# provider 6, the provider itself refuses: its error shows the line of the resource, which ends with the version.

locals {
  has_provider_6 = contains(keys(data.aws_region.current), "region")

  # The message of each setting of a created function that provider 5 refuses.
  function_faults = [
    for rule in local.has_provider_6 ? [] : [
      {
        broken = !local.image && tonumber(split(".", var.function.runtime)[1]) > 13
        parts = [
          "function.runtime = \"", var.function.runtime, "\", and hashicorp/aws 5 takes python3.13 at most. Use ",
          "hashicorp/aws 6.20 or newer for python3.14, or set runtime = \"python3.13\".",
        ]
      },
      {
        broken = var.function.timeout_seconds > 900
        parts = [
          "function.timeout_seconds = ", var.function.timeout_seconds, ", and hashicorp/aws 5 takes 900 at most, as 6 ",
          "does up to 6.69.1. Use a newer hashicorp/aws 6 that takes more, or lower the timeout to 900.",
        ]
      },
    ] : nonsensitive(join("", [for part in rule.parts : issensitive(part) ? "(sensitive)" : part]))
    if nonsensitive(rule.broken)
  ]
}
