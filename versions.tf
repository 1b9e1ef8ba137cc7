terraform {
  # 1.9: validations that compare one variable with another.
  required_version = ">= 1.9"

  required_providers {
    # 5.80: tags on event source mappings, and any string as source_code_hash. The only provider:
    # what else the module needs (terraform_data) is built into Terraform.
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.80, < 7"
    }
  }
}
