variable "name" {
  description = "The name of the function. The names of its resources start with it."
  type        = string
  nullable    = false
  default     = "payments"
}

variable "region" {
  description = "The AWS Region. When null, the provider takes it from your environment or profile."
  type        = string
  default     = null
}
