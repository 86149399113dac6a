terraform {
  required_version = ">= 1.11.0, < 2.0.0" # 1.10: locks in S3 itself; 1.11: write-only arguments

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  backend "s3" {} # the rest is in backend.hcl, which no two installations share
}
