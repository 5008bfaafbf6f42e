# The HTTP API. docs/openapi.json names its routes; one function answers them all and checks the keys.
# API Gateway's own keys are not used: REM keeps hashes of its keys in a table, one key per device, and a revoked
# key ends with the next request.
locals {
  openapi      = jsondecode(file("${path.module}/../docs/openapi.json"))
  http_methods = ["get", "post", "put", "patch", "delete"]

  # API Gateway gets only routes and path parameters: it reads OpenAPI 3.0, and the document is 3.1.
  api_paths = {
    for path, operations in local.openapi.paths : path => {
      for method in setintersection(keys(operations), local.http_methods) : method => {
        parameters = [
          for name in flatten(regexall("{(\\w+)}", path)) :
          { name = name, in = "path", required = true, schema = { type = "string" } }
        ]
        x-amazon-apigateway-integration = {
          type                = "aws_proxy"
          httpMethod          = "POST"
          uri                 = "arn:${local.partition}:apigateway:${var.region}:lambda:path/2015-03-31/functions/${local.function_arns.api}/invocations"
          passthroughBehavior = "when_no_match"
          timeoutInMillis     = 29000
        }
      }
    }
  }
}

resource "aws_api_gateway_rest_api" "main" {
  name        = local.name
  description = "REM: uploads, recordings, transcripts"
  body = jsonencode({
    openapi                                = "3.0.1"
    info                                   = { title = local.name, version = local.openapi.info.version }
    paths                                  = local.api_paths
    x-amazon-apigateway-binary-media-types = ["multipart/form-data", "application/octet-stream"]
  })

  endpoint_configuration {
    types = ["REGIONAL"]
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_api_gateway_deployment" "main" {
  rest_api_id = aws_api_gateway_rest_api.main.id
  triggers    = { body = sha1(aws_api_gateway_rest_api.main.body) }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_api_gateway_stage" "v1" {
  rest_api_id          = aws_api_gateway_rest_api.main.id
  deployment_id        = aws_api_gateway_deployment.main.id
  stage_name           = "v1"
  xray_tracing_enabled = true
}

# The throttle keeps a stranger without a key from running up a bill: a refused request costs $0.000004.
resource "aws_api_gateway_method_settings" "all" {
  rest_api_id = aws_api_gateway_rest_api.main.id
  stage_name  = aws_api_gateway_stage.v1.stage_name
  method_path = "*/*"

  settings {
    metrics_enabled        = true
    throttling_rate_limit  = var.api_rate_per_s
    throttling_burst_limit = 4 * var.api_rate_per_s
  }
}

resource "aws_lambda_permission" "api" {
  statement_id  = "api"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.stage["api"].function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_api_gateway_rest_api.main.execution_arn}/*/*"
}
