variable "name" {
  description = "Names the consumer and everything that belongs to it."
  type        = string
  nullable    = false
  default     = "movements"
}

variable "region" {
  description = "The AWS region; null takes that of the environment or profile."
  type        = string
  default     = null
}
