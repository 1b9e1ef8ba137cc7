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

variable "subnet_count" {
  description = "In how many availability zones the function has a subnet, and the endpoint of SQS an address that costs by the hour."
  type        = number
  nullable    = false
  default     = 2

  validation {
    condition     = contains([1, 2, 3], var.subnet_count)
    error_message = "subnet_count = ${var.subnet_count} is not 1, 2 or 3. Two outlast the loss of a zone."
  }
}
