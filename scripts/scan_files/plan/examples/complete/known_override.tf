locals {
  arn_parts = { partition = "aws", region = "eu-central-1", account = "123456789012" }
}

module "orders" {
  kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-4000-8000-000000000000"

  logs = {
    kms_key_arn    = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-4000-8000-000000000001"
    retention_days = 365
  }
}

provider "aws" {
  region                      = "eu-central-1"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}
