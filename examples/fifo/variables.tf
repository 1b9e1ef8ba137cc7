variable "name" {
  description = "The name of the consumer. The names of its resources start with it."
  type        = string
  nullable    = false
  default     = "movements"
}

variable "region" {
  description = "The AWS Region. When null, the provider takes it from your environment or profile."
  type        = string
  default     = null
}
