variable "deletion_protection" {
  description = "Whether the tables refuse to be deleted. Apply with false before you destroy."
  type        = bool
  nullable    = false
  default     = true
}

variable "name" {
  description = "Names the consumer and everything that belongs to it."
  type        = string
  nullable    = false
  default     = "shop"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,39}$", var.name))
    error_message = "name = \"${var.name}\" is not 2 to 40 lower-case letters, digits and -, a letter first. Shorten or correct it."
  }
}

variable "region" {
  description = "The AWS region; null takes that of the environment or profile."
  type        = string
  default     = null
}

variable "zones" {
  description = "The letters of the region's availability zones in which the function has a subnet, and the endpoint of SQS an address that costs by the hour. Some accounts lack one of a, b, c."
  type        = list(string)
  nullable    = false
  default     = ["a", "b"]

  validation {
    condition     = length(var.zones) >= 1 && length(var.zones) <= 4 && alltrue([for zone in var.zones : can(regex("^[a-z]$", zone))]) && length(distinct(var.zones)) == length(var.zones)
    error_message = "zones = ${jsonencode(var.zones)} is not 1 to 4 different letters. Two zones outlast the loss of one."
  }
}
