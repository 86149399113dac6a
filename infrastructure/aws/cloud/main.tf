# The cloud under the platform: network, cluster, identities, registry. Needs the AWS provider and nothing else; what
# lives in the cluster is the other stack (../cluster).

provider "aws" {
  region = var.region

  default_tags {
    tags = merge({ project = "infraforge", installation = var.name }, var.tags)
  }
}

data "aws_caller_identity" "this" {}

data "aws_partition" "this" {}

data "aws_availability_zones" "this" {
  state = "available"

  filter {
    name   = "opt-in-status"
    values = ["opt-in-not-required"]
  }
}

locals {
  zones     = { for index, zone in slice(data.aws_availability_zones.this.names, 0, var.zones) : zone => index }
  nat_zones = var.nat_per_zone ? local.zones : { for zone, index in local.zones : zone => index if index == 0 }
  policies  = "arn:${data.aws_partition.this.partition}:iam::aws:policy"
  issuer    = trimprefix(aws_eks_cluster.this.identity[0].oidc[0].issuer, "https://")
}
