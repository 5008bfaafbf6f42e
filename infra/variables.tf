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
  description = "Of all functions and their images: arm64 costs a fifth less."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture must be arm64 or x86_64."
  }
}

variable "image_tags" {
  description = "Content tag of each image by folder name; written by the deploy tool."
  type        = map(string)
  default     = {}
}

variable "use_openai" {
  description = "Make notes with OpenAI: a secret ($0.40 a month) holds the key. Otherwise the offline notes."
  type        = bool
  default     = false
}

variable "alert_email" {
  description = "Where alarms and failed recordings go; empty: nobody is told."
  type        = string
  default     = ""
}

variable "monthly_budget_usd" {
  description = "A budget for resources tagged with this project, told to alert_email at 80 and 100 %; 0: none."
  type        = number
  default     = 0
}

variable "log_retention_days" {
  description = "How long logs are kept."
  type        = number
  default     = 30
}

variable "raw_retention_days" {
  description = "Uploads are deleted after so many days; 0: never."
  type        = number
  default     = 0
}

variable "artifact_retention_days" {
  description = "Intermediate results are deleted after so many days. Above 14, the days in which a redrive is possible."
  type        = number
  default     = 30

  validation {
    condition     = var.artifact_retention_days > 14
    error_message = "artifact_retention_days must be above 14: until then a failed execution can be redriven."
  }
}

variable "use_kms" {
  description = "Encrypt with a key of one's own ($1 a month) in place of AWS's keys."
  type        = bool
  default     = false
}

variable "api_rate_per_s" {
  description = "Requests per second that the API takes from all devices together; bursts may be four times that."
  type        = number
  default     = 20
}
