variable "deletion_protection" {
  description = "Whether DynamoDB refuses to delete the tables. Apply with false before you destroy."
  type        = bool
  nullable    = false
  default     = true
}

variable "name" {
  description = "The name of the consumer. The names of its resources start with it."
  type        = string
  nullable    = false
  default     = "shop"

  validation {
    condition = can(regex("^[a-z][a-z0-9-]{1,39}$", var.name))
    error_message = join(" ", [
      "name = \"${var.name}\" is not a letter and then 1 to 39 letters, digits or -, all lower-case.",
      "Shorten or correct it.",
    ])
  }
}

variable "region" {
  description = "The AWS Region. When null, the provider takes it from your environment or profile."
  type        = string
  default     = null
}

variable "zones" {
  description = <<-EOT
    The letters of the availability zones in which the function has a subnet. In each of them, the endpoint of SQS has
    an address, which costs by the hour. Some accounts lack a, b or c.
  EOT
  type        = list(string)
  nullable    = false
  default     = ["a", "b"]

  validation {
    condition = (
      length(var.zones) >= 1 && length(var.zones) <= 4 && length(distinct(var.zones)) == length(var.zones) &&
      alltrue([for zone in var.zones : can(regex("^[a-z]$", zone))])
    )
    error_message = join(" ", [
      "zones = ${jsonencode(var.zones)} is not 1 to 4 different letters.",
      "Name two or more, so that the function survives the loss of a zone.",
    ])
  }
}
