variable "name" {
  description = "The names of both consumers and of all resources start with it."
  type        = string
  nullable    = false
  default     = "shop"
}

variable "region" {
  description = "The AWS Region. When null, the provider takes it from your environment or profile."
  type        = string
  default     = null
}
