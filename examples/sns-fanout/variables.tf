variable "name" {
  description = "Names both consumers and everything that belongs to them."
  type        = string
  nullable    = false
  default     = "shop"
}

variable "region" {
  description = "The AWS region; null takes that of the environment or profile."
  type        = string
  default     = null
}
