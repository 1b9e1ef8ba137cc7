variable "name" {
  description = "Names the function and everything that belongs to it."
  type        = string
  nullable    = false
  default     = "charges"
}

variable "region" {
  description = "The AWS region; null takes that of the environment or profile."
  type        = string
  default     = null
}
