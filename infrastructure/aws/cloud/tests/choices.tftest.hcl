# What an operator may change, and what is refused with a message.

variables {
  region = "eu-central-1"
}

run "a_public_api_server_for_named_networks" {
  command = plan
  variables {
    public_access_cidrs = ["203.0.113.0/24"]
    admin_role_arns     = ["arn:aws:iam::123456789012:role/platform"]
  }

  assert {
    condition     = aws_eks_cluster.this.vpc_config[0].endpoint_public_access && aws_eks_cluster.this.vpc_config[0].endpoint_private_access
    error_message = "the networks that were named cannot reach the API server"
  }
  assert {
    condition     = one(aws_eks_cluster.this.vpc_config[0].public_access_cidrs) == "203.0.113.0/24"
    error_message = "other networks than the one that was named reach the API server"
  }
  assert {
    condition     = endswith(aws_eks_access_policy_association.admin["arn:aws:iam::123456789012:role/platform"].policy_arn, "/AmazonEKSClusterAdminPolicy")
    error_message = "the role that was named does not administer the cluster"
  }
}

run "a_cheap_installation_to_throw_away" {
  command = plan
  variables {
    name                  = "trial"
    zones                 = 2
    nat_per_zone          = false
    interface_endpoints   = []
    disposable            = true
    vpc_cidr              = "192.168.128.0/20"
    allow_public_internet = true
    public_access_cidrs   = ["0.0.0.0/0"]
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 1 && length(aws_route.nat) == 2 && length(aws_vpc_endpoint.interface) == 0
    error_message = "there is more than one NAT gateway, or a zone without a way out"
  }
  assert {
    condition     = alltrue([for it in aws_ecr_repository.image : it.force_delete && startswith(it.name, "trial/")]) && aws_secretsmanager_secret.gitea.recovery_window_in_days == 0
    error_message = "destroy would leave images or the password behind"
  }
  assert {
    condition     = one(aws_eks_cluster.this.vpc_config[0].public_access_cidrs) == "0.0.0.0/0"
    error_message = "what was said explicitly is not done"
  }
  assert {
    condition     = [for it in aws_subnet.private : it.cidr_block] == ["192.168.128.0/24", "192.168.129.0/24"] && [for it in aws_subnet.public : it.cidr_block] == ["192.168.143.0/28", "192.168.143.16/28"]
    error_message = "the smallest network is cut up wrongly"
  }
}

run "what_is_refused" {
  command = plan
  variables {
    name                   = "Not A Name"
    region                 = "Frankfurt"
    tags                   = { project = "mine" }
    vpc_cidr               = "10.42.1.0/16"
    zones                  = 1
    kubernetes_version     = "1.31"
    public_access_cidrs    = ["office"]
    admin_role_arns        = ["arn:aws:iam::123456789012:role/*"]
    addon_versions         = { core-dns = "v1" }
    node_instance_types    = []
    nodes                  = { min = 3, desired = 2, max = 6 }
    node_disk_gib          = 8
    log_retention_days     = 42
    gitea_admin            = "admin"
    gitea_admin_generation = 1.5
  }
  expect_failures = [
    var.name, var.region, var.tags, var.vpc_cidr, var.zones, var.kubernetes_version, var.public_access_cidrs,
    var.admin_role_arns, var.addon_versions, var.node_instance_types, var.nodes, var.node_disk_gib,
    var.log_retention_days, var.gitea_admin, var.gitea_admin_generation,
  ]
}

run "the_whole_internet_is_not_let_in_by_accident" {
  command = plan
  variables {
    public_access_cidrs = ["0.0.0.0/0"]
  }
  expect_failures = [var.public_access_cidrs]
}

run "nor_in_two_halves_and_addresses_of_others_are_not_taken" {
  command = plan
  variables {
    public_access_cidrs = ["0.0.0.0/1", "128.0.0.0/1"]
    vpc_cidr            = "8.8.0.0/16"
  }
  expect_failures = [var.public_access_cidrs, var.vpc_cidr]
}
