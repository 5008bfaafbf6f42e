variable "project" {
  description = "First part of every name."
  type        = string
  default     = "rem"
}

variable "environment" {
  description = "Second part of every name. prod keeps its data: no forced deletion, tables protected."
  type        = string
  default     = "dev"

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,11}$", var.environment))
    error_message = "environment must be 2 to 12 small letters and digits, a letter first."
  }
}

variable "region" {
  description = "AWS region."
  type        = string
  default     = "us-east-1"
}

variable "architecture" {
  description = "Processor architecture of all functions and images; arm64 costs a fifth less."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture must be arm64 or x86_64."
  }
}

variable "image_tags" {
  description = "Content tag of each image by folder name; infra.deploy writes it."
  type        = map(string)
  default     = {}
}

variable "use_openai" {
  description = "Make notes with OpenAI, with its key in a secret ($0.40 a month); false: offline notes."
  type        = bool
  default     = false
}

variable "alert_email" {
  description = "Address for alarms and failed recordings; empty: nobody is told."
  type        = string
  default     = ""
}

variable "monthly_budget_usd" {
  description = "Budget for resources tagged with this project; alert_email is told at 80 and 100 %. 0: no budget."
  type        = number
  default     = 0
}

variable "log_retention_days" {
  description = "Days for which logs are kept."
  type        = number
  default     = 30
}

variable "raw_retention_days" {
  description = "Days after which uploads are deleted; 0: never."
  type        = number
  default     = 0
}

variable "artifact_retention_days" {
  description = "Days after which intermediate results are deleted; above 14, because AWS redrives for 14 days."
  type        = number
  default     = 30

  validation {
    condition     = var.artifact_retention_days > 14
    error_message = "artifact_retention_days must be above 14: until then a failed execution can be redriven."
  }
}

variable "use_kms" {
  description = "Encrypt with a key of your own ($1 a month) and not with AWS's keys."
  type        = bool
  default     = false
}

variable "api_rate_per_s" {
  description = "Requests per second that the API takes from all devices together; a burst may have four times as many."
  type        = number
  default     = 20
}
