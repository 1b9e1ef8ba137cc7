variable "architecture" {
  description = "The architecture of the function. The module installs dependencies for it."
  type        = string
  nullable    = false
  default     = "arm64"
}

variable "name" {
  description = "The name of the consumer. The names of its resources start with it."
  type        = string
  nullable    = false
  default     = "invoices"
}

variable "region" {
  description = "The AWS Region. When null, the provider takes it from your environment or profile."
  type        = string
  default     = null
}

variable "runtime" {
  description = "The runtime of the function. The module installs dependencies for it."
  type        = string
  nullable    = false
  default     = "python3.13"
}
