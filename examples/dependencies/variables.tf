variable "architecture" {
  description = "The architecture of the function, for which its dependencies are installed."
  type        = string
  nullable    = false
  default     = "arm64"
}

variable "name" {
  description = "Names the consumer and everything that belongs to it."
  type        = string
  nullable    = false
  default     = "invoices"
}

variable "region" {
  description = "The AWS region; null takes that of the environment or profile."
  type        = string
  default     = null
}

variable "runtime" {
  description = "The runtime of the function, for which its dependencies are installed."
  type        = string
  nullable    = false
  default     = "python3.13"
}
