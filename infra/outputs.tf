output "api_url" {
  description = "Address of the API, to which devices upload."
  value       = aws_api_gateway_stage.v1.invoke_url
}

output "keys_table" {
  description = "Hashes of the API's keys."
  value       = aws_dynamodb_table.keys.name
}

output "bucket" {
  description = "Uploads, artifacts and transcripts."
  value       = aws_s3_bucket.recordings.id
}

output "table" {
  description = "One record per recording."
  value       = aws_dynamodb_table.recordings.name
}

output "machine_arns" {
  description = "ARNs of the state machines: standard and express."
  value       = { for kind, machine in aws_sfn_state_machine.recording : kind => machine.arn }
}

output "queue_url" {
  description = "Queue of uploads that wait for the starter."
  value       = aws_sqs_queue.uploads.url
}

output "dead_letter_url" {
  description = "Dead-letter queue: messages that started no execution."
  value       = aws_sqs_queue.uploads_dlq.url
}

output "topic_arn" {
  description = "Alarms and failed recordings."
  value       = aws_sns_topic.alerts.arn
}

output "functions" {
  description = "Function name by stage."
  value       = { for stage, function in aws_lambda_function.stage : stage => function.function_name }
}

output "repositories" {
  description = "Image repository by folder under functions/."
  value       = { for image, repository in aws_ecr_repository.image : image => repository.repository_url }
}
